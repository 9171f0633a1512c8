/** `qrew tasks JOB`: a line for each task, written as they are read, so that a million cost no memory. */
import type { JobTasks, TaskView } from "../../client/readTasks.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { findJob } from "../jobReferences.ts";
import { JSON_VERSION, jsonTask } from "../json.ts";
import { withReader } from "../reading.ts";
import type { Terminal } from "../terminal.ts";
import { tableHead, type TableLayout } from "../view/table.ts";
import { layOutTasks, taskLines } from "../view/taskTable.ts";

export interface TasksFlags {
  readonly json?: boolean;
  readonly ndjson?: boolean;
}

/** Tasks whose lines go to the stream in one write; the first of them decide the widths of the columns. */
const PAGE_TASKS = 1000;

export function tasks(context: CommandContext, jobText: string, flags: TasksFlags): Promise<ExitCode> {
  return withReader(context, async (reader) => {
    const found = reader.tasks(findJob(reader, jobText));
    if (flags.ndjson === true) await writeLines(context.terminal, found);
    else if (flags.json === true) await writeJson(context.terminal, found);
    else await writeTable(context.terminal, found);
    return 0;
  });
}

async function writeTable(terminal: Terminal, found: JobTasks): Promise<void> {
  const { style } = terminal;
  const nowMs = Date.now();
  let layout: TableLayout | null = null;
  for (const page of pagesOf(found)) {
    if (layout === null) {
      layout = layOutTasks(page, nowMs, style);
      await terminal.line(tableHead(layout, style));
    }
    await terminal.line(taskLines(layout, page, nowMs, style).join("\n"));
  }
}

async function writeLines(terminal: Terminal, found: JobTasks): Promise<void> {
  for (const page of pagesOf(found))
    await terminal.line(page.map((task) => JSON.stringify(jsonTask(task))).join("\n"));
}

/** One object as a whole, with a line for each task. */
async function writeJson(terminal: Terminal, found: JobTasks): Promise<void> {
  await terminal.write(`{"version":${JSON_VERSION},"jobId":${found.job.job},"tasks":[`);
  let separator = "\n";
  for (const page of pagesOf(found)) {
    await terminal.write(separator + page.map((task) => JSON.stringify(jsonTask(task))).join(",\n"));
    separator = ",\n";
  }
  await terminal.write("\n]}\n");
}

function* pagesOf(found: JobTasks): Generator<readonly TaskView[]> {
  let page: TaskView[] = [];
  for (const task of found.each()) {
    page.push(task);
    if (page.length < PAGE_TASKS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
