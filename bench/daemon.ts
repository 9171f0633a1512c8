/**
 * A qrew of its own for a scenario: the built one, in the configuration that everybody has, in a state folder below the temporary
 * folder. What is measured is what people get: there is no switch for benchmarks.
 */
import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { QrewError } from "../protocol/errors.ts";
import {
  type AcceptedJob,
  type Client,
  connect,
  type DocumentBytes,
  type ImportSettings,
  type JobSeq,
  type JobSummary,
} from "../src/client/index.ts";
import { type CommandRun, runCommand } from "./commands.ts";
import type { Bench } from "./scenario.ts";

/** The built command line; scripts/bench.mjs builds before it runs. */
export const QREW_MAIN = fileURLToPath(new URL("../dist/src/cli/main.js", import.meta.url));

const START_MS_MAX = 60_000;
/** With tens of thousands of processes to end. */
const STOP_MS_MAX = 180_000;

export interface JobRun {
  readonly job: JobSeq;
  /** From the first byte of the submission to the word that the job is accepted, which means durable. */
  readonly acceptSeconds: number;
  /** From then until the job's end is told, which means flushed. */
  readonly runSeconds: number;
  readonly summary: JobSummary;
}

export interface JobOptions {
  /** Where its tasks run; default `work`. */
  readonly directory?: string;
  readonly import?: Partial<ImportSettings>;
}

export interface BenchDaemon {
  readonly home: string;
  /** Where its jobs run. */
  readonly work: string;
  readonly client: Client;
  /** The processes of manager, workers, executors and forkservers. */
  readonly pids: () => Promise<readonly number[]>;
  /** Submits and waits. Throws unless every task has succeeded. */
  readonly runJob: (document: DocumentBytes, options?: JobOptions) => Promise<JobRun>;
  /** The same in one request, without the times. */
  readonly runToEnd: (document: DocumentBytes) => Promise<void>;
  /** Submits, and resolves when the job is accepted. */
  readonly submit: (document: DocumentBytes, options?: JobOptions) => Promise<AcceptedJob>;
  /** A `qrew` command on the same state folder. */
  readonly command: (args: readonly string[]) => Promise<CommandRun>;
}

/** A daemon for the time of `body`; it and its processes are gone afterwards, its files when the benchmark removes its folder. */
export async function withDaemon<Result>(
  bench: Bench,
  body: (daemon: BenchDaemon) => Promise<Result>,
  startArguments: readonly string[] = [],
): Promise<Result> {
  const folder = mkdtempSync(path.join(bench.folder, "d"));
  const [home, work] = [path.join(folder, "h"), path.join(folder, "w")];
  mkdirSync(work);
  const env = { QREW_HOME: home };
  const command = [process.execPath, QREW_MAIN];
  // Not ended by an interrupt either: half a start may leave a daemon that nobody stops.
  const started = AbortSignal.timeout(START_MS_MAX);
  await runCommand([...command, "daemon", "start", ...startArguments], { cwd: work, signal: started, env });
  // Also after an interrupt, which must not interrupt this.
  const stop = (): Promise<CommandRun> =>
    runCommand([...command, "daemon", "stop", "--now"], {
      cwd: work,
      signal: AbortSignal.timeout(STOP_MS_MAX),
      env,
    });
  let result: Result;
  try {
    const client = await connect({ home, start: "never" });
    try {
      result = await body({
        home,
        work,
        client,
        pids: async () => daemonPids(client),
        runJob: (document, options) =>
          runJob(client, { directory: work, ...options }, document, bench.signal),
        runToEnd: (document) => runToEnd(client, work, document, bench.signal),
        submit: (document, options) => submit(client, { directory: work, ...options }, document),
        command: (args) => runCommand([...command, ...args], { cwd: work, signal: bench.signal, env }),
      });
    } finally {
      await client.close();
    }
  } catch (error) {
    // What went wrong says more than how the end went.
    await stop().catch(() => undefined);
    throw error;
  }
  await stop();
  return result;
}

async function daemonPids(client: Client): Promise<readonly number[]> {
  const { processes } = await client.daemonStatus();
  return processes.flatMap(({ pid, forkserver }) =>
    forkserver === null || forkserver.pid === pid ? [pid] : [pid, forkserver.pid],
  );
}

const SETTINGS = { source: "bench.json", cleanEnv: true } as const;

const submit = (client: Client, options: JobOptions, document: DocumentBytes): Promise<AcceptedJob> =>
  client.submit(document, { ...SETTINGS, ...options });

async function runToEnd(
  client: Client,
  directory: string,
  document: DocumentBytes,
  signal: AbortSignal,
): Promise<void> {
  let tasks = 0;
  const onAccepted = (accepted: AcceptedJob): void => {
    tasks = accepted.tasks;
  };
  const summary = await client.run(document, { ...SETTINGS, directory, signal, onAccepted });
  checkSucceeded(summary, tasks);
}

/** Throws unless every task has succeeded. */
function checkSucceeded({ job, state, tasks: { succeeded } }: JobSummary, tasks: number): void {
  if (state === "succeeded" && succeeded === tasks) return;
  throw new QrewError("refused", `job ${job} ${state}: ${succeeded} of ${tasks} tasks succeeded.`);
}

async function runJob(
  client: Client,
  options: JobOptions,
  document: DocumentBytes,
  signal: AbortSignal,
): Promise<JobRun> {
  signal.throwIfAborted();
  const startedMs = performance.now();
  const { job, tasks } = await submit(client, options, document);
  const acceptedMs = performance.now();
  const summary = await client.wait(job, signal);
  const finishedMs = performance.now();
  checkSucceeded(summary, tasks);
  return {
    job,
    acceptSeconds: (acceptedMs - startedMs) / 1000,
    runSeconds: (finishedMs - acceptedMs) / 1000,
    summary,
  };
}
