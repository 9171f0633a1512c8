/**
 * The library: what the command line does, for programs.
 *
 * ```ts
 * const client = await connect();
 * const { job } = await client.submit(await readFile("workflow.yaml"), { source: "workflow.yaml" });
 * for await (const { summary } of client.follow([job])) console.log(summary.state, summary.tasks.succeeded);
 * for (const task of client.tasks(job)) console.log(task.name, task.state, task.exitCode);
 * await client.close();
 * ```
 *
 * Whatever fails throws QrewError, with a `code` of a closed list. A job or task that fails is data, never an exception.
 */
import type { DaemonReport, ImportSettings, JobSummary } from "../../protocol/clientLink.ts";
import type { PauseMode } from "../../protocol/fields.ts";
import { QrewError } from "../../protocol/errors.ts";
import type { JobSeq, TaskIndex } from "../../protocol/ids.ts";
import { currentHomeInputs, type Home, openHome } from "../node/home.ts";
import { usualImport } from "../workflow/importers/importing.ts";
import { cancelJobs } from "./cancel.ts";
import type { DaemonOptions } from "./daemon.ts";
import type { DaemonResources } from "./daemonProcess.ts";
import { followJobs, type JobChange } from "./follow.ts";
import { followOutput, type OutputPiece } from "./followOutput.ts";
import { DaemonLink } from "./link.ts";
import type { JobView } from "./jobView.ts";
import { pauseJobs } from "./pause.ts";
import { type JobPage, StateReader } from "./read.ts";
import { outputPieces, type StreamName } from "./readOutput.ts";
import type { JobTasks, TaskView } from "./readTasks.ts";
import { retryJob } from "./retry.ts";
import { daemonStatus } from "./status.ts";
import { stopDaemon, type StopOutcome } from "./stop.ts";
import { endOf, interruptedWait, runDocument } from "./run.ts";
import { type AcceptedJob, type DocumentBytes, type Submission, submitDocument } from "./submit.ts";
import { captureSurroundings, type SurroundingsOptions } from "./surroundings.ts";

export { QrewError } from "../../protocol/errors.ts";
export type { ErrorCode } from "../../protocol/errors.ts";
export type { DaemonReport, ImportSettings, JobSummary, WorkflowFormat } from "../../protocol/clientLink.ts";
export type { JobState, PauseMode, TaskCounts } from "../../protocol/fields.ts";
export type { JobSeq, TaskIndex } from "../../protocol/ids.ts";
export { jobSeq, taskIndex } from "../../protocol/ids.ts";
export type { TaskState } from "../store/workerRecords.ts";
export type { DaemonResources } from "./daemonProcess.ts";
export type { JobChange } from "./follow.ts";
export type { OutputPiece } from "./followOutput.ts";
export type { JobView } from "./jobView.ts";
export type { JobPage } from "./read.ts";
export type { StreamName } from "./readOutput.ts";
export type { AttemptView, TaskView } from "./readTasks.ts";
export type { StopOutcome } from "./stop.ts";
export type { AcceptedJob, DocumentBytes } from "./submit.ts";
export type { SurroundingsOptions } from "./surroundings.ts";

export interface ConnectOptions {
  /** State folder; default `$QREW_HOME`, else `~/.qrew`. */
  readonly home?: string;
  /** Default `ifAbsent`: a daemon is started where none runs. */
  readonly start?: "ifAbsent" | "never";
  /** Default true: a daemon that is started here leaves when it is idle. */
  readonly transient?: boolean;
  /** Of a daemon that is started here. */
  readonly resources?: DaemonResources;
}

export interface SubmitOptions extends SurroundingsOptions {
  /** Over the document's own name. */
  readonly name?: string;
  /** Where the document comes from, for messages; its ending decides between YAML and JSON. */
  readonly source: string;
  /** From -1000 to 1000, added to that of each task; default 0. */
  readonly priority?: number;
  /**
   * Of 1 to 200 bytes. Submissions with the same key are one job: the first one makes it, all others resolve with it, as long as it
   * is there; one with another document or other options is `refused`.
   */
  readonly key?: string;
  /** For files of other tools. Left out: the format is found out, recorded times count in full, recorded files are empty. */
  readonly import?: Partial<ImportSettings>;
}

