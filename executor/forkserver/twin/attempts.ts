/**
 * The twin's attempts: starts, ends, stops; where they wait for their turn is in queues.ts. What it has to tell goes to `say`; it
 * knows nothing of sockets. The rules are those of protocol/forkserver.md.
 */
import { WITHDRAW_ONLY_MS } from "../../../protocol/limits.ts";
import type { ChildProcess } from "node:child_process";
import type {
  ForkserverCommand,
  ForkserverContext,
  ForkserverFact,
  ForkserverOutcome,
  ForkserverReportFact,
  ForkserverSpawn,
} from "../../../protocol/forkserverLink.ts";
import { type AttemptId, attemptKey, type JobSeq } from "../../../protocol/ids.ts";
import { EAGAIN, EINVAL, signalNumber } from "../errnos.ts";
import { Hunt, type Quarry } from "../hunt.ts";
import { Lookout } from "../lookout.ts";
import { trySignal } from "../processes.ts";
import {
  type Attempt,
  endFact,
  hasSucceeded,
  isSuccess,
  isUsed,
  type Job,
  now,
  type RunningState,
  signalGroup,
} from "./attempt.ts";
import { errnoOf, launch, stepOfError } from "./launch.ts";
import { attemptQuarry, groupQuarry, jobQuarry } from "./quarries.ts";
import { Queues } from "./queues.ts";

/** Attempts that wait, run or are held; beyond it a start is answered like one for which there is no process. */
const ATTEMPTS_MAX = 65_536;

type SetCap = Extract<ForkserverCommand, { type: "setCap" }>;
type CloseJob = Extract<ForkserverCommand, { type: "closeJob" }>;

export class Attempts {
  private readonly say: (fact: ForkserverFact) => void;
  private readonly lookout = new Lookout();
  private readonly all = new Map<string, Attempt>();
  /** The same, to be gone through again and again. */
  private readonly known: Iterable<Attempt> = { [Symbol.iterator]: () => this.all.values() };
  private readonly queues = new Queues((job, attempt) => this.start(job, attempt));
  private readonly counts = { running: 0, runningMilli: 0, queued: 0, held: 0, hunts: 0 };
  private leaving = false;

  constructor(say: (fact: ForkserverFact) => void) {
    this.say = say;
  }

  /** Nothing runs, waits, is held or hunted. */
  isEmpty(): boolean {
    return this.all.size === 0 && this.counts.hunts === 0;
  }

  hasNoAttempts(): boolean {
    return this.all.size === 0;
  }

  isQuiet(): boolean {
    return this.counts.running === 0;
  }

  report(): ForkserverReportFact {
    const { running, runningMilli, queued, held } = this.counts;
    return {
      type: "report",
      runningAttempts: running,
      runningCpusMilli: runningMilli,
      queuedAttempts: queued,
      heldAttempts: held,
    };
  }

  /** What each attempt is, in the order of their arrival. */
  list(): readonly ForkserverFact[] {
    return [...this.all.values()].map(({ spawn, state }): ForkserverFact => {
      if (state.type === "ended") return state.fact;
      if (state.type === "queued") return { type: "queued", key: spawn.key };
      return { type: "started", key: spawn.key, pid: state.pid, start: state.start };
    });
  }

  setContext(context: ForkserverContext): void {
    const job = this.queues.open(context.job);
    job.context = context;
    job.reopened = job.closing !== null;
  }

  setCap(command: SetCap): void {
    const job = this.queues.open(command.job);
    job.capMilli = command.cpusMilli;
    this.say({ type: "capSet", job: job.id, serial: command.serial, runningCpusMilli: job.runningMilli });
    this.queues.kick(job);
  }

