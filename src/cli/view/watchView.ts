/** What `qrew watch` shows: a line for each job, those that are open first. */
import type { JobView } from "../../client/jobView.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import { finishedTasks, progressBar } from "./bar.ts";
import { elapsedMs } from "./progress.ts";
import { paintLine, type Span, type Style, span, toneOf } from "./style.ts";
import { clip, displayWidth, formatNumber, padEnd, padStart, plural, printable } from "./text.ts";
import { formatDuration, formatMoment } from "./time.ts";

export interface WatchOptions {
  readonly style: Style;
  /** Lines that may be used. */
  readonly rows: number;
  readonly nowMs: number;
  readonly daemonRuns: boolean;
}

/** Jobs that have ended are shown for orientation only. */
const ENDED_MAX = 5;
const BAR_COLUMNS = 20;
const NAME_COLUMNS_MAX = 32;
const NAME_COLUMNS_MIN = 6;
const STATE_COLUMNS = 9;
/** Head, and an empty line. */
const OTHER_ROWS = 2;

/** `jobs` from the newest to the oldest. */
export function watchView(jobs: readonly JobView[], options: WatchOptions): readonly string[] {
  const { style, rows } = options;
  const shown = inOrder(jobs);
  const room = Math.max(1, rows - OTHER_ROWS);
  const fitting = shown.length > room ? shown.slice(0, room - 1) : shown;
  const lines = jobLines(fitting, options);
  const more = shown.length - fitting.length;
  return [
    paintLine(headSpans(jobs, options), style),
    ...lines.map((line) => paintLine(line, style)),
    ...(more > 0 ? [paintLine([span(`  and ${plural(more, "more job")}: qrew jobs`, "quiet")], style)] : []),
  ];
}

/** What runs, then what waits (the oldest first, as it will run), then what ended last. */
function inOrder(jobs: readonly JobView[]): readonly JobView[] {
  const oldest = jobs.toReversed();
  const running = oldest.filter(({ state }) => state === "running");
  const waiting = oldest.filter(({ state }) => state === "queued" || state === "paused");
  const ended = jobs.filter(({ state }) => isFinalJobState(state)).slice(0, ENDED_MAX);
  return [...running, ...waiting, ...ended];
}

function headSpans(jobs: readonly JobView[], { nowMs, daemonRuns }: WatchOptions): readonly Span[] {
  const count = (state: JobView["state"]): number => jobs.filter((job) => job.state === state).length;
  const parts = (["running", "queued", "paused"] as const)
    .map((state) => [state, count(state)] as const)
    .filter(([, found]) => found > 0)
    .map(([state, found]) => `${formatNumber(found)} ${state}`);
  return [
    span(parts.length === 0 ? "no open job" : parts.join(", "), "strong"),
    span(`  ${formatMoment(nowMs)}`, "quiet"),
    ...(daemonRuns || parts.length === 0 ? [] : [span("  no daemon runs (qrew daemon start)", "bad")]),
  ];
}

function jobLines(jobs: readonly JobView[], { style, nowMs }: WatchOptions): readonly (readonly Span[])[] {
  const texts = jobs.map((job) => {
    const { tasks } = job;
    const total = formatNumber(tasks.total);
    return {
      job,
      number: String(job.job),
      name: printable(job.name),
      done: `${padStart(formatNumber(finishedTasks(tasks)), total.length)}/${total}`,
      time:
        job.startedAtMs === null ? "" : formatDuration(elapsedMs(job.startedAtMs, job.finishedAtMs ?? nowMs)),
    };
  });
  const widest = (pick: (text: (typeof texts)[number]) => string): number =>
    texts.reduce((most, text) => Math.max(most, displayWidth(pick(text))), 0);
  const numberColumns = widest(({ number }) => number);
  const doneColumns = widest(({ done }) => done);
  const others = numberColumns + STATE_COLUMNS + doneColumns + 4;
  const hasBar = style.columns >= others + BAR_COLUMNS + NAME_COLUMNS_MIN + 14;
  const room = style.columns - others - (hasBar ? BAR_COLUMNS + 2 : 0) - 10;
  const nameColumns = Math.max(
    NAME_COLUMNS_MIN,
    Math.min(
      NAME_COLUMNS_MAX,
      room,
      widest(({ name }) => name),
    ),
  );
  return texts.map(({ job, number, name, done, time }) => [
    span(padStart(number, numberColumns), "strong"),
    span(" "),
    span(padEnd(job.state, STATE_COLUMNS), toneOf(job.state)),
    span(` ${padEnd(clip(name, nameColumns, style.unicode ? "…" : "~"), nameColumns)}  `),
    ...(hasBar ? [...progressBar(job.tasks, BAR_COLUMNS, style), span("  ")] : []),
    span(padStart(done, doneColumns)),
    span(`  ${padStart(time, 7)}`, "quiet"),
    ...(job.tasks.failed > 0 ? [span(`  ${formatNumber(job.tasks.failed)} failed`, "bad")] : []),
  ]);
}

/** For pipes and logs: `job 3 (demo) running: 12 of 40 done, 1 failed`. Equal lines say nothing new. */
export function watchLine(job: JobView): string {
  const { tasks } = job;
  const failed = tasks.failed > 0 ? `, ${formatNumber(tasks.failed)} failed` : "";
  return `job ${job.job} (${printable(job.name)}) ${job.state}: ${formatNumber(finishedTasks(tasks))} of ${formatNumber(tasks.total)} done${failed}`;
}
