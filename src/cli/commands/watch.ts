/**
 * `qrew watch [JOB…]`: how jobs go, redrawn on a terminal, and a line for each change elsewhere. It reads the state folder and asks
 * nobody. With jobs it ends when they have ended, without any at Ctrl-C.
 */
import type { JobSeq } from "../../../protocol/ids.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import type { JobView } from "../../client/jobView.ts";
import type { StateReader } from "../../client/read.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { findJobs } from "../jobReferences.ts";
import { withReader } from "../reading.ts";
import { RedrawnBlock } from "../redraw.ts";
import type { Terminal } from "../terminal.ts";
import { PLAIN_LINE_STEP_MS } from "../view/plainView.ts";
import { watchLine, watchView } from "../view/watchView.ts";

/** Between two looks on a terminal. */
const LOOK_MS = 500;
/** The newest that are looked at: a queue longer than any screen, and a look stays a few milliseconds. */
const JOBS_MAX = 500;

export async function watch(context: CommandContext, selectors: readonly string[]): Promise<ExitCode> {
  const leave = new AbortController();
  const offSignal = context.onSignal(() => leave.abort());
  try {
    return await withReader(context, async (reader) => {
      const named =
        selectors.length === 0 ? null : findJobs(reader, selectors, { all: "open" }).map(({ job }) => job);
      await (context.terminal.canRedraw
        ? watchScreen(context.terminal, reader, named, leave.signal)
        : watchLines(context.terminal, reader, named, leave.signal));
      return 0;
    });
  } finally {
    offSignal();
  }
}

/** From the newest to the oldest. */
function look(reader: StateReader, named: readonly JobSeq[] | null): readonly JobView[] {
  if (named !== null) {
    const found = named.map((job) => reader.job(job)).filter((job) => job !== null);
    return found.sort((a, b) => b.job - a.job);
  }
  const jobs: JobView[] = [];
  for (const job of reader.eachJob()) {
    jobs.push(job);
    if (jobs.length >= JOBS_MAX) break;
  }
  return jobs;
}

const isOver = (jobs: readonly JobView[], named: readonly JobSeq[] | null): boolean =>
  named !== null && jobs.every(({ state }) => isFinalJobState(state));

async function watchScreen(
  terminal: Terminal,
  reader: StateReader,
  named: readonly JobSeq[] | null,
  signal: AbortSignal,
): Promise<void> {
  let jobs = look(reader, named);
  const lines = (): readonly string[] =>
    watchView(jobs, {
      style: terminal.noteStyle,
      rows: terminal.size().rows - 1,
      nowMs: Date.now(),
      daemonRuns: reader.holder() !== null,
    });
  const block = new RedrawnBlock(terminal, lines);
  try {
    for (; !isOver(jobs, named) && !signal.aborted; jobs = look(reader, named)) {
      block.update();
      await pause(LOOK_MS, signal);
    }
  } finally {
    block.stop();
  }
  // What was seen last stays.
  for (const line of lines()) terminal.note(line);
}

async function watchLines(
  terminal: Terminal,
  reader: StateReader,
  named: readonly JobSeq[] | null,
  signal: AbortSignal,
): Promise<void> {
  const said = new Map<JobSeq, string>();
  let isFirst = true;
  for (;;) {
    const jobs = look(reader, named);
    for (const job of jobs.toReversed()) {
      const line = watchLine(job);
      // Without names, what had ended before is not worth a line.
      const isNews = line !== said.get(job.job) && !(isFirst && named === null && isFinalJobState(job.state));
      said.set(job.job, line);
      if (isNews) await terminal.line(line);
    }
    isFirst = false;
    if (isOver(jobs, named) || signal.aborted) return;
    await pause(PLAIN_LINE_STEP_MS, signal);
  }
}

/** Shorter when the command is told to leave. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
