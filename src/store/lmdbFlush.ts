/** Makes commits durable, off the main thread. */
import { assert, QrewError } from "../../protocol/errors.ts";

/** Syncs in the background, one at a time; callers that come while one runs share the next. */
export class Flusher {
  private readonly database: object;
  private readonly folder: string;
  private commits = 0;
  private durable = 0;
  private running: Promise<void> | null = null;
  private failure: QrewError | null = null;

  constructor(database: object, folder: string) {
    this.database = database;
    this.folder = folder;
  }

  committed(): void {
    this.commits += 1;
  }

  /**
   * After a failed sync Linux counts the lost pages as clean and the next sync succeeds: nothing that is written after
   * it may ever be called durable, so the store stays failed until it is opened again.
   */
  fail(failure: QrewError): void {
    this.failure ??= failure;
  }

  check(): void {
    if (this.failure !== null) throw this.failure;
  }

  async flushed(): Promise<void> {
    const target = this.commits;
    while (this.durable < target) {
      this.check();
      this.running ??= this.sync();
      await this.running;
    }
    this.check();
  }

  private async sync(): Promise<void> {
    const covered = this.commits;
    try {
      await syncFile(this.database);
      this.durable = covered;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.fail(
        new QrewError(
          "storeFull",
          `The disk of the store ${this.folder} failed (${detail}): check the disk, then start qrew again.`,
          [],
          { cause: error },
        ),
      );
    } finally {
      this.running = null;
    }
  }
}

/** `sync` is lmdb-js's, and missing in its types. */
interface Syncing {
  sync(callback: (error?: Error | null) => void): void;
}

const isSyncing = (database: object): database is Syncing =>
  "sync" in database && typeof database.sync === "function";

function syncFile(database: object): Promise<void> {
  assert(isSyncing(database), "lmdb-js can sync");
  return new Promise((resolve, reject) => {
    database.sync((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}
