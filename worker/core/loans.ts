/** What a job asks of the manager, and what it holds. */
import { DEMAND_CLASSES_MAX } from "../../protocol/limits.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { DemandClass } from "../../protocol/workerLink.ts";
import { equalResources, maxResources, namedAmount, NO_RESOURCES } from "../../src/node/resources.ts";
import { sendCap } from "./dispatch.ts";
import type { JobActor } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Tells the manager what the job wants, if that has changed. Clipped to the node, so that a long queue is told once. */
export function tellDemand(turn: Turn, job: JobActor): void {
  const classes = turn.state.drain === null && job.phase === "active" ? demandOf(turn, job) : [];
  if (sameDemand(classes, job.demandSent)) return;
  job.demandSent = classes;
  turn.effects.push({ type: "tellManager", fact: { type: "demandSlots", job: job.job, classes } });
}

function demandOf(turn: Turn, job: JobActor): DemandClass[] {
  const classes: DemandClass[] = [];
  for (const group of job.groups) {
    const wanted = group.placed + group.queue.length;
    if (wanted === 0 || equalResources(group.resources, NO_RESOURCES)) continue;
    const count = Math.min(wanted, countWithin(group.resources, turn.state.capacity));
    classes.push({ priority: job.priority + group.priority, resources: group.resources, count });
    if (classes.length === DEMAND_CLASSES_MAX) break;
  }
  return classes;
}

/** How many of a shape the whole node holds; at least 1, so that what does not fit now is still told. */
export function countWithin(shape: Resources, capacity: Resources): number {
  let count = Number.POSITIVE_INFINITY;
  if (shape.cpusMilli > 0) count = Math.min(count, capacity.cpusMilli / shape.cpusMilli);
  if (shape.memoryBytes > 0) count = Math.min(count, capacity.memoryBytes / shape.memoryBytes);
  if (shape.gpusMilli > 0) count = Math.min(count, capacity.gpusMilli / shape.gpusMilli);
  for (const name of Object.keys(shape.named)) {
    count = Math.min(count, namedAmount(capacity, name) / namedAmount(shape, name));
  }
  return Math.max(1, Math.floor(count));
}

function sameDemand(a: readonly DemandClass[], b: readonly DemandClass[]): boolean {
  return (
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
    resources.cpusMilli !== job.loan.capCpusMilli
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
  if (!capInForce(turn, job)) return;
  const resources = heldResources(job);
  if (loan.told.serial === loan.serial && equalResources(loan.told.resources, resources)) return;
  loan.told = { serial: loan.serial, resources };
  const fact = { type: "loanHeld", job: job.job, serial: loan.serial, resources } as const;
  turn.effects.push({ type: "tellManager", fact });
}

/** Cpus by what runs, since what waits in the forkserver holds none; everything else by what was sent. */
export const heldResources = (job: JobActor): Resources =>
  maxResources(job.loan.resources, { ...job.placed, cpusMilli: job.runningCpusMilli });

/** With nothing sent there is nothing that a cap could hold back. */
function capInForce(turn: Turn, job: JobActor): boolean {
  if (job.live.size === 0) return true;
  return turn.state.executor.type === "ready" && job.loan.capConfirmed === job.loan.capSerial;
}