export interface RunOptions extends SubmitOptions {
  /** Called when the job is accepted, which means durable. */
  readonly onAccepted?: (accepted: AcceptedJob) => void;
  readonly signal?: AbortSignal;
}

export interface LogOptions {
  /** Default `stdout`. */
  readonly stream?: StreamName;
  /** Default the latest. */
  readonly attempt?: number;
}

export interface FollowLogsOptions {
  /** Names or indices; default all tasks. */
  readonly tasks?: readonly (string | TaskIndex)[];
  /** Default both. */
  readonly streams?: readonly StreamName[];
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal;
}

/** Default of `stop`; a day for running attempts to end. */
const STOP_TIMEOUT_MS = 24 * 3_600_000;

/** Connections kept for the next who follows a job: a descriptor each. */
const IDLE_LINKS_MAX = 4;

/** Connects to the daemon of the state folder. Throws `unreachable`, `otherVersion`, or why the folder cannot be used. */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const inputs = currentHomeInputs();
  const environment =
    options.home === undefined ? inputs.environment : { ...inputs.environment, QREW_HOME: options.home };
  const home = openHome({ ...inputs, environment });
  const client = new Client({
    home,
    start: options.start ?? "ifAbsent",
    transient: options.transient ?? true,
    ...(options.resources === undefined ? {} : { resources: options.resources }),
  });
  await client.daemonStatus();
  return client;
}

/** A connection to a daemon, renewed when it was lost, and the stores of its state folder. Close it when done. */
export class Client {
  readonly home: Home;
  readonly #daemon: DaemonOptions;
  readonly #link: DaemonLink;
  readonly #reader: StateReader;
  /** That nobody follows a job over at the moment. */
  readonly #idleLinks: DaemonLink[] = [];
  #isClosed = false;

  /** Use `connect`, which also makes sure that there is a daemon. */
  constructor(daemon: DaemonOptions) {
    this.home = daemon.home;
    this.#daemon = daemon;
    this.#link = new DaemonLink(daemon);
    this.#reader = new StateReader(daemon.home.folder);
  }

