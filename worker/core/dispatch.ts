/**
 * Which ready tasks are sent to the TaskExecutor: highest priority first, then longest ready first, as far as the loan goes.
 *
 * A task that does not fit reserves what it needs, so that narrower ones cannot starve it (reserve.ts).
 *
 * Attempts of short tasks are sent ahead of the loan: the forkserver keeps them in its queue and starts the next one the
 * moment a cpu is free, without a round trip.
 */
import { COMMON_POOL, taskIndex } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import { fits, maxResources, NO_RESOURCES, subtractResources } from "../../src/node/resources.ts";
import { beginTrial, mayBeTried } from "./blame.ts";
import type { WorkerEffect } from "./events.ts";
import { sendFollowers } from "./followers.ts";
import { classOf, isPooled, isQueued, liveAttempt, place } from "./job.ts";
import { recordTask } from "./records.ts";
import { reserve, type Room } from "./reserve.ts";
import type { JobActor, LiveAttempt, SlotGroup } from "./state.ts";
import type { Turn } from "./turn.ts";

/**
 * Attempts are sent ahead to cover this much time: several round trips, and the 60 ms for which the forkserver gathers ends; so short
 * that priorities still mean something.
 */
const AHEAD_MS = 180;
/** But only of tasks that take no longer than this: for others a round trip is nothing. */
const SHORT_MS = 60;
/** And at most so many per slot: those that take no time at all (noop) are then done in frames of thousands. */
const AHEAD_PER_CPU_MAX = 4096;
/** And so many per job, a fraction of what a forkserver's queue takes. */
const AHEAD_MAX = 8192;
/** Tasks that ask for no cpu at all hold nothing back; this bounds how many of one job live at once. */
const CPULESS_LIVE_MAX = 256;

export function dispatch(turn: Turn, job: JobActor): void {
  const { executor, drain } = turn.state;
  if (executor.type !== "ready" || drain !== null || job.phase !== "active" || job.pause !== "off") return;
  const outgoing = new Outgoing(turn, job);
  sendReady(turn, job, outgoing);
  sendFollowers(job, { shortMs: SHORT_MS, aheadMs: AHEAD_MS }, (leader, task) =>
    outgoing.sendFollower(leader, task),
  );
}

function sendReady(turn: Turn, job: JobActor, outgoing: Outgoing): void {
  let room = roomOf(job);
  let blocked: Set<SlotGroup> | null = null;
  const { maxRunning } = job.graph;
  for (;;) {
    // What was sent counts, though it may wait in the forkserver: which of it runs is not known here in time.
    const runnable = maxRunning === null ? Number.POSITIVE_INFINITY : maxRunning - job.live.size;
    if (runnable <= 0) return;
    const group = nextGroup(turn, job, blocked);
    if (group === null) return;
    if (mayStart(job, group, room)) {
      openJobOnce(turn, job);
      const count = blocked === null && isAlone(job, group) ? countInARow(job, group) : 1;
      sendFirst(turn, job, group, Math.min(count, runnable), outgoing);
      room = roomOf(job, room);
    } else {
      // There is nobody to keep it for.
      if (job.groups.length === 1) return;
      room = reserve(job, group, job.readySeqs[group.queue.peek() ?? 0] ?? 0, room);
      blocked ??= new Set();
      blocked.add(group);
    }
  }
}

function roomOf(job: JobActor, before?: Room): Room {
  const { placed } = job.account;
  const loan = job.account.loan.resources;
  const over = Math.max(0, placed.cpusMilli - loan.cpusMilli);
  return {
    free: subtractResources(maxResources(loan, placed), placed),
    aheadCpusMilli: Math.min(
      before?.aheadCpusMilli ?? Number.POSITIVE_INFINITY,
      Math.max(0, aheadAllowance(job) - over),
    ),
    reserved: before?.reserved ?? NO_RESOURCES,
  };
}

/** Cpus' worth of attempts that may wait in the forkserver: none until the job's tasks have shown to be short. */
function aheadAllowance({ account, live }: JobActor): number {
  const { averageMs, loan } = account;
  if (averageMs === null || averageMs > SHORT_MS || live.size >= AHEAD_MAX) return 0;
  const perCpu = Math.min(AHEAD_PER_CPU_MAX, Math.ceil(AHEAD_MS / Math.max(averageMs, 0.01)));
  return perCpu * loan.resources.cpusMilli;
}

/** The group whose first task goes next: groups stand by priority; among equals the one that is ready longest. */
function nextGroup(turn: Turn, job: JobActor, blocked: Set<SlotGroup> | null): SlotGroup | null {
  let best: SlotGroup | null = null;
  let bestSeq = 0;
  for (const group of job.groups) {
    if (best !== null && group.priority < best.priority) break;
    if (blocked?.has(group)) continue;
    const head = headOf(turn, job, group);
    if (head === null) continue;
    const seq = job.readySeqs[head] ?? 0;
    if (best === null || seq < bestSeq) {
      best = group;
      bestSeq = seq;
    }
  }
  return best;
}

/** The first task in the queue that is still ready: cancelled ones are dropped on the way. */
function headOf(turn: Turn, job: JobActor, group: SlotGroup): number | null {
  for (let task = group.queue.peek(); task !== null; task = group.queue.peek()) {
    if (isQueued(job, task) && mayBeTried(turn, job, task)) return task;
    group.queue.shift();
  }
  return null;
}

function mayStart(job: JobActor, group: SlotGroup, room: Room): boolean {
  const need = group.resources;
  if (need.cpusMilli === 0 && group.placed >= CPULESS_LIVE_MAX) return false;
  const { free, reserved } = room;
  if (fits(need, subtractResources(free, reserved))) return true;
  if (!needsOnlyCpus(need) || reserved.cpusMilli > 0 || need.cpusMilli > job.account.loan.resources.cpusMilli)
    return false;
  return need.cpusMilli <= free.cpusMilli + room.aheadCpusMilli;
}

