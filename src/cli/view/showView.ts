/** `qrew show`: everything that one wants to know about a job at a glance, and what to type next. */
import type { JobView } from "../../client/jobView.ts";
import type { TaskFailure } from "../../client/failures.ts";
import type { AttemptView, TaskView } from "../../client/readTasks.ts";
import { sourceName } from "../../client/submit.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import { shellWord } from "../shellWord.ts";
import { countSpans, progressBar } from "./bar.ts";
import { failureView } from "./failureView.ts";
import { titleOf } from "./plainView.ts";
import { elapsedMs } from "./progress.ts";
import { paintLine, type Span, type Style, span, toneOf } from "./style.ts";
import { formatNumber, plural, printable } from "./text.ts";
import { formatAge, formatDuration, formatMoment } from "./time.ts";

/** What there is to show of a job. Lists are short: whoever made them has cut them. */
export interface ShownJob {
  readonly job: JobView;
  /** Without one an unfinished job stands still. */
  readonly daemonRuns: boolean;
  readonly running: readonly TaskView[];
  readonly failures: readonly TaskFailure[];
  /** Tasks that took several attempts, each with all of them. */
  readonly repeated: readonly { readonly task: TaskView; readonly attempts: readonly AttemptView[] }[];
}

const BAR_COLUMNS = 40;

/** For unfinished jobs that nobody works on. */
const NO_DAEMON =
  "no daemon runs: it goes on with the next one, as `qrew wait` or `qrew daemon start` start it";

export function showView(shown: ShownJob, nowMs: number, style: Style): readonly string[] {
  const { job } = shown;
  const head: readonly (readonly Span[])[] = [
    [span(titleOf(job), "strong"), span(" "), span(stateText(job), toneOf(job.state))],
    [span("  "), ...progressBar(job.tasks, Math.max(1, Math.min(BAR_COLUMNS, style.columns - 4)), style)],
    [span("  "), ...countSpans(job.tasks), span(` of ${plural(job.tasks.total, "task")}`)],
    ...timeLines(job, nowMs),
    ...(job.round === 1 ? [] : [[span(`  round      ${job.round}`)]]),
    [span(`  in         ${printable(job.directory)}`)],
    [span(`  document   ${printable(sourceName(job.source))}`)],
    ...(job.detail === null ? [] : [[span(`  ${printable(job.detail)}`, "bad")]]),
    ...(shown.daemonRuns || isFinalJobState(job.state) ? [] : [[span(`  ${NO_DAEMON}`, "bad")]]),
  ];
  return [
    ...head.map((line) => paintLine(line, style)),
    ...section("running", runningLines(shown, nowMs), style),
    ...section("several attempts", repeatedLines(shown), style),
    ...failureLines(shown, style),
    ...nextLines(shown, style),
  ];
}

function stateText(job: JobView): string {
  return job.cancelRequested && !isFinalJobState(job.state) ? `${job.state}, being cancelled` : job.state;
}

function timeLines(job: JobView, nowMs: number): readonly (readonly Span[])[] {
  const lines = [[span(`  submitted  ${formatMoment(job.createdAtMs)}`)]];
  if (job.startedAtMs !== null) {
    const tookMs = elapsedMs(job.startedAtMs, job.finishedAtMs ?? nowMs);
    const took = `${job.finishedAtMs === null ? "runs for" : "took"} ${formatDuration(tookMs)}`;
    lines.push([span(`  started    ${formatMoment(job.startedAtMs)}, ${took}`)]);
  }
  if (job.finishedAtMs !== null) lines.push([span(`  ended      ${formatMoment(job.finishedAtMs)}`)]);
  return lines;
}

function runningLines({ job, running }: ShownJob, nowMs: number): readonly (readonly Span[])[] {
  const lines = running.map((task) => [
    span(`  ${formatAge(elapsedMs(task.startedAtMs, nowMs)).padStart(4)}  `, "busy"),
    span(printable(task.name)),
    ...(task.attempt > 1 ? [span(` (attempt ${task.attempt})`, "quiet")] : []),
  ]);
  const more = job.tasks.running - running.length;
  if (lines.length > 0 && more > 0) lines.push([span(`        and ${formatNumber(more)} more`, "quiet")]);
  return lines;
}

/** `flaky  attempt 1: exit code 3 after 0.2s · attempt 2: succeeded after 1.0s`, a line for each attempt. */
function repeatedLines({ repeated }: ShownJob): readonly (readonly Span[])[] {
  return repeated.flatMap(({ task, attempts }) => [
    [span(`  ${printable(task.name)}`, "strong")],
    ...attempts.map((attempt) => [
      span(`    attempt ${attempt.attempt} of ${Math.max(task.attemptsMax, task.attempt)}: `),
      span(printable(attempt.reason ?? attempt.state), toneOf(attempt.state)),
      ...(attempt.startedAtMs === null || attempt.finishedAtMs === null
        ? []
        : [span(` after ${formatDuration(attempt.finishedAtMs - attempt.startedAtMs)}`, "quiet")]),
    ]),
  ]);
}

function failureLines({ job, failures }: ShownJob, style: Style): readonly string[] {
  if (failures.length === 0) return [];
  const lines = failures.flatMap((failure) => [
    "",
    ...failureView(failure, style).map((line) => `  ${line}`),
  ]);
  const more = job.tasks.failed - failures.length;
  if (more > 0) lines.push("", `  and ${plural(more, "more failed task")}: qrew tasks ${job.job}`);
  return lines;
}

function section(title: string, lines: readonly (readonly Span[])[], style: Style): readonly string[] {
  if (lines.length === 0) return [];
  return [
    "",
    paintLine([span(`  ${title}`, "quiet")], style),
    ...lines.map((line) => paintLine(line, style)),
  ];
}

/** Commands that make sense now, the most useful first. */
export function nextCommands({ job, failures }: Pick<ShownJob, "job" | "failures">): readonly string[] {
  const commands: string[] = [];
  for (const { task, excerpt } of failures) {
    // Of a task that wrote nothing there is nothing to read.
    if (excerpt === null) continue;
    const stream = excerpt.stream === "stderr" ? " --stderr" : "";
    commands.push(`qrew logs ${job.job} ${shellWord(task.name)}${stream}`);
    break;
  }
  if (job.state === "paused") commands.push(`qrew resume ${job.job}`);
  if (!isFinalJobState(job.state)) commands.push(`qrew wait ${job.job}`, `qrew cancel ${job.job}`);
  commands.push(`qrew tasks ${job.job}`);
  if (job.state === "failed") commands.push(`qrew retry ${job.job}`);
  if (failures.length === 0) commands.push(`qrew logs ${job.job}`);
  return commands;
}

function nextLines(shown: ShownJob, style: Style): readonly string[] {
  return ["", paintLine([span(`  next: ${nextCommands(shown).join("  ·  ")}`, "quiet")], style)];
}
