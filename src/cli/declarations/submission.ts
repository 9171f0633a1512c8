/** Commands that read a workflow document: `run`, `submit`, `validate`, `convert`, `graph`. */
import { type Command, Option } from "commander";
import type { ConvertFlags } from "../commands/convert.ts";
import type { GraphFlags } from "../commands/graph.ts";
import type { RunFlags } from "../commands/run.ts";
import type { ValidateFlags } from "../commands/validate.ts";
import type { SubmitFlags } from "../commands/submit.ts";
import { collect, declare, leftToTopics, type Surroundings, withImportOptions } from "./declare.ts";

export function declareSubmission(program: Command, { context, finish, command }: Surroundings): void {
  const run = declare(program, "run [file...]", "submit a workflow, or a command after --, and follow it", [
    "qrew run workflow.yaml",
    "qrew run -k -- gzip -k {} ::: *.dat",
    "qrew run --each-line - -- 'convert {} {.}.png' < pictures.txt",
  ]);
  withSubmissionOptions(run)
    .option("--detach", "leave as soon as the job is accepted")
    .addHelpText("after", moreOptions(" -k"))
    .addOption(
      new Option(
        "-k, --keep-order",
        "of a command: print what tasks wrote in the order of the arguments",
      ).hideHelp(),
    )
    .action(async (files: readonly string[], flags: RunFlags) => {
      const { run } = await import("../commands/run.ts");
      await finish(run(context, { files, command }, flags));
    });
  const submit = declare(
    program,
    "submit [file...]",
    "submit as `run` does and print the number of the job",
    ["qrew submit workflow.yaml", "job=$(qrew submit -- make -C src) && qrew wait $job"],
  );
  withSubmissionOptions(submit)
    .addHelpText("after", moreOptions(""))
    .action(async (files: readonly string[], flags: SubmitFlags) => {
      const { submit } = await import("../commands/submit.ts");
      await finish(submit(context, { files, command }, flags));
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
  const graph = declare(
    program,
    "graph <file>",
    "print the DAG of a file, or of a job by its number or last",
    ["qrew graph workflow.yaml | dot -Tsvg > workflow.svg", "qrew graph last --mermaid"],
  );
  withImportOptions(graph)
    .option("--mermaid", "print text of Mermaid instead of Graphviz")
    .option("--expand", "draw each element of an array")
    .action(async (target: string, flags: GraphFlags) => {
      const { graph } = await import("../commands/graph.ts");
      await finish(graph(context, target, flags));
    });
}

/** What these are for is in the topics `commands` and `importing`. */
const moreOptions = (last: string): string => `
For a command: -a --each-line -0 --cpus --memory --retries --timeout -j${last}
(\`qrew help commands\`); for files of other tools: --format --jx-args
--jx-define --time-scale --size-scale (\`qrew help importing\`).`;

function withSubmissionOptions(command: Command): Command {
  return leftToTopics(withCommandOptions(withImportOptions(command)))
    .option("--name <name>", "name of the job, over the document's")
    .option("--priority <number>", "higher goes first, from -1000 to 1000 (default: 0)")
    .option("--key <text>", "one job for all submissions with this key")
    .option("--dir <folder>", "run the tasks in this folder, not the current one")
    .option("--fresh-dir", "run the tasks in a new folder of the job's own")
    .option("--clean-env", "give the tasks a minimal environment, not this one")
    .option("--daemon-cpus <number>", "cpus of the daemon, if this command starts it");
}

function withCommandOptions(command: Command): Command {
  return command
    .option("-a, --arg-file <file>", "of a command: an argument in each line; may be repeated", collect)
    .option("--each-line <file>", "the same; - reads stdin. Several lists are multiplied", collect)
    .option("-0, --null", "arguments of files end with NUL, as those of find -print0")
    .option("--cpus <number>", "of a command: cpus that each task holds (default: 1)")
    .option("--memory <size>", "of a command: memory that each task holds, as 4G")
    .option("--retries <number>", "of a command: repetitions of a task that fails")
    .option("--timeout <duration>", "of a command: stop a task after this time, as 90s or 1h")
    .option("-j, --jobs <number>", "of a command: tasks that run at once, at most");
}
