/**
 * Makes commits durable, off the main thread: syncs the pages, then writes the checkpoint (lmdbCheckpoint.ts) and syncs that. By
 * itself soon after a commit, and at once where somebody waits for it. Through a descriptor of its own: Linux reports a failed
 * write-back once to every descriptor, so this one also learns of failures that LMDB's has been told of.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  openSync,
  statSync,
  write,
  writeSync,
} from "node:fs";
import { QrewError } from "../../protocol/errors.ts";
import { type Checkpoint, latestMark, type Mark, nextCheckpoint } from "./lmdbCheckpoint.ts";

/** A power cut takes back what was committed for so long at most, beside what is being synced. Each flush costs two syncs. */
const FLUSH_AFTER_MS = 50;

/**
 * Where a flush takes less than this and the last one is so many times as long ago as it took, it is made at once: the way through the
 * thread pool, three times, takes longer. On a slower disk, or where many wait, the event loop must not be kept from its work.
 */
const AT_ONCE_MS_MAX = 1;
const APART_TIMES = 8;
/** A flush through the thread pool takes about so many times as long as at once, where the disk is quick and the cpus are busy. */
const AWAY_TIMES = 3;
/** Weight of the latest flush in the average. */
const AVERAGE_WEIGHT = 0.2;

/** Until the next checkpoint pages are not used again: a writer that never returns to the event loop must not fill the disk. */
const COMMITS_MAX = 1000;

/** After a write that found no room every page counts: so many commits are synced at once. */
const TIGHT_COMMITS = 100;

export interface FlusherOptions {
  readonly file: string;
  readonly bootId: string;
  /** Takes a snapshot of the state that was committed last; what is returned gives it back. */
  readonly hold: () => () => void;
}

/** One flush at a time; callers that come while one runs share the next. */
export class Flusher {
  private readonly options: FlusherOptions;
  private readonly descriptor: number;
  private commits = 0;
  private durable = 0;
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private failure: QrewError | null = null;
  /** How long a flush takes, on average. */
  private averageMs: number;
  private flushedAtMs: number;
  /** Commits that are still synced at once. */
  private tight = 0;
  /** Of the last checkpoint in the file. */
  private mark: Mark | null;
  /** Gives the snapshot of the checkpoint back. */
  private release: () => void;

  /** Before the first commit: what an earlier writer has not flushed becomes the checkpoint. Throws what the disk says. */
  constructor(options: FlusherOptions) {
    this.options = options;
    this.descriptor = openSync(options.file, "r+");
    try {
      this.mark = latestMark(this.descriptor, options.file);
      const beganMs = performance.now();
      this.release = this.checkpoint();
      this.flushedAtMs = performance.now();
      this.averageMs = this.flushedAtMs - beganMs;
    } catch (error) {
      closeSync(this.descriptor);
      throw error;
    }
  }

  committed(): void {
    this.commits += 1;
    if (this.tight > 0 || this.commits - this.durable > COMMITS_MAX) this.flushNow();
    this.tight = Math.max(0, this.tight - 1);
    this.timer ??= setTimeout(() => {
      this.timer = null;
      // Who waits for it is told of a failure, and the next write.
      this.flushed().catch(() => undefined);
    }, FLUSH_AFTER_MS).unref();
  }

  /** A write found no room: pages that only the checkpoint holds come free now, and so does each that is freed from now on. */
  foundFull(): void {
    this.tight = TIGHT_COMMITS;
    this.flushNow();
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
    if (this.durable < target && this.isQuick()) this.flushNow();
    while (this.durable < target) {
      this.check();
      this.running ??= this.flush();
      await this.running;
    }
    this.check();
  }

  private isQuick(): boolean {
    const { averageMs, flushedAtMs } = this;
    return averageMs < AT_ONCE_MS_MAX && performance.now() - flushedAtMs > APART_TIMES * averageMs;
  }

  /** After the last use, when all is flushed, and before LMDB is closed. */
  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    try {
      if (this.failure === null) this.checkpoint(true)();
    } catch {
      // The next writer takes it for a power cut, if the machine was started anew by then: nothing is lost.
    }
    this.release();
    closeSync(this.descriptor);
  }

  /** The same at once, unless it is under way. */
  private flushNow(): void {
    if (this.running !== null || this.failure !== null) return;
    const beganMs = performance.now();
    try {
      this.checkPlace();
      const release = this.checkpoint();
      this.release();
      this.release = release;
      this.durable = this.commits;
      this.took(performance.now() - beganMs);
    } catch (error) {
      this.fail(error);
    }
  }

  private took(ms: number): void {
    this.averageMs += AVERAGE_WEIGHT * (ms - this.averageMs);
    this.flushedAtMs = performance.now();
  }

  private checkpoint(isLast = false): () => void {
    const { file, bootId, hold } = this.options;
    const release = hold();
    try {
      fdatasyncSync(this.descriptor);
      const next = nextCheckpoint(this.descriptor, file, bootId, { before: this.mark, isLast });
      writeSync(this.descriptor, next.record, 0, next.record.length, next.position);
      fdatasyncSync(this.descriptor);
      this.mark = next.mark;
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }

  private async flush(): Promise<void> {
    const { file, bootId, hold } = this.options;
    const covered = this.commits;
    const beganMs = performance.now();
    try {
      this.checkPlace();
      // Nobody else commits: the snapshot and the record are of the same state.
      const release = hold();
      try {
        const next = nextCheckpoint(this.descriptor, file, bootId, { before: this.mark });
        await syncFile(this.descriptor);
        await writeRecord(this.descriptor, next);
        await syncFile(this.descriptor);
        this.mark = next.mark;
      } catch (error) {
        release();
        throw error;
      }
      this.release();
      this.release = release;
      this.durable = covered;
      this.took((performance.now() - beganMs) / AWAY_TIMES);
    } catch (error) {
      this.fail(error);
    } finally {
      this.running = null;
    }
  }

  /** What is written into a file that was removed, or moved, is found by nobody: it must not be called durable. */
  private checkPlace(): void {
    const own = fstatSync(this.descriptor);
    const there = statSync(this.options.file, { throwIfNoEntry: false });
    if (there?.ino === own.ino && there.dev === own.dev) return;
    const message = `The store ${this.options.file} was moved or removed while it was in use: put it back, then start qrew again.`;
    throw new QrewError("storeDamaged", message);
  }

  private fail(error: unknown): void {
    if (error instanceof QrewError) {
      this.failure ??= error;
      return;
    }
    const detail = error instanceof Error ? error.message : String(error);
    this.failure ??= new QrewError(
      // Not storeFull, which is tried again: what was not synced once may be gone, however often it is asked for.
      "storeDamaged",
      `The disk of ${this.options.file} failed (${detail}): check the disk, then start qrew again.`,
      [],
      { cause: error },
    );
  }
}

const syncFile = (descriptor: number): Promise<void> =>
  new Promise((resolve, reject) => {
    fdatasync(descriptor, (error) => (error === null ? resolve() : reject(error)));
  });

/** A sector in a page that is there: it needs no room. */
const writeRecord = (descriptor: number, { record, position }: Checkpoint): Promise<void> =>
  new Promise((resolve, reject) => {
    write(descriptor, record, 0, record.length, position, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
