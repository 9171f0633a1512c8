/** What a job asks of the manager, and what it holds. */
import { DEMAND_CLASSES_MAX, WITHDRAW_ONLY_MS } from "../../protocol/limits.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { DemandClass, WorkerFact } from "../../protocol/workerLink.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import {
  countWithin,
  equalResources,
  fits,
  maxResources,
  NO_RESOURCES,
  scaleResources,
  subtractResources,
} from "../../src/node/resources.ts";
import { stopAttempt } from "./attempts.ts";
import { type Capped, sendCap, wantedCap } from "./dispatch.ts";
import { isPooled } from "./job.ts";
import type { Account, JobActor, SlotGroup } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Tells the manager what the job wants, if that has changed. Clipped to the node, so that a long queue is told once. */
export function tellDemand(turn: Turn, job: JobActor): void {
  if (job.phase === "finished") return;
  sayDemand(
    turn,
    job.account,
    turn.state.drain === null && job.phase === "active" ? demandOf(turn, job) : [],
  );
}

export function sayDemand(turn: Turn, account: Account, classes: DemandClass[]): void {
  if (sameDemand(classes, account.demandSent)) return;
  account.demandSent = classes;
  const fact: WorkerFact = { type: "demandSlots", job: account.id, classes };
  turn.effects.push({ type: "tellManager", fact, isForLater: isLent(classes, account.loan.resources) });
}

/** All that is asked for is there already. */
function isLent(classes: readonly DemandClass[], loan: Resources): boolean {
  let left = loan;
  return classes.every(({ resources, count }) => {
    const asked = scaleResources(resources, count);
    const fitting = fits(asked, left);
    if (fitting) left = subtractResources(left, asked);
    return fitting;
  });
}

function demandOf(turn: Turn, job: JobActor): DemandClass[] {
  const { capacity } = turn.state;
  const classes: DemandClass[] = [];
  let running = job.live.size;
  /** Of the node, beside what is asked for before. */
  let free = capacity;
  for (const group of inOrderOfNeed(job)) {
    const { resources, queue, placed, priority } = group;
    const room = (job.graph.maxRunning ?? Number.POSITIVE_INFINITY) - running;
    const more = job.pause === "off" ? Math.max(0, Math.min(queue.length, room)) : 0;
    const wanted = placed + more;
    if (wanted === 0 || equalResources(resources, NO_RESOURCES)) {
      running += more;
      continue;
    }
    const count = Math.min(wanted, countWithin(resources, capacity));
    const fitting = fits(resources, free) ? Math.min(count, countWithin(resources, free)) : 0;
    free = subtractResources(free, scaleResources(resources, fitting));
    // What the node has no slot for beside all this does not run, and takes no place of `maxRunning` from others.
    running += Math.max(0, fitting - placed);
    classes.push({ priority: job.priority + priority, resources, count });
    if (classes.length === DEMAND_CLASSES_MAX) break;
  }
  return classes;
}

/**
 * Highest priority first, then the shape whose first task is ready longest, as tasks are dispatched: the manager hands out
 * slots in this order, and a shape that always came last would never get the resource that only it needs.
 */
function inOrderOfNeed(job: JobActor): readonly SlotGroup[] {
  if (job.groups.length === 1) return job.groups;
  const readySince = (group: SlotGroup): number => {
    const head = group.queue.peek();
    return head === null ? 0 : (job.readySeqs[head] ?? 0);
  };
  return job.groups.toSorted((a, b) => b.priority - a.priority || readySince(a) - readySince(b));
}

function sameDemand(a: readonly DemandClass[], b: readonly DemandClass[] | null): boolean {
  return (
    b !== null &&
    a.length === b.length &&
    a.every((left, i) => {
      const right = b[i];
      return (
        right !== undefined &&
        left.count === right.count &&
        left.priority === right.priority &&
        (left.resources === right.resources || equalResources(left.resources, right.resources))
      );
    })
  );
}

/** Of a job that is in the common pool the manager did not know that: it holds nothing of its own. */
export function onJobLoan(turn: Turn, job: JobActor, serial: number, resources: Resources): void {
  if (isPooled(job)) return returnAtOnce(turn, job.job, serial);
  onLoanSet(turn, job, serial, resources);
}

/** The loan of a job with an account of its own, or of the pool. */
export function onLoanSet(turn: Turn, capped: Capped, serial: number, resources: Resources): void {
  const { id, loan } = capped.account;
  if (serial <= loan.serial) return;
  loan.serial = serial;
  loan.resources = resources;
  const { executor } = turn.state;
  const isOpened = executor.type === "ready" && executor.opened.has(id);
  if (isOpened && wantedCap(turn, capped) !== loan.capCpusMilli) sendCap(turn, capped);
}

