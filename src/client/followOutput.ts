/**
 * What tasks write, while they write it: from the spool files of attempts that run, and from the store what is left when they
 * have ended. It reads only, and needs no manager; nothing is told twice, and nothing is left out.
 */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { QrewError } from "../../protocol/errors.ts";
import type { CapturedOutput } from "../../protocol/executorLink.ts";
import type { JobSeq, TaskIndex } from "../../protocol/ids.ts";
import { OUTPUT_BYTES_MAX } from "../../protocol/limits.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { StoredTask } from "../store/workerStore.ts";
import type { StateReader } from "./read.ts";
import type { StreamName } from "./readOutput.ts";
import { isFinalTaskState, type JobTasks } from "./readTasks.ts";
import { TaskWindow } from "./taskWindow.ts";

/** Between two looks: soon enough for a person, seldom enough to cost nothing. */
const LOOK_MS = 200;
/** A look that takes long is followed by a longer rest: a fifth of the time at most is spent looking. */
const REST_FACTOR = 4;
/** Read at once from a file. */
const PIECE_BYTES = 256 * 1024;

/** A piece of what an attempt wrote to one stream, in order. */
export interface OutputPiece {
  readonly task: TaskIndex;
  readonly name: string;
  readonly attempt: number;
  readonly stream: StreamName;
  readonly bytes: Uint8Array;
  /** The attempt has ended, and this is the last of its stream; `bytes` may be empty. */
  readonly isLast: boolean;
}

export interface FollowOutputOptions {
  /** Default: all tasks of the job. */
  readonly tasks?: readonly TaskIndex[];
  readonly streams: readonly StreamName[];
  readonly signal?: AbortSignal;
}

/**
 * From the first byte on, until all the tasks have ended, also of a job that does not run yet. Ends without error when
 * `signal` is aborted. Throws `notFound` when the job is removed meanwhile.
 */
