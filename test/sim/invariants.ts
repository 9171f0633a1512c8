/** What must hold after every step. The first thing that does not is kept, and the simulation stops there. */
import type { JobSummary } from "../../protocol/clientLink.ts";
import { QrewError } from "../../protocol/errors.ts";
import {
  type AttemptId,
  attemptKey,
  type JobSeq,
  jobSeq,
  type SeatNumber,
  seatStoreName,
  taskIndex,
} from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { addResources, fits } from "../../src/node/resources.ts";
import { keyPart } from "../../src/store/keys.ts";
import { listJobs, readJob } from "../../src/store/managerStore.ts";
import { decodeTask } from "../../src/store/taskCodec.ts";
import { type NoopEnds, noopRecord, type TaskRecord } from "../../src/store/workerRecords.ts";
import { decodeNoopEnds, NOOP_ENDS } from "../../src/store/noopEnds.ts";
import { eachTask, listWorkerJobs, readTask } from "../../src/store/workerStore.ts";
import { stateCode, isFinal } from "../../worker/core/taskStates.ts";
import type { Change, SimStore } from "./disk.ts";
import { judgeEnd } from "./judgeEnd.ts";
import { type TaskRun, taskKey } from "./taskRun.ts";
import type { JobScript } from "./workload.ts";
import type { World } from "./world.ts";

/** More jobs than a simulation has. */
const JOBS_MAX = 1000;
/** What could start, starts within this time once nothing goes wrong any more: the longest wait of a restart, and some. */
const START_MS_MAX = 90_000;

export interface Violation {
  readonly invariant: string;
  readonly detail: string;
  readonly atMs: number;
}