  /**
   * Resolves when the job is durable. A manager that dies meanwhile is replaced and asked again, which makes no second job, unless
   * `document` is a stream, which can be read only once. Throws `invalidDocument` with a line for each fault.
   */
  async submit(document: DocumentBytes, options: SubmitOptions): Promise<AcceptedJob> {
    return submitDocument(this.#link.reach, submissionOf(document, options));
  }

  /**
   * Submits the document and resolves with how its job has ended: sooner than `submit` and then `wait`, by a round trip. Throws as `submit`,
   * and `interrupted` when `signal` is aborted once the job is accepted; it goes on.
   */
  async run(document: DocumentBytes, options: RunOptions): Promise<JobSummary> {
    const { onAccepted, signal } = options;
    const link = this.#takeLink();
    try {
      return await runDocument(link.reach, {
        ...submissionOf(document, options),
        ...(onAccepted === undefined ? {} : { onAccepted }),
        ...(signal === undefined ? {} : { signal }),
      });
    } finally {
      this.#giveBack(link);
    }
  }

  /**
   * Opens the next round of a job that has ended: what did not succeed runs again, and what depends on it. With a corrected document what
   * succeeded and is unchanged in it stays as it is.
   */
  async retry(
    job: JobSeq,
    corrected: { document: DocumentBytes; source: string; import?: Partial<ImportSettings> } | null = null,
  ): Promise<AcceptedJob> {
    const document =
      corrected === null ? null : { ...corrected, import: { ...usualImport, ...corrected.import } };
    return retryJob(this.#link.reach, job, document);
  }

  /** The present state of the jobs and each change (of many jobs the latest, twice a second), until all are final; survives a manager that is replaced. */
  async *follow(jobs: readonly JobSeq[], signal?: AbortSignal): AsyncGenerator<JobChange> {
    const link = this.#takeLink();
    try {
      yield* followJobs(link.reach, jobs, signal);
    } finally {
      this.#giveBack(link);
    }
  }

  /** Resolves with how the job has ended. Throws `interrupted` when `signal` is aborted before. */
  async wait(job: JobSeq, signal?: AbortSignal): Promise<JobSummary> {
    const ended = await endOf(this.follow([job], signal));
    if (ended === null) throw interruptedWait(job);
    return ended;
  }

  /** Asks; `wait` tells when the last process is gone. Resolves with the jobs that were not final yet. */
  async cancel(jobs: readonly JobSeq[]): Promise<readonly JobSeq[]> {
    return cancelJobs(await this.#link.reach(), jobs);
  }

  /**
   * `hold`: nothing new starts. `stop`: what runs is suspended too. `off`: they go on. Resolves with the jobs that have neither ended
   * nor been cancelled.
   */
  async pause(jobs: readonly JobSeq[], mode: PauseMode): Promise<readonly JobSeq[]> {
    return pauseJobs(await this.#link.reach(), jobs, mode);
  }

  /** The newest jobs, 20 unless told. */
  jobs(limit = 20): JobPage {
    return this.#reader.jobs(limit);
  }

  /** Throws `notFound`. */
  job(job: JobSeq): JobView {
    const found = this.#reader.job(job);
    if (found === null) throw new QrewError("notFound", `There is no job ${job}.`);
    return found;
  }

  /** All tasks in the order of the document. Throws `notFound`. */
  tasks(job: JobSeq): Generator<TaskView> {
    return this.#tasks(job).each();
  }

  /** The bytes that a task has written, when its attempt has ended. Throws `notFound` for an unknown task. */
  async *logs(job: JobSeq, task: string | TaskIndex, options: LogOptions = {}): AsyncGenerator<Uint8Array> {
    const tasks = this.#tasks(job);
    const index = typeof task === "string" ? tasks.find(task) : task;
    if (index === null || index >= tasks.count)
      throw new QrewError("notFound", `Job ${job} has no task ${task}.`);
    const attempt = options.attempt ?? tasks.task(index).attempt;
    const output = this.#reader.output(tasks.job, index, attempt, options.stream ?? "stdout");
    if (output !== null) yield* outputPieces(output);
  }

  /**
   * What the tasks of a job write, as they write it, from the first byte until they have ended; also of a job that does not
   * run yet. Throws `notFound` for an unknown task.
   */
  async *followLogs(job: JobSeq, options: FollowLogsOptions = {}): AsyncGenerator<OutputPiece> {
    const { tasks, streams, signal } = options;
    const wanted = tasks === undefined ? {} : { tasks: this.#indicesOf(job, tasks) };
    yield* followOutput(this.#reader, job, {
      streams: streams ?? ["stdout", "stderr"],
      ...wanted,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async daemonStatus(): Promise<DaemonReport> {
    return daemonStatus(await this.#link.reach());
  }

  /** Stops the daemon and resolves when it is gone; `drain` lets running attempts end first. */
  async stop(mode: "drain" | "now", timeoutMs: number = STOP_TIMEOUT_MS): Promise<StopOutcome> {
    return stopDaemon({ home: this.home, mode, timeoutMs });
  }

  /** The daemon goes on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#link.close();
    for (const link of this.#idleLinks.splice(0)) link.close();
    await this.#reader.close();
  }

  /** Over which nobody else follows jobs. */
  #takeLink(): DaemonLink {
    return this.#idleLinks.pop() ?? new DaemonLink(this.#daemon);
  }

  #giveBack(link: DaemonLink): void {
    // Its last request ends the following; the next one comes after it.
    if (this.#isClosed || this.#idleLinks.length >= IDLE_LINKS_MAX) link.close();
    else this.#idleLinks.push(link);
  }

  #indicesOf(job: JobSeq, names: readonly (string | TaskIndex)[]): readonly TaskIndex[] {
    const tasks = this.#tasks(job);
    return names.map((name) => {
      const index = typeof name === "string" ? tasks.find(name) : name;
      if (index !== null && index < tasks.count) return index;
      throw new QrewError("notFound", `Job ${job} has no task ${name}.`);
    });
  }

  #tasks(job: JobSeq): JobTasks {
    return this.#reader.tasks(this.job(job));
  }
}

const submissionOf = (document: DocumentBytes, options: SubmitOptions): Submission => ({
  document,
  ...(options.key === undefined ? {} : { key: options.key }),
  options: {
    name: options.name ?? null,
    source: options.source,
    import: { ...usualImport, ...options.import },
    priority: options.priority ?? 0,
    retries: null,
    ...captureSurroundings(options),
  },
});
