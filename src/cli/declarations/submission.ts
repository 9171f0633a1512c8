/** Commands that read a workflow document: `run`, `submit`, `validate`, `convert`. */
import type { Command } from "commander";
import type { ConvertFlags } from "../commands/convert.ts";
import type { RunFlags } from "../commands/run.ts";
import type { ValidateFlags } from "../commands/validate.ts";
import type { SubmissionFlags } from "../submitting.ts";
import { declare, type Surroundings } from "./declare.ts";

export function declareSubmission(program: Command, { context, finish }: Surroundings): void {
  const run = declare(program, "run <file>", "submit a workflow and follow it (- reads stdin)", [
    "qrew run workflow.yaml",
    "qrew run --detach --priority 10 workflow.yaml",
  ]);
  withSubmissionOptions(run)
    .option("--detach", "leave as soon as the job is accepted")
    .action(async (file: string, flags: RunFlags) => {
      const { run } = await import("../commands/run.ts");
      await finish(run(context, file, flags));
    });
  const submit = declare(program, "submit <file>", "submit a workflow and print the number of its job", [
    "qrew submit workflow.yaml",
    "job=$(qrew submit workflow.yaml) && qrew wait $job",
  ]);
  withSubmissionOptions(submit).action(async (file: string, flags: SubmissionFlags) => {
    const { submit } = await import("../commands/submit.ts");
    await finish(submit(context, file, flags));
  });
  const validate = declare(program, "validate <file>", "check a workflow document and list every fault", [
    "qrew validate workflow.yaml",
  ]);
  withImportOptions(validate).action(async (file: string, flags: ValidateFlags) => {
    const { validate } = await import("../commands/validate.ts");
    await finish(validate(context, file, flags));
  });
  const convert = declare(program, "convert <file>", "print a workflow of any format as a qrew document", [
    "qrew convert pipeline.makeflow > pipeline.yaml",
  ]);
  withImportOptions(convert)
    .option("--to <format>", "yaml or json", "yaml")
    .action(async (file: string, flags: ConvertFlags) => {
      const { convert } = await import("../commands/convert.ts");
      await finish(convert(context, file, flags));
    });
}

function withSubmissionOptions(command: Command): Command {
  return withImportOptions(command)
    .option("--name <name>", "name of the job, over the document's")
    .option("--priority <number>", "higher goes first, from -1000 to 1000", "0")
    .option("--dir <folder>", "run the tasks in this folder instead of the current one")
    .option("--fresh-dir", "run the tasks in a new folder of the job's own")
    .option("--clean-env", "give the tasks a minimal environment instead of this one")
    .option("--cpus <number>", "cpus of the daemon, if this command starts it");
}

function withImportOptions(command: Command): Command {
  return command
    .option("--format <format>", "qrew, makeflow, makeflow-json or wfformat, if it is not found out")
    .option("--time-scale <number>", "WfFormat: multiply recorded times, as 0.01", "1")
    .option("--size-scale <number>", "WfFormat: multiply sizes of recorded files", "0");
}
