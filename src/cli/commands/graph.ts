/** `qrew graph FILE|JOB`: the DAG as text of Graphviz, or with --mermaid of Mermaid. */
import { existsSync } from "node:fs";
import { QrewError } from "../../../protocol/errors.ts";
import type { StateReader } from "../../client/read.ts";
import { invalidDocument, sourceName } from "../../client/submit.ts";
import type { TaskState } from "../../store/workerRecords.ts";
import { compileWorkflow } from "../../workflow/compile.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { type Graph, graphOf } from "../graph/model.ts";
import { dotLines, mermaidLines } from "../graph/text.ts";
import { type ImportFlags, importContext } from "../importing.ts";
import { findJob } from "../jobReferences.ts";
import { jsonDocument } from "../json.ts";
import { withReader } from "../reading.ts";
import { readWholeDocument } from "../submitting.ts";

export interface GraphFlags extends ImportFlags {
  readonly mermaid?: boolean;
  readonly expand?: boolean;
  readonly json?: boolean;
}

export async function graph(context: CommandContext, target: string, flags: GraphFlags): Promise<ExitCode> {
  const expand = flags.expand === true;
  const drawn = isJob(target)
    ? await withReader(context, async (reader) => graphOfJob(reader, target, expand))
    : await graphOfFile(target, flags, expand);
  const { terminal } = context;
  if (flags.json === true) {
    const nodes = drawn.nodes.map((node) => ({
      ...node,
      states: node.states === null ? null : Object.fromEntries(node.states),
    }));
    await terminal.line(jsonDocument({ ...drawn, nodes }));
    return 0;
  }
  const lines = flags.mermaid === true ? mermaidLines(drawn) : dotLines(drawn);
  await terminal.line([...lines].join("\n"));
  return 0;
}

/** A file may have a number for its name; then it is a file. */
const isJob = (target: string): boolean => /^(last|\d+)$/.test(target) && !existsSync(target);

function graphOfJob(reader: StateReader, target: string, expand: boolean): Graph {
  const job = findJob(reader, target);
  const plan = reader.plan(job.job);
  if (plan === null)
    throw new QrewError("storeDamaged", `The plan of job ${job.job} is missing: submit it again.`);
  const states = new Map<number, TaskState>();
  for (const task of reader.tasks(job).each()) states.set(task.task, task.state);
  return graphOf(plan, job.name, { expand, stateOf: (task) => states.get(task) ?? "waiting" });
}

async function graphOfFile(file: string, flags: GraphFlags, expand: boolean): Promise<Graph> {
  const source = sourceName(file);
  const bytes = await readWholeDocument(file);
  // What this node can offer does not matter for a picture.
  const compiled = compileWorkflow(bytes, source, { capacity: null, imports: importContext(flags) });
  if (compiled.type === "invalid") throw invalidDocument(source, compiled.faults, compiled.total);
  const { plan } = compiled;
  return graphOf(plan, plan.name ?? source, { expand, stateOf: null });
}
