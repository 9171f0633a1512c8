/**
 * Ends of attempts that nobody came for, on disk beside the seat's spool folder: frames as the QWorker would have been told them. They
 * are there until all have been acknowledged, so that a TaskExecutor that dies meanwhile loses none.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { decodeFrame } from "../protocol/codec.ts";
import { type AttemptEnded, type ExecutorFact, factSchema } from "../protocol/executorLink.ts";
import { framesOf } from "../src/link/batch.ts";

/** The epoch of a frame to nobody. */
const NO_EPOCH = 0;

const prefixOf = (spoolFolder: string): string => `${path.basename(spoolFolder)}.ends-`;

export function keepEnds(spoolFolder: string, ends: readonly AttemptEnded[]): void {
  const facts = ends.map((ended): ExecutorFact => ({ type: "attemptsEnded", attempts: [ended] }));
  for (const [index, frame] of [...framesOf(NO_EPOCH, facts)].entries()) {
    const file = path.join(path.dirname(spoolFolder), `${prefixOf(spoolFolder)}${index}`);
    writeFileSync(`${file}.part`, frame, { mode: 0o600, flush: true });
    renameSync(`${file}.part`, file);
  }
}

/** What is there and can be read; an attempt whose end cannot is lost, and repeated. */
export function findEnds(spoolFolder: string): AttemptEnded[] {
  const ends: AttemptEnded[] = [];
  for (const file of filesOf(spoolFolder)) {
    const frame = decodeFrame(readFileSync(file), factSchema);
    if (!frame.ok) continue;
    for (const fact of frame.messages) if (fact.type === "attemptsEnded") ends.push(...fact.attempts);
  }
  return ends;
}

export function forgetEnds(spoolFolder: string): void {
  for (const file of filesOf(spoolFolder)) rmSync(file, { force: true });
}

function filesOf(spoolFolder: string): string[] {
  const folder = path.dirname(spoolFolder);
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefixOf(spoolFolder)))
    .map((name) => path.join(folder, name));
}
