/**
 * A forkserver as protocol/forkserver.md describes it: queues under their caps, held ends, one controller. Its sockets and
 * processes are simulated, its rules are those that both real ones pass the contract suite for.
 */
import { constants } from "node:os";
import type {
  FollowedAttempt,
  ForkserverCommand,
  ForkserverEnded,
  ForkserverFact,
  ForkserverOutcome,
  ForkserverSpawn,
  ForkserverStream,
  ForkserverTime,
} from "../../protocol/forkserverLink.ts";
import { type AttemptId, attemptKey, type JobSeq, type SeatNumber } from "../../protocol/ids.ts";
import { WITHDRAW_ONLY_MS } from "../../protocol/limits.ts";
import type { ForkserverEnd, ForkserverLink } from "./forkserverLink.ts";
import type { SimProcess } from "./machine.ts";
import type { Random } from "./random.ts";
import type { TaskRun } from "./taskRun.ts";
import { outputText } from "./tasks.ts";
import type { World } from "./world.ts";

/** Without a controller and with nothing to do it leaves after this time. */
const IDLE_MS = 10_000;

/** A job, and the pool of its number: cap and queue of the attempts that were sent to it, its own or others'. */
interface Job {
  readonly id: JobSeq;
  capMilli: number;
  /** Under that cap. */
  runningMilli: number;
  readonly queue: Attempt[];
  hasContext: boolean;
  /** While it is closing: what waits for the end of that, and then goes to the queues of its pools. */
  readonly aside: Attempt[];
  closing: boolean;
  /** While it is closing: it has a context again. */
  reopened: boolean;
  suspended: boolean;
}

interface Attempt {
  readonly spawn: ForkserverSpawn;
  state:
    | { readonly type: "queued" }
    | { readonly type: "running"; readonly run: TaskRun; readonly start: ForkserverTime }
    | { readonly type: "ended"; readonly fact: ForkserverEnded };
  /** While it follows another attempt and is not in the queue: whom. */
  leader: Attempt | null;
  follower: Attempt | null;
  stopAsked: boolean;
}

export class SimForkserver implements ForkserverEnd {
  readonly process: SimProcess;
  readonly seat: SeatNumber;
  readonly #world: World;
  readonly #random: Random;
  readonly #links = new Set<ForkserverLink>();
  readonly #attempts = new Map<string, Attempt>();
  readonly #jobs = new Map<JobSeq, Job>();
  #controller: ForkserverLink | null = null;
  #idleTimer = 0;

  constructor(world: World, seat: SeatNumber) {
    this.#world = world;
    this.seat = seat;
    this.#random = world.random("forkserver");
    this.process = world.machine.spawn(`forkserver-${seat}`);
    this.process.onEnd(() => this.#died());
    this.#watchIdleness();
  }

  join(link: ForkserverLink): void {
    this.#links.add(link);
  }

  leaveLink(link: ForkserverLink): void {
    this.#links.delete(link);
    if (this.#controller !== link) return;
    this.#controller = null;
    this.#watchIdleness();
  }

  receive(link: ForkserverLink, command: ForkserverCommand): void {
    if (command.type === "hello") return this.#greet(link);
    if (link !== this.#controller) return;
    switch (command.type) {
      case "context": {
        const job = this.#jobOf(command.job);
        job.hasContext = true;
        job.reopened = job.closing;
        return;
      }
      case "spawn":
        return this.#spawn(command);
      case "setCap": {
        const job = this.#jobOf(command.job);
        job.capMilli = command.cpusMilli;
        const { serial } = command;
        this.#say({ type: "capSet", job: job.id, serial, runningCpusMilli: job.runningMilli });
        return this.#startSome(job);
      }
      case "stop":
        return this.#stop(command.key, command.graceMs);
      case "acknowledge":
        return this.#acknowledge(command.key);
      case "closeJob":
        return this.#closeJob(this.#jobOf(command.job), command.graceMs);
      case "suspendJob":
        return this.#suspendJob(command.job, command.suspended);
      case "report":
        return this.#report();
      case "leave":
        if (this.#attempts.size === 0) this.process.end();
        return;
      default:
        command satisfies never;
    }
  }

  #greet(link: ForkserverLink): void {
    this.#controller?.close();
    this.#controller = link;
    this.#idleTimer++;
    this.#say({ type: "welcome", version: 1, pid: this.process.pid, flavour: "c" });
    for (const { spawn, state } of this.#attempts.values()) {
      if (state.type === "ended") this.#say(state.fact);
      else if (state.type === "queued") this.#say({ type: "queued", key: spawn.key });
      else this.#say({ type: "started", key: spawn.key, pid: state.run.pid, start: state.start });
    }
    this.#say({ type: "listed" });
  }

  #say(fact: ForkserverFact): void {
    this.#controller?.say(fact);
  }

  #jobOf(id: JobSeq): Job {
    let job = this.#jobs.get(id);
    if (job === undefined) {
      job = {
        id,
        capMilli: 0,
        runningMilli: 0,
        queue: [],
        hasContext: false,
        aside: [],
        closing: false,
        reopened: false,
        suspended: false,
      };
      this.#jobs.set(id, job);
    }
    return job;
  }

  #spawn(spawn: ForkserverSpawn): void {
    const key = attemptKey(spawn.key);
    if (this.#attempts.has(key)) return;
    const job = this.#jobOf(spawn.key.job);
    const attempt: Attempt = {
      spawn,
      state: { type: "queued" },
      leader: null,
      follower: null,
      stopAsked: false,
    };
    this.#attempts.set(key, attempt);
    if (job.closing && !job.reopened) return this.#hold(attempt, { type: "withdrawn" });
    if (!job.hasContext) {
      return this.#hold(attempt, { type: "notStarted", step: "context", errno: constants.errno.EINVAL });
    }
    if (spawn.after !== null) return this.#follow(job, attempt, spawn.after);
    this.#enqueue(job, attempt);
  }

  #enqueue(job: Job, attempt: Attempt): void {
    this.#queueOf(job, attempt).push(attempt);
    this.#startSome(this.#poolOf(attempt));
  }

