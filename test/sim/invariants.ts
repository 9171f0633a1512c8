/** What must hold after every step. The first thing that does not is kept, and the simulation stops there. */
import type { JobSummary } from "../../protocol/clientLink.ts";
import { QrewError } from "../../protocol/errors.ts";
import {
  type AttemptId,
  attemptKey,
  type JobSeq,
  type SeatNumber,
  seatStoreName,
  type TaskIndex,
  taskIndex,
} from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { fits } from "../../src/node/resources.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";
import { listJobs, readJob } from "../../src/store/managerStore.ts";
import { NOTHING_RECORDED, type TaskRecord } from "../../src/store/workerRecords.ts";
import { readTask, readWorkerJob } from "../../src/store/workerStore.ts";
import { suspectFrom } from "../../worker/core/blame.ts";
import { isFinal, stateCode } from "../../worker/core/taskStates.ts";
import type { Change, SimStore } from "./disk.ts";
import { judgeEnd } from "./judgeEnd.ts";
import { JOBS_MAX, Records } from "./records.ts";
import type { SeatedJob } from "./seatedJob.ts";
import type { JobScript, TaskScript } from "./scripts.ts";
import { dealsWithFailures, type Finals, fateOf, hasFailure } from "./starts.ts";
import { describe, freeOf, sumOf } from "./sums.ts";
import { type TaskRun, taskKey } from "./taskRun.ts";
import { CRASH_LIMIT, type World } from "./world.ts";

/**
 * What could start, starts within this time once nothing goes wrong any more: some turns of tasks, which take up to 12 s, of
 * other jobs, of wider ones, of those that have a place of `maxRunning`, and of those that were sent ahead before it.
 */
const START_MS_MAX = 90_000;

export interface Violation {
  readonly invariant: string;
  readonly detail: string;
  readonly atMs: number;
}

/** A job that is to be deleted, and whether its user was told that it is. */
interface Pruned {
  readonly seat: SeatNumber | null;
  readonly isTold: boolean;
}