/** No other group has a task that could go before those of this one, which is the first that has any. */
const isAlone = (job: JobActor, group: SlotGroup): boolean =>
  job.groups.every(
    (other) => other === group || other.priority !== group.priority || other.queue.length === 0,
  );

/** How many tasks of a group that is alone may be sent one after the other, at least 1: `mayStart`, said for many. */
function countInARow(job: JobActor, { resources }: SlotGroup): number {
  const { live } = job;
  const { loan, placed } = job.account;
  if (!needsOnlyCpus(resources) || resources.cpusMilli === 0) return 1;
  const without = (loan.resources.cpusMilli - placed.cpusMilli) / resources.cpusMilli;
  const ahead = without + aheadAllowance(job) / resources.cpusMilli;
  return Math.max(1, Math.floor(without), Math.min(Math.floor(ahead), AHEAD_MAX - live.size));
}

const needsOnlyCpus = ({ memoryBytes, gpusMilli, named }: Resources): boolean =>
  memoryBytes === 0 && gpusMilli === 0 && Object.keys(named).length === 0;

/** The TaskExecutor knows the job and the cap under which it runs before the first attempt arrives. */
export function openJobOnce(turn: Turn, job: JobActor): void {
  const { executor } = turn.state;
  if (executor.type !== "ready" || executor.opened.has(job.job)) return;
  executor.opened.add(job.job);
  turn.effects.push({ type: "openJob", job: job.job });
  if (isPooled(job) && executor.opened.has(COMMON_POOL)) return;
  executor.opened.add(job.account.id);
  sendCap(turn, isPooled(job) ? turn.state.pool : job);
}

/** A job with an account of its own, or the common pool. */
export type Capped = Pick<JobActor, "account" | "pause">;

/** Nothing starts while the daemon drains or the job is paused. */
export const wantedCap = ({ state }: Turn, { account, pause }: Capped): number =>
  state.drain === null && pause === "off" ? account.loan.resources.cpusMilli : 0;

export function sendCap(turn: Turn, capped: Capped): void {
  const { id: job, loan } = capped.account;
  turn.state.capSerial = (turn.state.capSerial + 1) >>> 0;
  loan.capSerial = turn.state.capSerial;
  loan.capCpusMilli = wantedCap(turn, capped);
  const { capSerial: serial, capCpusMilli: cpusMilli } = loan;
  turn.effects.push({ type: "tellExecutor", command: { type: "setCap", job, serial, cpusMilli } });
}

/** The first `count` tasks of the group that may be tried, or as many as there are. */
function sendFirst(turn: Turn, job: JobActor, group: SlotGroup, count: number, outgoing: Outgoing): void {
  let sent = 0;
  for (; sent < count; sent += 1) {
    const task = headOf(turn, job, group);
    if (task === null) break;
    group.queue.shift();
    outgoing.send(group, task);
  }
  place(job, group, sent);
}

/** What one turn sends of a job. */
class Outgoing {
  readonly #turn: Turn;
  readonly #job: JobActor;
  /** Task and attempt in turns; part of an effect from the first on. */
  #noops: number[] | null = null;

  constructor(turn: Turn, job: JobActor) {
    this.#turn = turn;
    this.#job = job;
  }

  /** The intent is on record before the attempt is sent: after a crash it is asked for, or repeated, never forgotten. */
  send(group: SlotGroup, task: number): void {
    const [turn, job] = [this.#turn, this.#job];
    const attempt = this.#begin(task);
    // What does nothing may be done again: it needs no record of the intent.
    if (classOf(job.graph, task).executor === "noop") return this.#sendNoop(task, attempt);
    job.live.set(task, liveAttempt(job, task, attempt, group, null));
    job.heads.push(task);
    beginTrial(turn, job, task);
    recordTask(turn, job, task, {});
    this.#run(task, attempt, null);
  }

  /** Beside its group's queue, and without a slot: it takes the leader's. */
  sendFollower(leader: LiveAttempt, task: number): void {
    const [turn, job] = [this.#turn, this.#job];
    const attempt = this.#begin(task);
    job.live.set(task, liveAttempt(job, task, attempt, leader.group, leader.task));
    leader.follower = task;
    const after = { task: taskIndex(leader.task), attempt: leader.attempt };
    recordTask(turn, job, task, { reason: { type: "follows", task: after.task } });
    this.#run(task, attempt, after);
  }

  #run(task: number, attempt: number, after: Extract<WorkerEffect, { type: "runAttempt" }>["after"]): void {
    const [turn, job] = [this.#turn, this.#job];
    turn.effects.push({
      type: "runAttempt",
      job: job.job,
      task: taskIndex(task),
      attempt,
      after,
      isPooled: isPooled(job),
    });
  }

  /** The number of the next attempt, which is taken. */
  #begin(task: number): number {
    const [turn, job] = [this.#turn, this.#job];
    const taken = job.takenNumbers.get(task) ?? 0;
    const attempt = Math.max(job.attempts[task] ?? 0, job.attemptFloor, taken) + 1;
    if (attempt > 1) turn.effects.push({ type: "archiveAttempt", job: job.job, task: taskIndex(task) });
    job.attempts[task] = attempt;
    job.hasRun = true;
    return attempt;
  }

  #sendNoop(task: number, attempt: number): void {
    this.#job.live.addNoop(task);
    if (this.#noops === null) {
      this.#noops = [];
      this.#turn.effects.push({ type: "runNoops", job: this.#job.job, attempts: this.#noops });
    }
    this.#noops.push(task, attempt);
  }
}
