/** What a job asks of the manager, and what it holds. */
import { DEMAND_CLASSES_MAX, WITHDRAW_ONLY_MS } from "../../protocol/limits.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { DemandClass } from "../../protocol/workerLink.ts";
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
import { sendCap, wantedCap } from "./dispatch.ts";
import type { JobActor, SlotGroup } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Tells the manager what the job wants, if that has changed. Clipped to the node, so that a long queue is told once. */
export function tellDemand(turn: Turn, job: JobActor): void {
  if (job.phase === "finished") return;
  const classes = turn.state.drain === null && job.phase === "active" ? demandOf(turn, job) : [];
  if (sameDemand(classes, job.demandSent)) return;
  job.demandSent = classes;
  turn.effects.push({ type: "tellManager", fact: { type: "demandSlots", job: job.job, classes } });
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

export function onLoanSet(turn: Turn, job: JobActor, serial: number, resources: Resources): void {
  if (serial <= job.loan.serial) return;
  job.loan.serial = serial;
  job.loan.resources = resources;
  const { executor } = turn.state;
  if (
    executor.type === "ready" &&
    executor.opened.has(job.job) &&
    wantedCap(turn, job) !== job.loan.capCpusMilli
  ) {
    sendCap(turn, job);
  }
}

/**
 * Tells the manager what the job holds at most: its loan, and what runs beyond it until that has ended. Only once the cap is
 * in force: before, the forkserver may start more than is known here.
 */
export function tellHeld(turn: Turn, job: JobActor): void {
  const { loan } = job;
  if (job.phase === "finished") return returnLoan(turn, job);
  if (!capInForce(turn, job)) return;
  withdrawBeyondLoan(turn, job);
  withdrawTooWide(turn, job);
  const resources = heldResources(job);
  if (loan.told.serial === loan.serial && equalResources(loan.told.resources, resources)) return;
  loan.told = { serial: loan.serial, resources };
  const fact = { type: "loanHeld", job: job.job, serial: loan.serial, resources } as const;
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
function heldResources({ loan, placed, runningCpusMilli }: JobActor): Resources {
  const cpusMilli = Math.min(runningCpusMilli, loan.runsAtMostMilli);
  return maxResources(loan.resources, { ...placed, cpusMilli });
}

/** For a manager that has to know now: while no cap is in force, everything that was sent may run. */
export const holdsAtMost = (turn: Turn, job: JobActor): Resources =>
  capInForce(turn, job) ? heldResources(job) : maxResources(job.loan.resources, job.placed);

/**
 * An attempt that waits in the forkserver under a cap that has shrunk would hold its memory and gpus for ever, if they are
 * lent to somebody who waits for them: it is withdrawn, and sent again when there is a loan for it. Cpus it holds none.
 */
function withdrawBeyondLoan(turn: Turn, job: JobActor): void {
  const bound = { ...job.loan.resources, cpusMilli: Number.MAX_SAFE_INTEGER };
  if (fits(job.placed, bound)) return;
  let placed = job.placed;
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
  const { cpusMilli } = job.loan.resources;
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
export function capInForce(turn: Turn, job: JobActor): boolean {
  if (job.live.size === 0) return true;
  return turn.state.executor.type === "ready" && job.loan.capConfirmed === job.loan.capSerial;
}