export class Invariants {
  readonly #world: World;
  #broken: Violation | null = null;
  readonly #records: Records;
  /** Attempts that have started since the machine was, and in which round of their job. */
  readonly #started = new Map<string, number>();
  /** Attempts that did their work. */
  readonly #worked = new Set<string>();
  /** Tasks that did it by themselves, and in which round of their job: what follows them may start before that is on record. */
  readonly #doneIn = new Map<string, number>();
  /** Jobs that were accepted, with the round that was accepted last. */
  readonly #accepted = new Map<JobSeq, { readonly script: JobScript; readonly round: number }>();
  /** The records that jobs had when their latest retry was asked for. */
  readonly #endsBefore = new Map<JobSeq, JobRecord>();
  /** Ends that were told, with the rounds that they are of. */
  readonly #toldFinal = new Map<JobSeq, { readonly summary: JobSummary; readonly round: number }>();
  readonly #cancelAsked = new Set<JobSeq>();
  /** How often a further round was asked for. */
  readonly #retries = new Map<JobSeq, number>();
  readonly #pruned = new Map<JobSeq, Pruned>();
  /** Since when each task could start. */
  readonly #startable = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    this.#records = new Records(world, {
      complain: (invariant, detail) => this.break(invariant, detail),
      onTask: (job, task, record) => this.#onTaskRecord(job, task, record),
    });
  }

  get broken(): Violation | null {
    return this.#broken;
  }

  break(invariant: string, detail: string): void {
    if (this.#broken !== null) return;
    this.#broken = { invariant, detail, atMs: this.#world.timeline.nowMs };
    this.#world.note("invariant", `BROKEN ${invariant}: ${detail}`);
  }

  seatedJob(job: JobSeq): SeatedJob | null {
    return this.#records.get(job);
  }

  onStart(run: TaskRun, living: readonly TaskRun[]): void {
    const { id } = run;
    const key = attemptKey(id);
    const task = taskKey(id);
    const other = living.find((live) => taskKey(live.id) === task);
    if (other !== undefined)
      this.break("no two live attempts", `${key} starts, ${attemptKey(other.id)} runs`);
    if (this.#started.has(key)) this.break("an attempt starts once", `${key} starts again`);
    this.#started.set(key, this.#records.get(id.job)?.round ?? 0);
    this.#checkJob(run, living);
    const { capacity } = this.#world.settings;
    const held = sumOf([...living, run]);
    if (!fits(held, capacity))
      this.break("the cap of slots holds", `${key} starts: ${describe(held)} of ${describe(capacity)}`);
    this.#startable.delete(task);
  }

  #checkJob({ id, seat, script }: TaskRun, living: readonly TaskRun[]): void {
    const key = attemptKey(id);
    const job = this.#records.get(id.job);
    if (job?.seat !== seat) return this.break("a job runs at its seat", `${key} starts at seat ${seat}`);
    if (this.#toldFinal.get(id.job)?.round === job.round)
      this.break("nothing runs after the end was told", `${key} starts`);
    const final = job.finals.get(id.task);
    if (final !== undefined)
      this.break("nothing starts after its end", `${key} starts, its task ${final.state}`);
    const fate = fateOf(script, this.#endsOf(job, script));
    if (fate !== "runs")
      this.break("dependencies end before", `${key} starts, by what it depends on it ${fate}`);
    const { maxRunning } = job.version;
    const running = living.filter((live) => live.id.job === id.job).length + 1;
    if (maxRunning !== null && running > maxRunning)
      this.break("maxRunning holds", `${key} starts as number ${running} of ${maxRunning}`);
  }

  /** Those on record, and successes that are not on record yet. */
  #endsOf(job: SeatedJob, { needs }: TaskScript): Finals {
    const ends = new Map(job.finals);
    for (const need of needs) {
      const isDone =
        this.#doneIn.get(taskKey({ job: job.job, task: taskIndex(need), attempt: 1 })) === job.round;
      if (!ends.has(need) && isDone) ends.set(need, { ...NOTHING_RECORDED, state: "succeeded" });
    }
    return ends;
  }

  onEnd(run: TaskRun): void {
    const { outcome, id } = run;
    if (outcome?.type !== "exited" || outcome.exitCode !== 0) return;
    this.#worked.add(attemptKey(id));
    const round = this.#records.get(id.job)?.round;
    if (round !== undefined && !run.wasStopped && !run.script.promises) this.#doneIn.set(taskKey(id), round);
  }

  /** The forkserver forgets the end: then it has to be on record. */
  onAcknowledged(id: AttemptId, seat: SeatNumber): void {
    const key = attemptKey(id);
    const round = this.#records.get(id.job)?.round;
    // What is told once more after its round may have no record of its own, or another number, or be deleted.
    if (round === undefined || (this.#started.get(key) ?? 1) !== round) return;
    const record = this.#world.disk
      .open(seatStoreName(seat))
      .read((reader) => readTask(reader, id.job, id.task));
    if (record === null) return this.break("nothing acknowledged is missing", `${key} has no record`);
    const isOpen =
      record.reason?.type === "follows" ||
      ((record.state === "ready" || record.state === "running") &&
        (record.reason === null || record.reason.type === "stopping"));
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
    this.#records.onCommit(store, changes);
  }

  #onTaskRecord(job: SeatedJob, task: TaskIndex, record: TaskRecord): void {
    const id = { job: job.job, task, attempt: record.attempt };
    const key = taskKey(id);
    const script = job.version.tasks[task];
    if (script === undefined) return this.break("a record is of a task", `${key} is none of its document`);
    const live = this.#world.tasks.living().find((run) => taskKey(run.id) === key);
    if (isFinal(stateCode(record.state))) {
      if (live !== undefined)
        this.break("an end is an end", `${key} ${record.state}, ${attemptKey(live.id)} runs`);
      if (record.state === "succeeded" && script.kind !== "noop") this.#checkSuccess(id);
      return;
    }
    const { reason } = record;
    const isUnderWay = reason === null || reason.type === "stopping" || reason.type === "follows";
    if (!isUnderWay && live?.id.attempt === record.attempt) {
      this.break(
        "who lives is not lost",
        `attempt ${attemptKey(live.id)} runs and is recorded as ${reason.type}`,
      );
    }
    const isDispatched = reason?.type === "follows" || (record.state === "ready" && reason === null);
    if (isDispatched && job.version.failFast && hasFailure(job.finals) && !dealsWithFailures(script.when)) {
      this.break("failFast begins nothing after a failure", `attempt ${attemptKey(id)} is dispatched`);
    }
  }

  #checkSuccess(id: AttemptId): void {
    const key = attemptKey(id);
    if (!this.#worked.has(key))
      this.break("who succeeds has worked", `${key} succeeded and never ended with 0`);
    if (!this.#world.tasks.hasOutputs(id))
      this.break("who succeeds has made its outputs", `${key} succeeded without them`);
  }

  onAccepted(job: JobSeq, script: JobScript): void {
    this.#accepted.set(job, { script, round: this.#recordOf(job)?.round ?? 0 });
    this.#checkAccepted(job);
  }

  #checkAccepted(job: JobSeq): void {
    if (this.#pruned.has(job)) return;
    const record = this.#recordOf(job);
    const round = this.#accepted.get(job)?.round ?? 1;
    if (record === null) this.break("what was accepted is there", `job ${job} is gone`);
    else if (record.round < round)
      this.break("what was accepted is there", `round ${round} of job ${job} is gone`);
  }

  onCancelAsked(job: JobSeq): void {
    this.#cancelAsked.add(job);
  }

  /** From now on it may run again, whether that is told or not. */
  onRetryAsked(job: JobSeq): void {
    this.#retries.set(job, (this.#retries.get(job) ?? 0) + 1);
    const record = this.#recordOf(job);
    if (record !== null) this.#endsBefore.set(job, record);
  }

  onPruneAsked(job: JobSeq): void {
    const seat = this.#records.get(job)?.seat ?? null;
    if (!this.#pruned.has(job)) this.#pruned.set(job, { seat, isTold: false });
    this.#toldFinal.delete(job);
  }

  onPruned(job: JobSeq): void {
    this.#pruned.set(job, { seat: this.#pruned.get(job)?.seat ?? null, isTold: true });
    this.#checkPruned();
  }

  #checkPruned(): void {
    for (const [job, { isTold }] of this.#pruned) {
      if (isTold && this.#recordOf(job) !== null)
        this.break("what was pruned is gone", `job ${job} is there`);
    }
  }

  onToldFinal(job: JobSeq, summary: JobSummary): void {
    const round = this.#recordOf(job)?.round ?? 0;
    const before = this.#endsBefore.get(job);
    // Who has asked before the next round was opened may be told after that how the last one has ended.
    const isOfBefore = before !== undefined && before.finishedAtMs === summary.finishedAtMs;
    this.#toldFinal.set(job, { summary, round: isOfBefore ? before.round : round });
    this.#checkTold(job);
    if (isOfBefore && before.round < round) return;
    const live = this.#world.tasks.living().find(({ id }) => id.job === job);
    if (live !== undefined) this.break("nothing runs after the end was told", `${attemptKey(live.id)} runs`);
  }

  #recordOf(job: JobSeq): JobRecord | null {
    return this.#world.disk.open("manager").read((reader) => readJob(reader, job));
  }

  /** A manager that a power cut has made forget an end is told again by the job's QWorker, whose store has it on disk. */
  #isToldAgain(job: JobSeq, record: JobRecord): boolean {
    const told = this.#toldFinal.get(job);
    const stores = this.#world.disk.stores().filter(({ name }) => name.startsWith("worker-"));
    const seats = record.seat === null ? stores : [this.#world.disk.open(seatStoreName(record.seat))];
    return seats.some((store) => {
      const progress = store.read((reader) => readWorkerJob(reader, job));
      return progress?.state === told?.summary.state && progress?.round === told?.round;
    });
  }

  #checkTold(job: JobSeq, isEnd = false): void {
    const record = this.#recordOf(job);
    const told = this.#toldFinal.get(job);
    const rounds = 1 + (this.#retries.get(job) ?? 0);
    if (record !== null && record.round > rounds)
      this.break("a round was asked for", `job ${job} is in round ${record.round} of ${rounds}`);
    // Of an earlier round, if that was asked for.
    if (told === undefined || (record !== null && record.round > told.round)) return;
    if (!isEnd && record !== null && !isFinalJobState(record.state) && this.#isToldAgain(job, record)) return;
    if (record?.state !== told.summary.state || record.round < told.round) {
      this.break(
        "what was told stays true",
        `job ${job} was told ${told.summary.state} in round ${told.round}, its record says ${JSON.stringify(record)}`,
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
    const told = [...this.#toldFinal].flatMap(([job, { round }]) => {
      const seated = this.#records.get(job);
      return seated?.round === round ? [{ job, round, finals: seated.finals }] : [];
    });
    this.#started.clear();
    this.#records.reload();
    for (const job of this.#accepted.keys()) this.#checkAccepted(job);
    for (const job of this.#toldFinal.keys()) this.#checkTold(job);
    this.#checkPruned();
    for (const { job, round, finals } of told) {
      const seated = this.#records.get(job);
      if (seated !== null && seated.round > round) continue;
      for (const [task, { state }] of finals) {
        if (seated?.finals.get(task)?.state !== state)
          this.break("what was told stays true", `the end of task ${job}/${task} was told and is lost`);
      }
    }
  }

  /** While nothing goes wrong any more: what could start has to start before long. */
  watchStarts(): void {
    const { nowMs } = this.#world.timeline;
    const now = new Set(this.#findStartable());
    for (const key of this.#startable.keys()) if (!now.has(key)) this.#startable.delete(key);
    for (const key of now) {
      const sinceMs = this.#startable.get(key) ?? nowMs;
      this.#startable.set(key, sinceMs);
      if (nowMs - sinceMs > START_MS_MAX) {
        this.break("what is ready starts", `task ${key} could start since ${sinceMs.toFixed(0)} ms`);
      }
    }
  }

  *#findStartable(): Generator<string> {
    const { tasks, settings, disk } = this.#world;
    const living = tasks.living();
    const free = freeOf(settings.capacity, sumOf(living));
    const busy = new Set(living.map(({ id }) => taskKey(id)));
    const jobs = disk.open("manager").read((reader) => listJobs(reader, { limit: JOBS_MAX }));
    for (const { job, state, round, seat, cancelRequested } of jobs) {
      if (isFinalJobState(state) || cancelRequested || state === "paused") continue;
      const seated = this.#records.get(job);
      // A round that is not open yet has no ends: what it will keep is not known here.
      if (seated !== null && seated.round < round && seated.round > 0) continue;
      const version = seated?.version ?? this.#world.scriptOfJob(job)?.first;
      const finals = seated?.finals ?? new Map<number, TaskRecord>();
      if (version === undefined || (version.failFast && hasFailure(finals))) continue;
      const running = living.filter(({ id }) => id.job === job).length;
      if (version.maxRunning !== null && running >= version.maxRunning) continue;
      for (const [task, script] of version.tasks.entries()) {
        const key = `${job}/${task}`;
        if (finals.has(task) || busy.has(key) || !fits(script.resources, free)) continue;
        if (fateOf(script, finals) !== "runs") continue;
        const record =
          seat === null
            ? null
            : disk.open(seatStoreName(seat)).read((reader) => readTask(reader, job, taskIndex(task)));
        if (record?.state === "backoff") continue;
        // Suspects run one at a time (worker/core/blame.ts): they wait for each other's trials.
        if (record !== null && record.losses >= suspectFrom(CRASH_LIMIT)) continue;
        yield key;
      }
    }
  }

  /** All is done: the records have to tell one story. */
  judge(): void {
    judgeEnd(this.#world, {
      accepted: [...this.#accepted.keys()].filter((job) => !this.#pruned.has(job)),
      pruned: new Map([...this.#pruned].map(([job, { seat }]) => [job, seat])),
      cancelAsked: this.#cancelAsked,
      complain: (invariant, detail) => this.break(invariant, detail),
    });
    for (const job of this.#toldFinal.keys()) this.#checkTold(job, true);
  }
}
