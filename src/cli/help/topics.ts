/** What `qrew help TOPIC` tells: a screen each, with an example. */
import { EXIT_CODES } from "./exitCodes.ts";

export interface HelpTopic {
  readonly title: string;
  readonly lines: readonly string[];
}

export const HELP_TOPICS: Readonly<Record<string, HelpTopic>> = {
  workflow: {
    title: "how a workflow document is written",
    lines: [
      "A YAML or JSON document with a list of tasks. A task starts when those that it depends on have succeeded.",
      "",
      "  # squares.yaml",
      "  tasks:",
      "    - name: square",
      "      foreach: {i: {range: [1, 300]}}",
      "      command: expr {{i}} \\* {{i}} > {{i}}.txt",
      "      retry: {limit: 2, backoff: 1s}",
      "    - name: sum",
      "      depends: [square]",
      "      command: cat *.txt | awk '{s += $1} END {print s}'",
      "      resources: {cpus: 0.5, memory: 512M}",
      "",
      "  qrew validate squares.yaml && qrew run squares.yaml",
      "",
      "All keys: docs/document.md.",
    ],
  },
  commands: {
    title: "jobs without a document, in the manner of GNU parallel",
    lines: [
      "  qrew run -- gzip -k {} ::: *.dat                    a task for each file",
      "  qrew run -k -- 'wc -l < {} > {.}.lines' ::: *.txt   a shell reads one quoted word",
      "  qrew run -- ./simulate {1} {2} ::: hot cold ::: 1 2 each combination",
      "  ls | qrew run --each-line - -- file                 an argument in each line",
      "  qrew run -a commands.txt                            each line is a command",
      "",
      "{} is the argument, {.} without its ending, {/} its last part, {//} its folder, {/.} both, {#} the number.",
      "Several words are executed without a shell. Without a placeholder the argument stands at the end.",
      "",
      "  -a FILE, --each-line FILE   an argument in each line; - reads stdin; -0 if NUL ends them (find -print0)",
      "  --cpus 1  --memory 4G       what each task holds; -j 4: at most so many at once",
      "  --retries 2  --timeout 90s  repetitions of a task that fails; the time that it has",
      "  -k                          of run: what tasks wrote comes in the order of the arguments",
      "More: docs/commandline.md.",
    ],
  },
  selectors: {
    title: "how jobs are named",
    lines: [
      "  7         the job of this number",
      "  last      the newest",
      "  3-7 12-   those from the one to the other that there are; 12 and all later ones",
      "  3,5,9-12  lists",
      "  all       every job; for wait and cancel every job that has not ended",
      "",
      "jobs and cancel take filters: --state running,queued --name 'night*' --since 2h (or 2026-03-14).",
      "",
      "Example: qrew cancel --state queued --name 'night*'",
    ],
  },
  "exit-codes": {
    title: "what the exit codes of commands mean",
    lines: [
      ...EXIT_CODES.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`),
      "",
      "Example: qrew wait last || qrew show last",
    ],
  },
  environment: {
    title: "environment variables that qrew heeds, and those that tasks see",
    lines: [
      "  QREW_HOME        the state folder; default ~/.qrew, on a local disk",
      "  QREW_FORKSERVER  another compiled forkserver, for tests",
      "  NO_COLOR         set to anything: no colours",
      "  LC_ALL, LANG     whether block characters are shown (UTF-8)",
      "  SLURM_*          inside an allocation: the cpus and memory that were allocated",
      "",
      "Tasks have the environment of the one who submitted (not with --clean-env), without QREW_*, and",
      "  QREW_JOB_ID, QREW_TASK, QREW_ATTEMPT, QREW_CPUS, QREW_NODE, OMP_NUM_THREADS.",
      "",
      "Settings of a state folder: qrew config. An option goes before a setting.",
      "Example: QREW_HOME=/scratch/me/qrew qrew jobs",
    ],
  },
  importing: {
    title: "files of other tools",
    lines: [
      "run, submit, validate and convert read, by the ending of the file or by its content:",
      "  .makeflow .mf   Makeflow, with variables, categories, nested files (docs/makeflow.md)",
      "  .jx             Makeflow's JX",
      "  .json           Makeflow's JSON, and WfCommons WfFormat 1.4 and 1.5 (docs/wfcommons.md), which is replayed",
      "  --format FORMAT        where that is not found out: makeflow, makeflow-json, makeflow-jx, wfformat, qrew",
      "  --jx-define N=3        a variable of JX; a text is in double quotes: 'S=\"a b\"'; may be repeated",
      "  --jx-args FILE         a file with an object of them; may be repeated",
      "  --time-scale 0.01      recorded times of WfFormat are multiplied by it (usually 1)",
      "  --size-scale 1         sizes of recorded files likewise (usually 0: empty files)",
      "",
      "Example: qrew convert pipeline.makeflow > pipeline.yaml",
    ],
  },
  daemon: {
    title: "what runs in the background, and where its state is",
    lines: [
      "A command that needs a daemon starts one. It leaves 30 s after the last job has ended; the queue stays on disk.",
      "`qrew daemon start` makes one that stays. It offers the machine's cpus and memory to tasks, or what it is told:",
      "  qrew daemon start --cpus 4 --memory 8G --resource licence=2",
      "`qrew daemon stop` lets running tasks end, `--now` stops them; both keep the queue.",
      "`qrew config set prune.olderThan 30d` has it delete old jobs by itself, when it starts and every hour.",
      "Whatever dies is replaced: jobs go on. State, logs and output are in the state folder (qrew help environment).",
    ],
  },
};