  spawn(spawn: ForkserverSpawn): void {
    const key = attemptKey(spawn.key);
    if (this.all.has(key)) return;
    const job = this.queues.find(spawn.key.job);
    const attempt: Attempt = {
      spawn,
      state: { type: "queued" },
      leader: null,
      follower: null,
      stopAsked: false,
    };
    if (this.leaving || this.all.size >= ATTEMPTS_MAX) {
      this.say(endFact(attempt, { type: "notStarted", step: "spawn", errno: EAGAIN }));
      return;
    }
    this.all.set(key, attempt);
    if (job !== undefined && job.closing !== null && !job.reopened) {
      this.hold(attempt, { type: "withdrawn" });
    } else if (job === undefined || job.context === null) {
      this.hold(attempt, { type: "notStarted", step: "context", errno: EINVAL });
    } else if (spawn.after === null) {
      this.enqueue(job, attempt);
    } else {
      this.follow(job, attempt, this.all.get(attemptKey({ job: job.id, ...spawn.after })));
    }
  }

  private enqueue(job: Job, attempt: Attempt): void {
    this.counts.queued++;
    this.queues.add(job, attempt);
  }

  private follow(job: Job, attempt: Attempt, leader: Attempt | undefined): void {
    if (leader !== undefined && hasSucceeded(leader)) {
      this.enqueue(job, attempt);
    } else if (
      leader === undefined ||
      leader === attempt ||
      leader.state.type === "ended" ||
      leader.follower !== null
    ) {
      this.hold(attempt, { type: "withdrawn" });
    } else {
      attempt.leader = leader;
      leader.follower = attempt;
      this.counts.queued++;
    }
  }

  /** Who follows may start after a success, before all others of the pool, or never. */
  private releaseFollower(attempt: Attempt, outcome: ForkserverOutcome): void {
    const { follower } = attempt;
    const job = this.queues.find(attempt.spawn.key.job);
    if (follower === null || job === undefined) return;
    attempt.follower = null;
    follower.leader = null;
    if (isSuccess(outcome)) {
      this.queues.addFirst(job, follower);
      return;
    }
    this.counts.queued--;
    this.hold(follower, { type: "withdrawn" });
  }

  acknowledge(id: AttemptId): void {
    const key = attemptKey(id);
    if (this.all.get(key)?.state.type !== "ended") return;
    this.all.delete(key);
    this.counts.held--;
  }

  stop(id: AttemptId, graceMs: number): void {
    const attempt = this.all.get(attemptKey(id));
    if (attempt === undefined || (graceMs === WITHDRAW_ONLY_MS && attempt.state.type !== "queued")) return;
    this.stopAttempt(attempt, graceMs);
  }

  suspendJob(id: JobSeq, suspended: boolean): void {
    const job = this.queues.find(id);
    if (job === undefined || job.suspended === suspended) return;
    job.suspended = suspended;
    for (const { spawn, state } of this.all.values()) {
      if (spawn.key.job === id && state.type === "running") signalGroup(state, suspended);
    }
  }

  closeJob(command: CloseJob): void {
    const job = this.queues.open(command.job);
    Object.assign(job, { context: null, capMilli: 0, suspended: false, reopened: false });
    for (const attempt of this.all.values()) {
      if (attempt.spawn.key.job === job.id) this.stopAttempt(attempt, command.graceMs);
    }
    if (job.closing !== null) {
      job.closing.advance(command.graceMs);
      return;
    }
    const hunt = new Hunt(this.lookout, jobQuarry(this.known, job, command.mark), command.graceMs);
    job.closing = hunt;
    this.counts.hunts++;
    void this.awaitClose(job, hunt);
  }

  /** Everything is stopped, and nothing started any more. */
  leave(graceMs: number): void {
    this.leaving = true;
    for (const attempt of this.all.values()) this.stopAttempt(attempt, graceMs);
  }

  private start(job: Job, attempt: Attempt): void {
    this.counts.queued--;
    if (job.context === null) {
      this.hold(attempt, { type: "notStarted", step: "context", errno: EINVAL });
      return;
    }
    const start = now();
    const launched = launch(job.context, attempt.spawn);
    if (!launched.ok) {
      this.hold(attempt, { type: "notStarted", step: launched.step, errno: launched.errno });
      return;
    }
    const { child } = launched;
    if (child.pid === undefined) {
      this.awaitFailure(attempt, child);
      return;
    }
    const state: RunningState = { type: "running", child, pid: child.pid, start, hunt: null, outcome: null };
    attempt.state = state;
    this.occupy(job, attempt, 1);
    child.once("exit", (exitCode, signal) => {
      state.outcome =
        signal === null
          ? { type: "exited", exitCode: exitCode ?? 0 }
          : { type: "signalled", signal: signalNumber(signal) };
      this.leaderEnded(job, attempt, state);
    });
    if (job.suspended) signalGroup(state, true);
    this.say({ type: "started", key: attempt.spawn.key, pid: state.pid, start });
  }