export async function* followOutput(
  reader: StateReader,
  job: JobSeq,
  options: FollowOutputOptions,
): AsyncGenerator<OutputPiece> {
  const follower = new OutputFollower(reader, job, options);
  while (options.signal?.aborted !== true) {
    const beganMs = performance.now();
    const isAtEnd = yield* follower.look();
    if (isAtEnd) return;
    const restMs = Math.max(LOOK_MS, (performance.now() - beganMs) * REST_FACTOR);
    await delay(restMs, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(
      () => undefined,
    );
  }
}

/** How much of an attempt has been told. */
interface Told {
  readonly attempt: number;
  readonly bytes: Record<StreamName, number>;
  hasEnded: boolean;
}

class OutputFollower {
  readonly #reader: StateReader;
  readonly #job: JobSeq;
  readonly #wanted: ReadonlySet<number> | null;
  readonly #streams: readonly StreamName[];
  readonly #told = new Map<number, Told>();
  #window: TaskWindow | null = null;

  constructor(reader: StateReader, job: JobSeq, { tasks, streams }: FollowOutputOptions) {
    this.#reader = reader;
    this.#job = job;
    this.#wanted = tasks === undefined ? null : new Set(tasks);
    this.#streams = streams;
  }

  /** Tells what is new; returns true when there will be no more. */
  async *look(): AsyncGenerator<OutputPiece, boolean> {
    const job = this.#reader.job(this.#job);
    if (job === null) throw new QrewError("notFound", `Job ${this.#job} was removed.`);
    // Looked at before the tasks: what ends between the two is seen at the next look.
    const isFinal = isFinalJobState(job.state);
    if (job.seat === null) return isFinal;
    const tasks = this.#reader.tasks(job);
    this.#window ??= this.#makeWindow(tasks);
    for (const found of this.#window.dispatched(tasks)) {
      if (this.#wanted === null || this.#wanted.has(found.task)) yield* this.#lookAt(tasks, found);
      else this.#window.done(found.task);
    }
    return isFinal || this.#window.isDone;
  }

  #makeWindow(tasks: JobTasks): TaskWindow {
    if (this.#wanted === null) return new TaskWindow(0, tasks.count);
    const first = [...this.#wanted].reduce((least, task) => Math.min(least, task), tasks.count);
    const last = [...this.#wanted].reduce((most, task) => Math.max(most, task), first - 1);
    const window = new TaskWindow(first, last + 1);
    for (let task = first; task <= last; task += 1) if (!this.#wanted.has(task)) window.done(task);
    return window;
  }

  async *#lookAt(tasks: JobTasks, { task, record }: StoredTask): AsyncGenerator<OutputPiece> {
    const name = tasks.nameOf(task);
    let told = this.#told.get(task) ?? newlyTold(1);
    for (; told.attempt < record.attempt; told = newlyTold(told.attempt + 1))
      yield* this.#rest(tasks, task, name, told);
    this.#told.set(task, told);
    const isFinal = isFinalTaskState(record.state);
    if (record.attempt === 0) {
      if (isFinal) this.#window?.done(task);
      return;
    }
    if (isFinal || record.state === "backoff") yield* this.#rest(tasks, task, name, told);
    else if (record.state === "running") yield* this.#growth(tasks, task, name, told);
    if (!isFinal) return;
    this.#told.delete(task);
    this.#window?.done(task);
  }

  /** What an ended attempt wrote beyond what was told. */
  async *#rest(tasks: JobTasks, task: TaskIndex, name: string, told: Told): AsyncGenerator<OutputPiece> {
    if (told.hasEnded) return;
    told.hasEnded = true;
    const { attempt } = told;
    for (const stream of this.#streams) {
      const output = this.#reader.output(tasks.job, task, attempt, stream);
      if (output !== null) {
        for await (const bytes of piecesFrom(output, told.bytes[stream])) {
          yield { task, name, attempt, stream, bytes, isLast: false };
        }
      }
      yield { task, name, attempt, stream, bytes: new Uint8Array(0), isLast: true };
    }
  }

  /** What an attempt that runs has written since the last look. */
  *#growth(tasks: JobTasks, task: TaskIndex, name: string, told: Told): Generator<OutputPiece> {
    const { attempt } = told;
    for (const stream of this.#streams) {
      const path = this.#reader.spoolFile(tasks.job, task, attempt, stream);
      for (const bytes of path === null ? [] : newBytes(path, told.bytes[stream])) {
        told.bytes[stream] += bytes.length;
        yield { task, name, attempt, stream, bytes, isLast: false };
      }
    }
  }
}

const newlyTold = (attempt: number): Told => ({ attempt, bytes: { stdout: 0, stderr: 0 }, hasEnded: false });

/** The file as far as it was written when this began, from `offset` on; nothing where it is not there (any more). */
function* newBytes(path: string, offset: number): Generator<Uint8Array> {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch {
    return;
  }
  try {
    const { size } = fstatSync(descriptor);
    for (let at = offset; at < size; ) {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, size - at));
      const read = readSync(descriptor, piece, 0, piece.length, at);
      if (read === 0) return;
      yield piece.subarray(0, read);
      at += read;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** What was captured, without the first `told` bytes that the attempt wrote. */
async function* piecesFrom(output: CapturedOutput, told: number): AsyncGenerator<Uint8Array> {
  if (output.type === "inline") {
    if (told < output.bytes.length) yield output.bytes.subarray(told);
    return;
  }
  const start = positionIn(output, told);
  if (start >= output.sizeBytes) return;
  try {
    for await (const piece of createReadStream(output.path, { start, highWaterMark: PIECE_BYTES })) {
      if (piece instanceof Uint8Array) yield piece;
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new QrewError("notFound", `The output in ${output.path} cannot be read any more (${why}).`, [], {
      cause: error,
    });
  }
}

/** Where byte `told` of what was written is in a file out of whose middle bytes may have been cut. */
export function positionIn(
  { sizeBytes, cutBytes }: { readonly sizeBytes: number; readonly cutBytes: number },
  told: number,
): number {
  const half = OUTPUT_BYTES_MAX / 2;
  if (cutBytes === 0 || told <= half) return told;
  const tailBegan = half + cutBytes;
  // The mark that tells of the cut stands before the second half.
  return told < tailBegan ? half : sizeBytes - half + (told - tailBegan);
}
