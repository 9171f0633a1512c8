/**
 * Makes commits durable, off the main thread or, where that is quick, at once. What somebody waits for goes into the journal
 * (lmdbJournal.ts), if it is little: one sync. A checkpoint (lmdbCheckpoint.ts) syncs the pages, then its record; it is made soon after each
 * commit by itself, and where the journal has no room. Through a descriptor of its own: Linux reports a failed write-back once to
 * every descriptor, so this one also learns of failures that LMDB's has been told of.
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
import {
  type Checkpoint,
  isLatestCheckpoint,
  latestMark,
  type Mark,
  nextCheckpoint,
} from "./lmdbCheckpoint.ts";
import { Journal, type JournalEntry, journalFileOf } from "./lmdbJournal.ts";
import { PendingChanges } from "./pendingChanges.ts";

/** A power cut takes back what was committed for so long at most, beside what is being synced, and the journal has to hold no more. */
export const CHECKPOINT_AFTER_MS = 50;

/**
 * Where a flush takes less than this and the last one is so many times as long ago as it took, it is made at once: the way through the
 * thread pool, two or three times, takes longer. On a slower disk, or where many wait, the event loop must not be kept from its work.
 */
const AT_ONCE_MS_MAX = 1;
const APART_TIMES = 8;
/** A flush through the thread pool takes about so many times as long as at once, where the disk is quick and the cpus are busy. */
const AWAY_TIMES = 3;
/** Weight of the latest flush in the average. */
const AVERAGE_WEIGHT = 0.2;

/** Until the next checkpoint pages are not used again: a writer that never returns to the event loop must not fill the disk. */
const COMMITS_MAX = 1000;

/** After a write that found no room every page counts: so many commits make a checkpoint each, at once. */
const TIGHT_COMMITS = 100;

export interface FlusherOptions {
  readonly file: string;
  readonly bootId: string;
  /** Takes a snapshot of the state that was committed last; what is returned gives it back. */
  readonly hold: () => () => void;
}

/** One flush at a time; callers that come while one runs share the next. */
export class Flusher {
  /** What was committed since the last flush began. */
  readonly pending = new PendingChanges();
  private readonly options: FlusherOptions;
  private readonly descriptor: number;
  private commits = 0;
  /** Of the commits, so many are on disk, and so many are in the last checkpoint. */
  private durable = 0;
  private inCheckpoint = 0;
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private isClosing = false;
  private placeCheckedAtMs = performance.now();
  private failure: QrewError | null = null;
  /** How long a flush takes, on average. */
  private averageMs: number;
  private flushedAtMs: number;
  /** Commits that still make a checkpoint at once. */
  private tight = 0;
  /** The last one of this writer; null before its first. */
  private last: Checkpoint | null = null;
  /** Gives the snapshot of the checkpoint back. */
  private release: () => void;
  /** Null until somebody waits for a flush, and `refused` where the disk has no room for one. */
  private journal: Journal | "refused" | null = null;

  /** Before the first commit: what an earlier writer has not flushed becomes the checkpoint. Throws what the disk says. */
  constructor(options: FlusherOptions) {
    this.options = options;
    this.descriptor = openSync(options.file, "r+");
    try {
      const beganMs = performance.now();
      this.release = options.hold();
      this.last = this.writeCheckpoint();
      this.flushedAtMs = performance.now();
      this.averageMs = this.flushedAtMs - beganMs;
    } catch (error) {
      closeSync(this.descriptor);
      throw error;
    }
  }

  committed(): void {
    this.commits += 1;
    if (this.tight > 0 || this.commits - this.inCheckpoint > COMMITS_MAX) this.flushAtOnce(false);
    this.tight = Math.max(0, this.tight - 1);
    this.timer ??= setTimeout(() => {
      this.timer = null;
      // Who waits for it is told of a failure, and the next write.
      this.checkpoint().catch(() => undefined);
    }, CHECKPOINT_AFTER_MS).unref();
  }

