/** `qrew explain JOB [TASK]`: why it waits, in a sentence. */
import { QrewError } from "../../../protocol/errors.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import { explainTask, whyJobWaits } from "../../client/explain.ts";
import type { Asked, Reason } from "../../client/reasons.ts";
import { jobStanding } from "../../client/standing.ts";
import type { JobView } from "../../client/jobView.ts";
import { DaemonLink } from "../../client/link.ts";
import type { StateReader } from "../../client/read.ts";
import type { TaskView } from "../../client/readTasks.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { findJob } from "../jobReferences.ts";
import { jsonDocument } from "../json.ts";
import { withReader } from "../reading.ts";
import { titleOf } from "../view/plainView.ts";
import { plural, printable } from "../view/text.ts";

export interface ExplainFlags {
  readonly json?: boolean;
}

/** Of a job whose tasks go their ways, so many are explained: one of each state comes first. */
const TASKS_MAX = 5;

export function explain(
  context: CommandContext,
  jobText: string,
  taskName: string | null,
  flags: ExplainFlags,
): Promise<ExitCode> {
  return withReader(context, async (reader) => {
    const job = findJob(reader, jobText);
    const asked = await gather(context, reader, job);
    const reasons = taskName === null ? jobReasons(asked) : [taskReason(asked, taskName)];
    if (flags.json === true) {
      const list = reasons.map(({ view, reason }) => ({
        task: view?.name ?? null,
        state: view?.state ?? job.state,
        ...reason,
      }));
      await context.terminal.line(jsonDocument({ jobId: job.job, reasons: list }));
      return 0;
    }
    await context.terminal.line(`${titleOf(job)} is ${job.state}: ${countsText(job)}`);
    for (const { view, reason } of reasons) {
      const who = view === null ? "" : `${printable(view.name)} (${view.state}): `;
      await context.terminal.line(`  ${who}${printable(reason.text)}`);
    }
    return 0;
  });
}

interface Explained {
  /** Null: the job as a whole. */
  readonly view: TaskView | null;
  readonly reason: Reason;
}

async function gather(context: CommandContext, reader: StateReader, job: JobView): Promise<Asked> {
  const plan = reader.plan(job.job);
  if (plan === null)
    throw new QrewError("storeDamaged", `The plan of job ${job.job} is missing: submit it again.`);
  const runs = reader.holder() !== null && !isFinalJobState(job.state);
  const standing = runs ? await ask(context, job) : null;
  return { job, tasks: reader.tasks(job), plan, standing, nowMs: Date.now() };
}

/** A daemon that went away meanwhile is as good as none. */
async function ask(context: CommandContext, job: JobView): Promise<Asked["standing"]> {
  const link = new DaemonLink({ home: await context.home(), start: "never", transient: true });
  try {
    return await jobStanding(await link.reach(), job.job);
  } catch (error) {
    if (QrewError.from(error).code === "unreachable") return null;
    throw error;
  } finally {
    link.close();
  }
}

function jobReasons(asked: Asked): readonly Explained[] {
  const whole = whyJobWaits(asked);
  if (whole !== null) return [{ view: null, reason: whole }];
  const wanted = ["running", "ready", "backoff", "waiting"] as const;
  const found = new Map<string, TaskView[]>(wanted.map((state) => [state, []]));
  for (const view of asked.tasks.each()) {
    const list = found.get(view.state);
    if (list !== undefined && list.length < TASKS_MAX) list.push(view);
    if ([...found.values()].every(({ length }) => length === TASKS_MAX)) break;
  }
  const views = wanted.flatMap((state) => (found.get(state) ?? []).slice(0, state === "running" ? 1 : 2));
  return views.slice(0, TASKS_MAX).map((view) => ({ view, reason: explainTask(asked, view.task) }));
}

function taskReason(asked: Asked, name: string): Explained {
  const task = asked.tasks.find(name);
  if (task === null) {
    const elements = asked.tasks.elements(name).length;
    const advice =
      elements > 0
        ? `it is an array: name one of its elements, as ${name}[1]`
        : `\`qrew tasks ${asked.job.job}\` lists those that there are`;
    throw new QrewError("notFound", `Job ${asked.job.job} has no task ${name}: ${advice}.`);
  }
  return { view: asked.tasks.task(task), reason: explainTask(asked, task) };
}

function countsText({ tasks }: JobView): string {
  const ended = tasks.succeeded + tasks.failed + tasks.cancelled + tasks.skipped;
  return `${tasks.running} of ${plural(tasks.total, "task")} running, ${tasks.ready + tasks.waiting + tasks.backoff} to come, ${ended} ended`;
}
