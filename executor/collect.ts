/**
 * What an attempt wrote: short output travels with the end, long output moves to the job's output folder, and of what is longer
 * than the bound only the first and the last half stay, with a marker between them.
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { AttemptEnded, AttemptOutcome, CapturedOutput } from "../protocol/executorLink.ts";
import type { ForkserverStream } from "../protocol/forkserverLink.ts";
import type { AttemptId } from "../protocol/ids.ts";
import { INLINE_OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX } from "../protocol/limits.ts";
import type { MemoryKills } from "../src/node/memoryKills.ts";
import { isScarcity } from "../src/node/scarcity.ts";
import { attemptEnded } from "./attemptEnded.ts";
import type { ExecutorEffect, PromiseOnDisk } from "./core/events.ts";
import { missingOutputs } from "./outputs.ts";
import { readPromise } from "./prepareFiles.ts";

type Stream = "stdout" | "stderr";
type Ended = Extract<ExecutorEffect, { type: "collectOutput" }>;

/** Missing outputs that are named: enough to see what they have in common. */
const NAMED_MISSING_MAX = 5;

export interface Collected {
  readonly ended: AttemptEnded;
  /** Files to remove when the end is acknowledged. */
  readonly spool: readonly string[];
}

/** Descriptors that are short now come free when other ends are dealt with; for want of them no output is given up in a minute. */
const SCARCE_DELAY_MS = 200;
const SCARCE_TRIES_MAX = 300;

/** Bytes copied at a time when a long output is cut. */
const COPY_BYTES = 1024 * 1024;

/** The end of an attempt whose output came with it; null if some of it is in a file, or it has promised something. */
export function collectTold({ fact, program, promise }: Ended, memoryKills: MemoryKills): Collected | null {
  const { stdout, stderr } = fact;
  if (stdout.type === "file" || stderr.type === "file" || promise !== null) return null;
  return {
    ended: attemptEnded(fact, program, toldOutput(stdout.bytes), toldOutput(stderr.bytes), memoryKills),
    spool: [],
  };
}

/**
 * Reads the outputs of an ended attempt. Short ones are read at once; the promise is only for long ones. May be repeated after a
 * crash: what has moved already is found where it is.
 */
export async function collect(
  home: string,
  { fact, program, promise }: Ended,
  memoryKills: MemoryKills,
): Promise<Collected> {
  const stdout = await collectStream(home, fact.key, "stdout", fact.stdout);
  const stderr = await collectStream(home, fact.key, "stderr", fact.stderr);
  const spool = [fact.stdout, fact.stderr].flatMap((stream) => (stream.type === "file" ? [stream.path] : []));
  const ended = attemptEnded(fact, program, stdout, stderr, memoryKills);
  if (promise === null) return { ended, spool };
  const outcome = await judge(ended.outcome, promise);
  return { ended: { ...ended, outcome }, spool: [...spool, promise.path] };
}

/** Exit code 0 without the outputs that were promised is a failure. */
async function judge(outcome: AttemptOutcome, { path: file, made }: PromiseOnDisk): Promise<AttemptOutcome> {
  if (outcome.type !== "exited" || outcome.exitCode !== 0) return outcome;
  const promise = made ?? readPromise(file);
  const missing = promise === null ? [] : await missingOutputs(promise);
  if (missing.length === 0) return outcome;
  return { type: "outputsMissing", missing: missing.slice(0, NAMED_MISSING_MAX), count: missing.length };
}

async function collectStream(
  home: string,
  id: AttemptId,
  name: Stream,
  stream: ForkserverStream,
): Promise<CapturedOutput | null> {
  if (stream.type === "inline") return toldOutput(stream.bytes);
  return (await capture(home, id, name, stream.path)).output;
}

const toldOutput = (bytes: Uint8Array<ArrayBuffer>): CapturedOutput | null =>
  bytes.length === 0 ? null : { type: "inline", bytes, cutBytes: 0 };

/**
 * What a task has done to its own output file (removed it, put a folder or a pipe in its place), or a full disk, must not keep
 * its end from being told: then the output says why it is lost.
 */
async function capture(home: string, id: AttemptId, stream: Stream, file: string): Promise<Captured> {
  for (let tries = 1; ; tries++) {
    try {
      return captureShort(file) ?? (await captureLong(home, id, stream, file));
    } catch (error) {
      if (!isScarcity(error) || tries >= SCARCE_TRIES_MAX) return lostOutput(error);
      await delay(SCARCE_DELAY_MS);
    }
  }
}

function lostOutput(error: unknown): Captured {
  const why = error instanceof Error ? error.message : String(error);
  const bytes = Buffer.from(`[qrew: the output was lost: ${why}]\n`);
  return { output: { type: "inline", bytes, cutBytes: 0 } };
}

interface Captured {
  readonly output: CapturedOutput | null;
}

const NOTHING: Captured = { output: null };

/** Null for output that is too long to travel, or has moved. */
function captureShort(file: string): Captured | null {
  const sizeBytes = sizeOf(file);
  if (sizeBytes === 0) return NOTHING;
  if (sizeBytes === null || sizeBytes > INLINE_OUTPUT_BYTES_MAX) return null;
  return { output: { type: "inline", bytes: readFileSync(file), cutBytes: 0 } };
}

/** Null where there is no such file. Throws for what is no file: reading a pipe would never end. */
function sizeOf(file: string): number | null {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  // It leads to the file that the document names: what is written stays there.
  if (stat.isSymbolicLink()) return 0;
  if (!stat.isFile()) throw new Error("the task put something else in the place of its output file");
  return stat.size;
}

async function captureLong(home: string, id: AttemptId, stream: Stream, file: string): Promise<Captured> {
  const folder = path.join(home, "output", String(id.job));
  const target = path.join(folder, `${id.task}.${id.attempt}.${stream}`);
  const sizeBytes = sizeOf(file);
  // Neither here nor there: it never started.
  if (sizeBytes === null && !existsSync(target)) return NOTHING;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (sizeBytes === null || sizeBytes <= OUTPUT_BYTES_MAX) {
    if (sizeBytes !== null) renameSync(file, target);
    return { output: { type: "file", path: target, sizeBytes: sizeOf(target) ?? 0, cutBytes: 0 } };
  }
  const cutBytes = sizeBytes - OUTPUT_BYTES_MAX;
  await writeCut(file, target, sizeBytes, cutBytes);
  return { output: { type: "file", path: target, sizeBytes: sizeOf(target) ?? 0, cutBytes } };
}

/** First half, marker, last half; under another name until it is whole. */
async function writeCut(file: string, target: string, sizeBytes: number, cutBytes: number): Promise<void> {
  const half = OUTPUT_BYTES_MAX / 2;
  const partial = `${target}.part`;
  const source = await open(file, "r");
  const sink = await open(partial, "w", 0o600);
  const copy = async (from: number, to: number): Promise<void> => {
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    for (let at = from; at < to; ) {
      const { bytesRead } = await source.read(buffer, 0, Math.min(COPY_BYTES, to - at), at);
      if (bytesRead === 0) return;
      await sink.write(buffer, 0, bytesRead);
      at += bytesRead;
    }
  };
  try {
    await copy(0, half);
    await sink.write(`\n[qrew: ${cutBytes} bytes were cut here]\n`);
    await copy(sizeBytes - half, sizeBytes);
  } finally {
    await source.close();
    await sink.close();
  }
  await rename(partial, target);
  await rm(file, { force: true });
}