/** Whoever gets it has no use for it. */
export function returnAtOnce(turn: Turn, job: JobSeq, serial: number): void {
  const fact = { type: "loanHeld", job, serial, resources: NO_RESOURCES } as const;
  turn.effects.push({ type: "tellManager", fact });
}

/**
 * Tells the manager what the job holds at most: its loan, and what runs beyond it until that has ended. Only once the cap is
 * in force: before, the forkserver may start more than is known here.
 */
export function tellHeld(turn: Turn, job: JobActor): void {
  if (job.phase === "finished") return returnLoan(turn, job);
  if (!capInForce(turn, job.account)) return;
  withdrawBeyondLoan(turn, job);
  withdrawTooWide(turn, job);
  sayHeld(turn, job.account);
}

export function sayHeld(turn: Turn, account: Account): void {
  if (!capInForce(turn, account)) return;
  const { loan } = account;
  const resources = heldResources(account);
  if (loan.told.serial === loan.serial && equalResources(loan.told.resources, resources)) return;
  loan.told = { serial: loan.serial, resources };
  const fact = { type: "loanHeld", job: account.id, serial: loan.serial, resources } as const;
  turn.effects.push({ type: "tellManager", fact });
}

/** At once, so that others get it while the end is flushed. */
function returnLoan(turn: Turn, job: JobActor): void {
  if (job.loanReturned) return;
  job.loanReturned = true;
  const { job: id, round } = job;
  turn.effects.push({ type: "tellManager", fact: { type: "loanReturned", job: id, round } });
}

/**
 * Cpus by what runs, since what waits in the forkserver holds none; everything else by what was sent. An end is told later than
 * the start that follows it, since its output is read first: more than the cap allows seems to run then, and does not.
 */
function heldResources({ loan, placed, runningCpusMilli }: Account): Resources {
  const cpusMilli = Math.min(runningCpusMilli, loan.runsAtMostMilli);
  return maxResources(loan.resources, { ...placed, cpusMilli });
}

/** For a manager that has to know now: while no cap is in force, everything that was sent may run. */
export const holdsAtMost = (turn: Turn, account: Account): Resources =>
  capInForce(turn, account) ? heldResources(account) : maxResources(account.loan.resources, account.placed);

/**
 * An attempt that waits in the forkserver under a cap that has shrunk would hold its memory and gpus for ever, if they are
 * lent to somebody who waits for them: it is withdrawn, and sent again when there is a loan for it. Cpus it holds none.
 */
function withdrawBeyondLoan(turn: Turn, job: JobActor): void {
  const { account } = job;
  const bound = { ...account.loan.resources, cpusMilli: Number.MAX_SAFE_INTEGER };
  if (fits(account.placed, bound)) return;
  let { placed } = account;
  for (const live of [...job.live.values()].toReversed()) {
    if (
      live.start !== null ||
      live.following !== null ||
      fits(live.group.resources, { ...NO_RESOURCES, cpusMilli: bound.cpusMilli })
    ) {
      continue;
    }
    if (live.stop === null) {
      live.stop = "recall";
      stopAttempt(turn, job, live, WITHDRAW_ONLY_MS);
    }
    placed = subtractResources(placed, live.group.resources);
    if (fits(placed, bound)) return;
  }
}

/**
 * An attempt that needs more cpus than are lent holds up all that wait behind it in the forkserver, and keeps narrower ones from
 * being sent: where the loan would do for those, it is withdrawn, and sent again when the loan does for it.
 */
function withdrawTooWide(turn: Turn, job: JobActor): void {
  const { cpusMilli } = job.account.loan.resources;
  const isTooWide = (group: SlotGroup): boolean => group.resources.cpusMilli > cpusMilli;
  if (!job.groups.some((group) => group.placed > 0 && isTooWide(group))) return;
  const isWanted = (group: SlotGroup): boolean => group.placed + group.queue.length > 0;
  if (!job.groups.some((group) => isWanted(group) && !isTooWide(group))) return;
  for (const live of job.live.values()) {
    if (live.start !== null || live.stop !== null || !isTooWide(live.group)) continue;
    live.stop = "recall";
    stopAttempt(turn, job, live, WITHDRAW_ONLY_MS);
  }
}

/** With nothing sent there is nothing that a cap could hold back. */
export function capInForce(turn: Turn, account: Account): boolean {
  if (account.placedCount === 0) return true;
  return turn.state.executor.type === "ready" && isCapConfirmed(account);
}

export const isCapConfirmed = ({ loan }: Account): boolean => loan.capConfirmed === loan.capSerial;
