/** The list of `qrew tasks`. */
import { formatBytes } from "../../node/resources.ts";
import type { TaskView } from "../../client/readTasks.ts";
import { elapsedMs } from "./progress.ts";
import { type Style, span, toneOf } from "./style.ts";
import { type Column, layOut, type Row, type TableLayout, tableRow } from "./table.ts";
import { printable } from "./text.ts";
import { formatDuration } from "./time.ts";

const COLUMNS: readonly Column[] = [
  { title: "TASK", align: "left", shrinksTo: 12, leaves: 0 },
  { title: "STATE", align: "left", shrinksTo: 0, leaves: 0 },
  { title: "ATTEMPT", align: "left", shrinksTo: 0, leaves: 4 },
  { title: "TIME", align: "right", shrinksTo: 0, leaves: 5 },
  { title: "CPU", align: "right", shrinksTo: 0, leaves: 2 },
  { title: "MEMORY", align: "right", shrinksTo: 0, leaves: 1 },
  { title: "WHY", align: "left", shrinksTo: 10, leaves: 3 },
];

/** A layout for all rows from those of the first page. */
export function layOutTasks(tasks: readonly TaskView[], nowMs: number, style: Style): TableLayout {
  return layOut(
    COLUMNS,
    tasks.map((task) => taskRow(task, nowMs)),
    style.columns,
  );
}

export function taskLines(
  layout: TableLayout,
  tasks: readonly TaskView[],
  nowMs: number,
  style: Style,
): readonly string[] {
  return tasks.map((task) => tableRow(layout, taskRow(task, nowMs), style));
}

function taskRow(task: TaskView, nowMs: number): Row {
  const isRunning = task.state === "running";
  const endMs = task.finishedAtMs ?? (isRunning ? nowMs : task.startedAtMs);
  const tookMs = endMs === null ? 0 : elapsedMs(task.startedAtMs, endMs);
  const cpuMs = task.usage === null ? null : (task.usage.userSeconds + task.usage.systemSeconds) * 1000;
  return [
    span(printable(task.name)),
    span(task.state, toneOf(task.state)),
    span(attemptText(task)),
    span(task.startedAtMs === null ? "" : formatDuration(tookMs)),
    span(cpuMs === null ? "" : formatDuration(cpuMs)),
    span(task.usage === null ? "" : formatBytes(task.usage.maxRssBytes)),
    span(printable(task.reason ?? ""), task.state === "failed" ? "bad" : "quiet"),
  ];
}

/** Empty where the first attempt is the only one: that is the usual case, and the others stand out. */
export function attemptText(task: TaskView): string {
  return task.attempt > 1 ? `${task.attempt} of ${Math.max(task.attempt, task.attemptsMax)}` : "";
}