  /** A write found no room: pages that only the checkpoint holds come free now, and so does each that is freed from now on. */
  foundFull(): void {
    this.tight = TIGHT_COMMITS;
    this.flushAtOnce(false);
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
      if (this.running === null && this.isQuick()) this.flushAtOnce(true);
      else await this.away(true);
    }
    this.check();
  }

  private async checkpoint(): Promise<void> {
    const target = this.commits;
    while (this.inCheckpoint < target && !this.isClosing) {
      this.check();
      await this.away(false);
    }
  }

  private isQuick(): boolean {
    const { averageMs, flushedAtMs } = this;
    return averageMs < AT_ONCE_MS_MAX && performance.now() - flushedAtMs > APART_TIMES * averageMs;
  }

  /** After the last use, when all is flushed, and before LMDB is closed. */
  async close(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    // Nothing begins any more; what is under way uses the descriptors and the snapshot.
    this.isClosing = true;
    while (this.running !== null) await this.running;
    try {
      if (this.failure === null) this.writeCheckpoint(true);
    } catch {
      // The next writer takes it for a power cut, if the machine was started anew by then: nothing is lost.
    }
    this.release();
    if (this.journal instanceof Journal) this.journal.close();
    closeSync(this.descriptor);
  }

  /** What is pending as an entry; null where a checkpoint has to be made. Throws as `checkPlace`. */
  private entry(): JournalEntry | null {
    const before = this.journal;
    if (performance.now() - this.placeCheckedAtMs > CHECKPOINT_AFTER_MS) this.checkPlace();
    // What was flushed into one that is lost has to be in the next checkpoint, before another journal begins.
    if (before !== null && this.journal === null) return null;
    const own = this.ownLatest();
    if (own === null) return null;
    this.journal ??= this.openJournal(own.digest);
    return this.journal === "refused" ? null : this.journal.entryOf(this.pending);
  }

  /**
   * The last checkpoint, if it is this writer's. Whoever is about to become the writer opens the store before it knows whether there is one
   * already, and begins with a checkpoint: then an entry behind this one's would not be found, and its next one has to come after the other's.
   */
  private ownLatest(): Checkpoint | null {
    return this.last !== null && isLatestCheckpoint(this.descriptor, this.last) ? this.last : null;
  }

  private latest(): Mark | null {
    return this.ownLatest()?.mark ?? latestMark(this.descriptor, this.options.file);
  }

  private openJournal(checkpointDigest: Buffer): Journal | "refused" {
    try {
      return new Journal(journalFileOf(this.options.file), checkpointDigest);
    } catch {
      return "refused";
    }
  }

  /** Unless one is under way, or none counts any more. */
  private flushAtOnce(isLittle: boolean): void {
    if (this.running !== null || this.failure !== null) return;
    const beganMs = performance.now();
    try {
      const entry = isLittle ? this.entry() : null;
      if (entry === null || !this.writeEntry(entry)) {
        this.checkPlace();
        const release = this.options.hold();
        try {
          this.began(this.writeCheckpoint(), release, this.commits);
        } catch (error) {
          release();
          throw error;
        }
      }
      this.pending.clear();
      this.durable = this.commits;
      this.took(performance.now() - beganMs);
    } catch (error) {
      this.fail(error);
    }
  }

  private away(isLittle: boolean): Promise<void> {
    this.running ??= this.flushAway(isLittle).finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async flushAway(isLittle: boolean): Promise<void> {
    const covered = this.commits;
    const beganMs = performance.now();
    try {
      const entry = isLittle ? this.entry() : null;
      if (entry === null) await this.checkpointAway(covered);
      else {
        const own = { ...entry, bytes: Buffer.from(entry.bytes) };
        this.pending.clear();
        if (!(await this.writeEntryAway(own))) await this.checkpointAway(covered);
        this.took((performance.now() - beganMs) / AWAY_TIMES);
      }
      this.durable = covered;
    } catch (error) {
      this.fail(error);
    }
  }

  private took(ms: number): void {
    this.averageMs += AVERAGE_WEIGHT * (ms - this.averageMs);
    this.flushedAtMs = performance.now();
  }

  /** False where there is no room for it, as on disks that write nothing in its old place: then there is no journal. Throws what the sync says. */
  private writeEntry(entry: JournalEntry): boolean {
    const { journal } = this;
    if (!(journal instanceof Journal)) return false;
    if (!journal.writeNow(entry)) return this.giveUp(journal);
    journal.syncNow();
    journal.wrote(entry);
    return true;
  }

  private async writeEntryAway(entry: JournalEntry): Promise<boolean> {
    const { journal } = this;
    if (!(journal instanceof Journal)) return false;
    if (!(await journal.writeAway(entry))) return this.giveUp(journal);
    await journal.syncAway();
    journal.wrote(entry);
    return true;
  }

  private giveUp(journal: Journal): false {
    journal.close();
    this.journal = "refused";
    return false;
  }

  private writeCheckpoint(isLast = false): Checkpoint {
    const { file, bootId } = this.options;
    // Before the sync: what another process commits meanwhile is not in it.
    const next = nextCheckpoint(this.descriptor, file, bootId, { before: this.latest(), isLast });
    fdatasyncSync(this.descriptor);
    writeSync(this.descriptor, next.record, 0, next.record.length, next.position);
    fdatasyncSync(this.descriptor);
    return next;
  }

  private async checkpointAway(covered: number): Promise<void> {
    const { file, bootId, hold } = this.options;
    this.checkPlace();
    // Nobody else commits: the snapshot and the record are of the same state. What is committed from now on is pending.
    const release = hold();
    this.pending.clear();
    try {
      const next = nextCheckpoint(this.descriptor, file, bootId, { before: this.latest() });
      await syncFile(this.descriptor);
      await writeRecord(this.descriptor, next);
      await syncFile(this.descriptor);
      this.began(next, release, covered);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** A new checkpoint is on disk, with so many commits; its snapshot is held by `release`. */
  private began(checkpoint: Checkpoint, release: () => void, covered: number): void {
    this.last = checkpoint;
    this.inCheckpoint = covered;
    if (this.journal instanceof Journal) this.journal.restart(checkpoint.digest);
    this.release();
    this.release = release;
  }

  /** What is written into a file that was removed, or moved, is found by nobody: it must not be called durable. */
  private checkPlace(): void {
    this.placeCheckedAtMs = performance.now();
    const { journal } = this;
    if (journal instanceof Journal && !journal.isInPlace()) {
      // Another one is made, which begins after the next checkpoint.
      journal.close();
      this.journal = null;
    }
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
