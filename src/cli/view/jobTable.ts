/** The list of `qrew jobs`. */
import type { JobView } from "../../client/jobView.ts";
import { finishedTasks } from "./bar.ts";
import { elapsedMs } from "./progress.ts";
import { type Style, span, toneOf } from "./style.ts";
import { type Column, layOut, type Row, tableHead, tableRow } from "./table.ts";
import { formatNumber, printable } from "./text.ts";
import { formatAge, formatDuration } from "./time.ts";

const COLUMNS: readonly Column[] = [
  { title: "JOB", align: "right", shrinksTo: 0, leaves: 0 },
  { title: "STATE", align: "left", shrinksTo: 0, leaves: 0 },
  { title: "NAME", align: "left", shrinksTo: 8, leaves: 0 },
  { title: "TASKS", align: "right", shrinksTo: 0, leaves: 3 },
  { title: "FAILED", align: "right", shrinksTo: 0, leaves: 2 },
  { title: "TIME", align: "right", shrinksTo: 0, leaves: 4 },
  { title: "SUBMITTED", align: "left", shrinksTo: 0, leaves: 1 },
];

/** Head and a line for each job, in the order given. */
export function jobTable(jobs: readonly JobView[], nowMs: number, style: Style): readonly string[] {
  const rows = jobs.map((job) => jobRow(job, nowMs));
  const layout = layOut(COLUMNS, rows, style.columns);
  return [tableHead(layout, style), ...rows.map((row) => tableRow(layout, row, style))];
}

function jobRow(job: JobView, nowMs: number): Row {
  const { tasks } = job;
  const done = finishedTasks(tasks);
  const total = formatNumber(tasks.total);
  const tookMs = elapsedMs(job.startedAtMs, job.finishedAtMs ?? nowMs);
  return [
    span(String(job.job)),
    span(job.state, toneOf(job.state)),
    span(printable(job.name)),
    span(done === tasks.total ? total : `${formatNumber(done)}/${total}`),
    span(tasks.failed === 0 ? "" : formatNumber(tasks.failed), "bad"),
    span(job.startedAtMs === null ? "" : formatDuration(tookMs)),
    span(`${formatAge(nowMs - job.createdAtMs)} ago`, "quiet"),
  ];
}
