/** `qrew tasks JOB`: a line for each task, written as they are read, so that a million cost no memory. */
import { QrewError } from "../../../protocol/errors.ts";
import type { JobTasks, TaskView } from "../../client/readTasks.ts";
import { TASK_STATES, type TaskState } from "../../store/workerRecords.ts";
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
  readonly state?: string;
}

/** Tasks whose lines go to the stream in one write; the first of them decide the widths of the columns. */
const PAGE_TASKS = 1000;

export function tasks(context: CommandContext, jobText: string, flags: TasksFlags): Promise<ExitCode> {
  const states = flags.state === undefined ? TASK_STATES : flags.state.split(",").map(parseState);
  return withReader(context, async (reader) => {
    const found = reader.tasks(findJob(reader, jobText));
    const pages = pagesOf(found, new Set(states));
    if (flags.ndjson === true) await writeLines(context.terminal, pages);
    else if (flags.json === true) await writeJson(context.terminal, found, pages);
    else await writeTable(context.terminal, pages);
    return 0;
  });
}

function parseState(text: string): TaskState {
  const known = TASK_STATES.find((state) => state === text);
  if (known !== undefined) return known;
  throw new QrewError(
    "usage",
    `--state is one or more of ${TASK_STATES.join(", ")}, with commas, not "${text}".`,
  );
}

type Pages = Generator<readonly TaskView[]>;

async function writeTable(terminal: Terminal, pages: Pages): Promise<void> {
  const { style } = terminal;
  const nowMs = Date.now();
  let layout: TableLayout | null = null;
  for (const page of pages) {
    if (layout === null) {
      layout = layOutTasks(page, nowMs, style);
      await terminal.line(tableHead(layout, style));
    }
    await terminal.line(taskLines(layout, page, nowMs, style).join("\n"));
  }
}

async function writeLines(terminal: Terminal, pages: Pages): Promise<void> {
  for (const page of pages)
    await terminal.line(page.map((task) => JSON.stringify(jsonTask(task))).join("\n"));
}

/** One object as a whole, with a line for each task. */
async function writeJson(terminal: Terminal, found: JobTasks, pages: Pages): Promise<void> {
  await terminal.write(`{"version":${JSON_VERSION},"jobId":${found.job.job},"tasks":[`);
  let separator = "\n";
  for (const page of pages) {
    await terminal.write(separator + page.map((task) => JSON.stringify(jsonTask(task))).join(",\n"));
    separator = ",\n";
  }
  await terminal.write("\n]}\n");
}

function* pagesOf(found: JobTasks, states: ReadonlySet<TaskState>): Pages {
  let page: TaskView[] = [];
  for (const task of found.each()) {
    if (!states.has(task.state)) continue;
    page.push(task);
    if (page.length < PAGE_TASKS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