  #poolOf({ spawn }: Attempt): Job {
    return this.#jobOf(spawn.pool);
  }

  /** Of a job that is closing nothing starts, and it keeps nobody else from starting. */
  #queueOf(job: Job, attempt: Attempt): Attempt[] {
    return job.closing ? job.aside : this.#poolOf(attempt).queue;
  }

  #follow(job: Job, attempt: Attempt, after: FollowedAttempt): void {
    const leader = this.#attempts.get(attemptKey({ job: job.id, ...after }));
    if (leader?.state.type === "ended" && this.#releases(leader.state.fact.outcome)) {
      return this.#enqueue(job, attempt);
    }
    if (leader === undefined || leader.state.type === "ended" || leader.follower !== null) {
      return this.#hold(attempt, { type: "withdrawn" });
    }
    attempt.leader = leader;
    leader.follower = attempt;
  }

  #releases(outcome: ForkserverOutcome): boolean {
    if (this.#world.mutation === "followsAnyEnd") return outcome.type !== "withdrawn";
    return outcome.type === "exited" && outcome.exitCode === 0;
  }

  #releaseFollower({ follower, spawn }: Attempt, outcome: ForkserverOutcome): void {
    const job = this.#jobs.get(spawn.key.job);
    if (follower === null || job === undefined) return;
    follower.leader = null;
    if (this.#releases(outcome)) this.#queueOf(job, follower).unshift(follower);
    else this.#hold(follower, { type: "withdrawn" });
  }

  #startSome(pool: Job): void {
    for (let head = pool.queue[0]; head !== undefined; head = pool.queue[0]) {
      const capMilli = this.#world.mutation === "capNotEnforced" ? Number.POSITIVE_INFINITY : pool.capMilli;
      if (pool.runningMilli + head.spawn.cpusMilli > capMilli) return;
      pool.queue.shift();
      this.#start(pool, head);
    }
  }

  #start(pool: Job, attempt: Attempt): void {
    const { spawn } = attempt;
    const job = this.#jobOf(spawn.key.job);
    if (this.#world.faults.spawnFails()) {
      return this.#hold(attempt, { type: "notStarted", step: "spawn", errno: constants.errno.EAGAIN });
    }
    const start = this.#now();
    const run = this.#world.tasks.start(spawn.key, this.seat);
    attempt.state = { type: "running", run, start };
    pool.runningMilli += spawn.cpusMilli;
    if (job.suspended) run.suspend();
    run.onEnd((outcome) =>
      this.process.run(() => {
        pool.runningMilli -= spawn.cpusMilli;
        const { follower } = attempt;
        const isStopped = attempt.stopAsked && outcome.type === "exited";
        this.#hold(attempt, isStopped ? { type: "stopped", exitCode: outcome.exitCode } : outcome);
        this.#startSome(pool);
        if (follower !== null) this.#startSome(this.#poolOf(follower));
        this.#endClosing(job);
      }),
    );
    this.#say({ type: "started", key: spawn.key, pid: run.pid, start });
  }

  #now(): ForkserverTime {
    const { machine } = this.#world;
    return { monoMs: machine.monoMs(), wallMs: machine.wallMs() };
  }

  #hold(attempt: Attempt, outcome: ForkserverOutcome): void {
    const { spawn, state } = attempt;
    this.#releaseFollower(attempt, outcome);
    attempt.follower = null;
    const fact: ForkserverEnded = {
      type: "ended",
      key: spawn.key,
      outcome,
      survivors: 0,
      start: state.type === "running" ? state.start : null,
      end: this.#now(),
      usage: null,
      stdout: this.#outputOf(attempt),
      stderr: { type: "inline", bytes: new Uint8Array(0) },
    };
    attempt.state = { type: "ended", fact };
    this.#say(fact);
  }

  /** A task writes its name and attempt; short output is told with the end, or lies in a file. */
  #outputOf({ spawn, state }: Attempt): ForkserverStream {
    if (state.type !== "running") return { type: "inline", bytes: new Uint8Array(0) };
    if (this.#random.chance(0.5)) return { type: "file", path: spawn.stdoutPath };
    return { type: "inline", bytes: Uint8Array.from(Buffer.from(outputText(spawn.key, state.run.script))) };
  }

  #stop(id: AttemptId, graceMs: number): void {
    const attempt = this.#attempts.get(attemptKey(id));
    if (attempt === undefined || (graceMs === WITHDRAW_ONLY_MS && attempt.state.type !== "queued")) return;
    this.#stopAttempt(attempt, graceMs);
    this.#startSome(this.#poolOf(attempt));
  }

  /** What comes after it in a queue is started by the caller, who may stop that as well. */
  #stopAttempt(attempt: Attempt, graceMs: number): void {
    const { spawn, state } = attempt;
    const job = this.#jobs.get(spawn.key.job);
    if (state.type === "ended" || job === undefined) return;
    if (state.type === "queued") {
      if (attempt.leader !== null) attempt.leader.follower = null;
      else remove(attempt, job.aside.includes(attempt) ? job.aside : this.#poolOf(attempt).queue);
      attempt.leader = null;
      return this.#hold(attempt, { type: "withdrawn" });
    }
    attempt.stopAsked = true;
    state.run.term();
    this.process.after(graceMs, () => {
      if (state.run.isAlive) state.run.kill();
    });
  }

  #acknowledge(id: AttemptId): void {
    const key = attemptKey(id);
    if (this.#attempts.get(key)?.state.type !== "ended") return;
    this.#world.invariants.onAcknowledged(id, this.seat);
    this.#attempts.delete(key);
  }

  #closeJob(job: Job, graceMs: number): void {
    Object.assign(job, { hasContext: false, capMilli: 0, suspended: false, reopened: false });
    for (const attempt of this.#attempts.values()) {
      if (attempt.spawn.key.job === job.id) this.#stopAttempt(attempt, graceMs);
    }
    for (const pool of this.#jobs.values()) this.#startSome(pool);
    if (job.closing) return;
    job.closing = true;
    this.process.after(2, () => this.#endClosing(job));
  }

  #endClosing(job: Job): void {
    if (!job.closing || this.#jobs.get(job.id) !== job) return;
    for (const { spawn, state } of this.#attempts.values()) {
      if (spawn.key.job === job.id && state.type === "running") return;
    }
    job.closing = false;
    if (!job.reopened && !this.#isUsed(job)) this.#jobs.delete(job.id);
    job.reopened = false;
    this.#say({ type: "jobClosed", job: job.id, ended: 0, survivors: 0 });
    for (const attempt of job.aside.splice(0)) this.#enqueue(job, attempt);
  }

  /** Attempts wait or run in its pool. */
  #isUsed(pool: Job): boolean {
    for (const { spawn, state } of this.#attempts.values()) {
      if (spawn.pool === pool.id && state.type !== "ended") return true;
    }
    return false;
  }

  #suspendJob(id: JobSeq, suspended: boolean): void {
    const job = this.#jobs.get(id);
    if (job === undefined || job.suspended === suspended) return;
    job.suspended = suspended;
    for (const { spawn, state } of this.#attempts.values()) {
      if (spawn.key.job !== id || state.type !== "running") continue;
      if (suspended) state.run.suspend();
      else state.run.resume();
    }
  }

  #report(): void {
    const states = [...this.#attempts.values()];
    const count = (type: string): number => states.filter(({ state }) => state.type === type).length;
    let runningCpusMilli = 0;
    for (const { runningMilli } of this.#jobs.values()) runningCpusMilli += runningMilli;
    this.#say({
      type: "report",
      runningAttempts: count("running"),
      runningCpusMilli,
      queuedAttempts: count("queued"),
      heldAttempts: count("ended"),
    });
  }

  #watchIdleness(): void {
    const timer = ++this.#idleTimer;
    this.process.after(IDLE_MS, () => {
      if (timer !== this.#idleTimer || this.#controller !== null) return;
      if (this.#attempts.size === 0) this.process.end();
      else this.#watchIdleness();
    });
  }

  /** What it has started dies with it (PDEATHSIG), or lives on until somebody looks for it (the twin). */
  #died(): void {
    for (const link of this.#links) link.close();
    const leavesOrphans = this.#world.settings.forkserversLeaveOrphans;
    for (const { state } of this.#attempts.values()) {
      if (state.type !== "running") continue;
      state.run.orphan();
      if (!leavesOrphans) state.run.kill();
    }
  }
}

function remove(attempt: Attempt, queue: Attempt[]): void {
  queue.splice(queue.indexOf(attempt), 1);
}
