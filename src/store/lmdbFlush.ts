/**
 * Makes commits durable, off the main thread, through a descriptor of its own: Linux reports a failed write-back once
 * to every descriptor, so this one also learns of failures that LMDB's has been told of.
 */
import { closeSync, fdatasync, fdatasyncSync, openSync } from "node:fs";
import { QrewError } from "../../protocol/errors.ts";

/** One sync at a time; callers that come while one runs share the next. */
export class Flusher {
  private readonly file: string;
  private readonly descriptor: number;
  private commits = 0;
  private durable = 0;
  private running: Promise<void> | null = null;
  private failure: QrewError | null = null;

  constructor(file: string) {
    this.file = file;
    this.descriptor = openSync(file, "r+");
  }

  committed(): void {
    this.commits += 1;
  }

  /**
   * After a failed sync Linux counts the lost pages as clean, and the next sync succeeds. So nothing that is written
   * after it may be called durable: the store stays failed until it is opened again.
   */
  check(): void {
    if (this.failure !== null) throw this.failure;
  }

  /** After a commit that failed with EIO, which LMDB also says of a write that found the disk full. */
  checkDisk(): void {
    try {
      fdatasyncSync(this.descriptor);
    } catch (error) {
      this.fail(error);
    }
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

  /** After the last use; what is not flushed then is left to the system. */
  close(): void {
    closeSync(this.descriptor);
  }

  private async sync(): Promise<void> {
    const covered = this.commits;
    try {
      await new Promise<void>((resolve, reject) => {
        fdatasync(this.descriptor, (error) => (error === null ? resolve() : reject(error)));
      });
      this.durable = covered;
    } catch (error) {
      this.fail(error);
    } finally {
      this.running = null;
    }
  }

  private fail(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    this.failure ??= new QrewError(
      // Not storeFull, which is tried again: what was not synced once may be gone, however often it is asked for.
      "storeDamaged",
      `The disk of ${this.file} failed (${detail}): check the disk, then start qrew again.`,
      [],
      { cause: error },
    );
  }
}