export class Invariants {
  readonly #world: World;
  #broken: Violation | null = null;
  /** Tasks with a final record. */
  readonly #finals = new Map<string, TaskRecord>();
  /** Attempts that have started since the machine was. */
  readonly #started = new Set<string>();
  /** Attempts that did their work. */
  readonly #worked = new Set<string>();
  readonly #accepted = new Map<JobSeq, JobScript>();
  readonly #toldFinal = new Map<JobSeq, JobSummary>();
  readonly #cancelAsked = new Set<JobSeq>();
  /** Since when each task could start. */
  readonly #startable = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  get broken(): Violation | null {
    return this.#broken;
  }

  break(invariant: string, detail: string): void {
    if (this.#broken !== null) return;
    this.#broken = { invariant, detail, atMs: this.#world.timeline.nowMs };
    this.#world.note("invariant", `BROKEN ${invariant}: ${detail}`);
  }

  onStart(run: TaskRun, living: readonly TaskRun[]): void {
    const { id, script } = run;
    const key = attemptKey(id);
    const task = taskKey(id);
    const other = living.find((live) => taskKey(live.id) === task);
    if (other !== undefined)
      this.break("no two live attempts", `${key} starts, ${attemptKey(other.id)} runs`);
    if (this.#started.has(key)) this.break("an attempt starts once", `${key} starts again`);
    this.#started.add(key);
    const final = this.#finals.get(task);
    if (final !== undefined)
      this.break("nothing starts after its end", `${key} starts, its task ${final.state}`);
    for (const need of script.needs) {
      const state = this.#finals.get(`${id.job}/${need}`)?.state ?? "not ended";
      if (state !== "succeeded")
        this.break("dependencies end before", `${key} starts, task ${need} is ${state}`);
    }
    if (this.#toldFinal.has(id.job)) this.break("nothing runs after the end was told", `${key} starts`);
    const { capacity } = this.#world.settings;
    const held = sumOf([...living, run]);
    if (!fits(held, capacity))
      this.break("the cap of slots holds", `${key} starts: ${describe(held)} of ${describe(capacity)}`);
    this.#startable.delete(task);
  }

  onEnd(run: TaskRun): void {
    const { outcome } = run;
    if (outcome?.type === "exited" && outcome.exitCode === 0) this.#worked.add(attemptKey(run.id));
  }

  /** The forkserver forgets the end: then it has to be on record. */
  onAcknowledged(id: AttemptId, seat: SeatNumber): void {
    const key = attemptKey(id);
    const record = this.#world.disk
      .open(seatStoreName(seat))
      .read((reader) => readTask(reader, id.job, id.task));
    if (record === null) return this.break("nothing acknowledged is missing", `${key} has no record`);
    const isOpen =
      (record.state === "ready" || record.state === "running") &&
      (record.reason === null || record.reason.type === "stopping");
    // One that never started may have been sent again under its number, after the acknowledgement.
    if (record.attempt === id.attempt && isOpen && this.#started.has(key)) {
      this.break(
        "nothing acknowledged is missing",
        `${key} is acknowledged, its record says ${record.state}`,
      );
    }
    if (record.attempt < id.attempt && this.#started.has(key)) {
      this.break(
        "nothing acknowledged is missing",
        `${key} has run, its record is of attempt ${record.attempt}`,
      );
    }
  }

  onCommit(store: SimStore, changes: readonly Change[]): void {
    if (!store.name.startsWith("worker-")) return;
    for (const { table, key, after } of changes) {
      if (after === undefined) continue;
      if (table === NOOP_ENDS)
        this.#onNoopEnds(jobSeq(keyPart(table, key, 0)), decodeNoopEnds(after, { table, key }));
      if (table !== "tasks") continue;
      const id = { job: jobSeq(keyPart(table, key, 0)), task: taskIndex(keyPart(table, key, 1)) };
      this.#onTaskRecord(id.job, id.task, decodeTask(after, { table, key }));
    }
  }

  #onNoopEnds(job: JobSeq, ends: NoopEnds): void {
    for (const [index, task] of ends.tasks.entries()) this.#onTaskRecord(job, task, noopRecord(ends, index));
  }

  #onTaskRecord(job: JobSeq, task: number, record: TaskRecord): void {
    const key = `${job}/${task}`;
    const before = this.#finals.get(key);
    if (before !== undefined && (before.state !== record.state || before.attempt !== record.attempt)) {
      const detail = `${key} ${before.state} in attempt ${before.attempt}, then ${record.state} in ${record.attempt}`;
      return this.break("one final record", detail);
    }
    const live = this.#world.tasks.living().find((run) => taskKey(run.id) === key);
    if (isFinal(stateCode(record.state))) {
      if (live !== undefined)
        this.break("an end is an end", `${key} ${record.state}, ${attemptKey(live.id)} runs`);
      this.#finals.set(key, record);
      const isNoop = this.#world.scriptOfJob(job)?.tasks[task]?.kind === "noop";
      if (record.state === "succeeded" && !isNoop && !this.#worked.has(`${key}/${record.attempt}`)) {
        this.break(
          "who succeeds has worked",
          `${key} succeeded, attempt ${record.attempt} never ended with 0`,
        );
      }
    } else if (
      record.reason !== null &&
      record.reason.type !== "stopping" &&
      live?.id.attempt === record.attempt
    ) {
      this.break(
        "who lives is not lost",
        `attempt ${attemptKey(live.id)} runs and is recorded as ${record.reason.type}`,
      );
    }
  }

  onAccepted(job: JobSeq, script: JobScript): void {
    this.#accepted.set(job, script);
    this.#checkAccepted(job);
  }

  #checkAccepted(job: JobSeq): void {
    const record = this.#world.disk.open("manager").read((reader) => readJob(reader, job));
    if (record === null) this.break("what was accepted is there", `job ${job} is gone`);
  }

  onCancelAsked(job: JobSeq): void {
    this.#cancelAsked.add(job);
  }

  onToldFinal(job: JobSeq, summary: JobSummary): void {
    this.#toldFinal.set(job, summary);
    this.#checkTold(job, summary);
    const live = this.#world.tasks.living().find(({ id }) => id.job === job);
    if (live !== undefined) this.break("nothing runs after the end was told", `${attemptKey(live.id)} runs`);
  }

  #checkTold(job: JobSeq, { state }: JobSummary): void {
    const record = this.#world.disk.open("manager").read((reader) => readJob(reader, job));
    if (record?.state !== state) {
      this.break(
        "what was told stays true",
        `job ${job} was told ${state}, its record says ${record?.state ?? "nothing"}`,
      );
    }
  }

  onMalformed(receiver: string, detail: string): void {
    this.break("frames are of their schema", `the ${receiver} refuses a frame: ${detail}`);
  }

  /** An actor ended by itself: a fenced one or one without disk may, everything else is a defect. */
  onFailure(name: string, error: unknown): void {
    const { code, message } = QrewError.from(error);
    if (code !== "fenced" && code !== "storeFull") this.break("no actor fails", `${name}: ${message}`);
  }

  /** The records are what the disk has kept; what was told has to be among it. */
  onPowerCut(): void {
    const before = new Map(this.#finals);
    this.#finals.clear();
    this.#started.clear();
    for (const store of this.#world.disk.stores()) {
      if (!store.name.startsWith("worker-")) continue;
      for (const { job } of store.read(listWorkerJobs)) {
        for (const { task, record } of eachTask(store, job)) {
          if (isFinal(stateCode(record.state))) this.#finals.set(`${job}/${task}`, record);
        }
      }
    }
    for (const job of this.#accepted.keys()) this.#checkAccepted(job);
    for (const [job, summary] of this.#toldFinal) this.#checkTold(job, summary);
    for (const [key, record] of before) {
      if (!this.#toldFinal.has(jobSeq(Number(key.split("/")[0])))) continue;
      if (this.#finals.get(key)?.state !== record.state) {
        this.break("what was told stays true", `the end of task ${key} was told and is lost`);
      }
    }
  }

  /** While nothing goes wrong any more: what could start has to start before long. */
  watchStarts(): void {
    const { tasks, settings, timeline, disk } = this.#world;
    const free = freeOf(settings.capacity, sumOf(tasks.living()));
    const busy = new Set(tasks.living().map(({ id }) => taskKey(id)));
    const now = new Set<string>();
    const jobs = disk.open("manager").read((reader) => listJobs(reader, { limit: JOBS_MAX }));
    for (const { job, state, seat, cancelRequested } of jobs) {
      if (isFinalJobState(state) || cancelRequested || state === "paused") continue;
      const script = this.#world.scriptOfJob(job);
      for (const [task, { needs, resources }] of (script?.tasks ?? []).entries()) {
        const key = `${job}/${task}`;
        if (this.#finals.has(key) || busy.has(key) || !fits(resources, free)) continue;
        if (!needs.every((need) => this.#finals.get(`${job}/${need}`)?.state === "succeeded")) continue;
        const record =
          seat === null
            ? null
            : disk.open(seatStoreName(seat)).read((reader) => readTask(reader, job, taskIndex(task)));
        if (record?.state !== "backoff") now.add(key);
      }
    }
    for (const key of this.#startable.keys()) if (!now.has(key)) this.#startable.delete(key);
    for (const key of now) {
      const sinceMs = this.#startable.get(key) ?? timeline.nowMs;
      this.#startable.set(key, sinceMs);
      if (timeline.nowMs - sinceMs > START_MS_MAX) {
        this.break("what is ready starts", `task ${key} could start since ${sinceMs.toFixed(0)} ms`);
      }
    }
  }

  /** All is done: the records have to tell one story. */
  judge(): void {
    judgeEnd(this.#world, this.#accepted, this.#cancelAsked, (invariant, detail) =>
      this.break(invariant, detail),
    );
    for (const [job, summary] of this.#toldFinal) this.#checkTold(job, summary);
  }
}

const sumOf = (runs: readonly TaskRun[]): Resources =>
  runs.reduce((sum, { script }) => addResources(sum, script.resources), NOTHING);

const NOTHING: Resources = { cpusMilli: 0, memoryBytes: 0, gpusMilli: 0, named: {} };

function freeOf(capacity: Resources, held: Resources): Resources {
  return {
    cpusMilli: Math.max(0, capacity.cpusMilli - held.cpusMilli),
    memoryBytes: Math.max(0, capacity.memoryBytes - held.memoryBytes),
    gpusMilli: Math.max(0, capacity.gpusMilli - held.gpusMilli),
    named: {},
  };
}

const describe = ({ cpusMilli, memoryBytes, gpusMilli }: Resources): string =>
  `${cpusMilli / 1000} cpus ${memoryBytes / 1024 ** 2} MiB ${gpusMilli / 1000} gpus`;