  /** Node tells why in the next tick; until then it is as if it waited, and cannot be stopped in between. */
  private awaitFailure(attempt: Attempt, child: ChildProcess): void {
    this.counts.queued++;
    child.once("error", (error) => {
      const errno = errnoOf(error);
      this.counts.queued--;
      this.hold(attempt, { type: "notStarted", step: stepOfError(errno), errno });
      this.queues.kickPoolOf(attempt);
    });
  }

  private leaderEnded(job: Job, attempt: Attempt, state: RunningState): void {
    if (state.hunt !== null) {
      state.hunt.wake();
    } else if (trySignal(-state.pid, 0)) {
      this.hunt(job, attempt, state, groupQuarry(this.known, state), 0);
    } else {
      this.finish(job, attempt, state, 0);
    }
  }

  private stopAttempt(attempt: Attempt, graceMs: number): void {
    const { spawn, state } = attempt;
    const job = this.queues.find(spawn.key.job);
    if (state.type === "ended" || job === undefined) return;
    if (state.type === "queued") {
      if (attempt.leader !== null) attempt.leader.follower = null;
      else if (!this.queues.remove(job, attempt)) return;
      attempt.leader = null;
      this.counts.queued--;
      this.hold(attempt, { type: "withdrawn" });
      this.queues.kickPoolOf(attempt);
    } else if (state.hunt !== null) {
      attempt.stopAsked ||= state.outcome === null;
      state.hunt.advance(graceMs);
    } else {
      attempt.stopAsked = true;
      this.hunt(job, attempt, state, attemptQuarry(this.known, state, spawn.mark), graceMs);
    }
  }

  private hunt(job: Job, attempt: Attempt, state: RunningState, quarry: Quarry, graceMs: number): void {
    const hunt = new Hunt(this.lookout, quarry, graceMs);
    state.hunt = hunt;
    this.counts.hunts++;
    void this.awaitStop(job, attempt, state, hunt);
  }

  private async awaitStop(job: Job, attempt: Attempt, state: RunningState, hunt: Hunt): Promise<void> {
    const { survivors } = await hunt.run();
    this.counts.hunts--;
    this.finish(job, attempt, state, survivors);
    job.closing?.wake();
  }

  private async awaitClose(job: Job, hunt: Hunt): Promise<void> {
    const { ended, survivors } = await hunt.run();
    this.counts.hunts--;
    this.say({ type: "jobClosed", job: job.id, ended, survivors });
    this.queues.closed(job, isUsed(this.known, job));
  }

  private finish(job: Job, attempt: Attempt, state: RunningState, survivors: number): void {
    if (state.outcome === null) return;
    this.occupy(job, attempt, -1);
    const { outcome } = state;
    const isStopped = attempt.stopAsked && outcome.type === "exited";
    this.hold(attempt, isStopped ? { type: "stopped", exitCode: outcome.exitCode } : outcome, survivors);
    this.queues.kickPoolOf(attempt);
  }

  private occupy(job: Job, attempt: Attempt, sign: 1 | -1): void {
    this.queues.occupy(job, attempt, sign);
    this.counts.running += sign;
    this.counts.runningMilli += attempt.spawn.cpusMilli * sign;
  }

  private hold(attempt: Attempt, outcome: ForkserverOutcome, survivors = 0): void {
    this.releaseFollower(attempt, outcome);
    const fact = endFact(attempt, outcome, survivors);
    attempt.state = { type: "ended", fact };
    this.counts.held++;
    this.say(fact);
  }
}
