/**
 * Who gets how much of the node: priority first, then fairly between jobs.
 *
 * Each job has a usage: the integral over time of its dominant share, the largest share it holds of any one resource
 * (dominant resource fairness: Ghodsi et al., NSDI 2011). Slots are handed out one shape at a time to the job whose usage,
 * with what it would hold for one more quantum, is least (as in start-time fair queueing: Goyal et al., SIGCOMM 1996). A
 * newcomer starts at the least usage of those present, so that it neither waits nor takes revenge for the past.
 *
 * The division is made over the whole node, as if nothing were lent, so that a job whose tasks are wide gets its turn: when
 * its usage is least it comes first, the others' loans are recalled, and what their attempts free is kept for it. Since
 * the targets together fit on the node, no two jobs can wait for halves that each other hold.
 */
import { COMMON_POOL, type JobSeq } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { DemandClass } from "../../protocol/workerLink.ts";
import {
  addResources,
  dominantShare,
  fits,
  isNoResources,
  maxResources,
  NO_RESOURCES,
  subtractResources,
} from "../../src/node/resources.ts";

/** Usages are compared at most this often, so that wide and narrow jobs take turns of some length, not at every event. */
export const QUANTUM_MS = 500;

/** What lending knows of a job. */
export interface Borrower {
  /** COMMON_POOL: all jobs of a seat that are in it borrow together. */
  readonly job: JobSeq;
  /** How many jobs it stands for: it has a share for each. */
  weight: number;
  demand: readonly DemandClass[];
  /** Dominant share × milliseconds, of each of its jobs. */
  usage: number;
  /** The usage as of the last quantum: what jobs are ordered by. */
  standing: number;
  /** The loan that was last told. */
  granted: Resources;
  serial: number;
  /** What the job may hold at most; null while that is unknown (after a restart of the manager). */
  held: Resources | null;
  /** `held` is a promise that the forkserver keeps. Else it is all that may run there, and not to be relied on as a place. */
  certain: boolean;
}

/** One that begins now, and is certain to hold nothing. */
export const newBorrower = (job: JobSeq, usage: number): Borrower => ({
  job,
  weight: 1,
  demand: [],
  usage,
  standing: usage,
  granted: NO_RESOURCES,
  serial: 0,
  held: NO_RESOURCES,
  certain: true,
});

/** What may run there is not known. */
export const uncertain = (borrower: Borrower): Borrower => ({ ...borrower, held: null, certain: false });

/** A pool that wants nothing: what it still has it keeps at nobody's expense (`keepUnwanted`). */
export const isIdlePool = ({ job, demand }: Borrower): boolean => job === COMMON_POOL && demand.length === 0;

/** Whether it wants, holds or may hold something. */
export const isInvolved = ({ demand, held, granted }: Borrower): boolean =>
  demand.length > 0 || held === null || !isNoResources(held) || !isNoResources(granted);

interface Unit {
  readonly borrower: Borrower;
  readonly shape: Resources;
}

/** The next targets: for each borrower the loan that it should have now, as far as free slots allow. */
export function divide(capacity: Resources, borrowers: readonly Borrower[]): Map<Borrower, Resources> {
  const units = idealUnits(capacity, borrowers);
  let free = freeResources(capacity, borrowers);
  const isSettled = free !== null && fits(sumOfHeld(borrowers), capacity);
  const reached = new Map<Borrower, Resources>(borrowers.map((borrower) => [borrower, NO_RESOURCES]));
  const blocked = new Set<Borrower>();
  for (const { borrower, shape } of units) {
    if (blocked.has(borrower)) continue;
    if (!borrower.certain && !isSettled) {
      // What it may hold at most and what others hold is more than there is: it has to say first what it really holds.
      blocked.add(borrower);
      continue;
    }
    const before = reached.get(borrower) ?? NO_RESOURCES;
    const next = addResources(before, shape);
    const has = maxResources(borrower.held ?? NO_RESOURCES, before);
    const missing = subtractResources(maxResources(next, has), has);
    if (isNoResources(missing)) reached.set(borrower, next);
    else if (free !== null && fits(missing, free)) {
      free = subtractResources(free, missing);
      reached.set(borrower, next);
    } else blocked.add(borrower);
  }
  return reached;
}

/** What nobody holds; null while it is unknown what some job holds: then nothing is lent. */
export function freeResources(capacity: Resources, borrowers: readonly Borrower[]): Resources | null {
  if (borrowers.some(({ held }) => held === null)) return null;
  const held = sumOfHeld(borrowers);
  // A restart with fewer cpus may leave more held than there is: then nothing is free.
  return subtractResources(maxResources(capacity, held), held);
}

const sumOfHeld = (borrowers: readonly Borrower[]): Resources =>
  borrowers.reduce((sum, { held }) => addResources(sum, held ?? NO_RESOURCES), NO_RESOURCES);

/** The slots of the whole node in the order in which they are handed out. */
function idealUnits(capacity: Resources, borrowers: readonly Borrower[]): Unit[] {
  const units: Unit[] = [];
  const target = new Map<Borrower, Resources>();
  let free = capacity;
  for (const level of levelsOf(borrowers)) {
    let asking = fitting(askersAt(level, borrowers), free);
    for (let asker = leastServed(asking, target, capacity); asker !== null; ) {
      const shape = asker.shapes[0];
      if (shape === undefined) break;
      free = subtractResources(free, shape.resources);
      target.set(asker.borrower, addResources(target.get(asker.borrower) ?? NO_RESOURCES, shape.resources));
      units.push({ borrower: asker.borrower, shape: shape.resources });
      shape.count -= 1;
      if (shape.count === 0) asker.shapes.shift();
      asking = fitting(asking, free);
      asker = leastServed(asking, target, capacity);
    }
  }
  return units;
}

interface Asker {
  readonly borrower: Borrower;
  /** What it still wants at this level, in its own order. */
  readonly shapes: { readonly resources: Resources; count: number }[];
}

function levelsOf(borrowers: readonly Borrower[]): number[] {
  const levels = new Set<number>();
  for (const borrower of borrowers) for (const { priority } of borrower.demand) levels.add(priority);
  return [...levels].sort((a, b) => b - a);
}

function askersAt(level: number, borrowers: readonly Borrower[]): Asker[] {
  const askers: Asker[] = [];
  for (const borrower of borrowers) {
    const shapes = borrower.demand
      .filter(({ priority, count }) => priority === level && count > 0)
      .map(({ resources, count }) => ({ resources, count }));
    if (shapes.length > 0) askers.push({ borrower, shapes });
  }
  return askers;
}

/** Those of whose next shape there is one left; what does not fit now does not fit later. */
function fitting(askers: readonly Asker[], free: Resources): Asker[] {
  return askers.filter(({ shapes }) => {
    for (let shape = shapes[0]; shape !== undefined; shape = shapes[0]) {
      if (fits(shape.resources, free)) return true;
      shapes.shift();
    }
    return false;
  });
}

function leastServed(
  askers: readonly Asker[],
  target: ReadonlyMap<Borrower, Resources>,
  capacity: Resources,
): Asker | null {
  let least: Asker | null = null;
  let leastKey = Number.POSITIVE_INFINITY;
  for (const asker of askers) {
    if (asker.shapes.length === 0) continue;
    const share = dominantShare(target.get(asker.borrower) ?? NO_RESOURCES, capacity);
    const key = asker.borrower.standing + (share * QUANTUM_MS) / asker.borrower.weight;
    if (least === null || key < leastKey || (key === leastKey && asker.borrower.job < least.borrower.job)) {
      least = asker;
      leastKey = key;
    }
  }
  return least;
}

/** Adds what was held during `elapsedMs` to the usages. A restart with less may leave more held than the node has. */
export function accountUsage(capacity: Resources, borrowers: Iterable<Borrower>, elapsedMs: number): void {
  for (const borrower of borrowers) {
    if (borrower.held === null || isIdlePool(borrower)) continue;
    borrower.usage += (Math.min(1, dominantShare(borrower.held, capacity)) * elapsedMs) / borrower.weight;
  }
}

/** Takes over the usages as the order of the next quantum. A job that asked for nothing catches up with the floor. */
export function refreshStandings(borrowers: readonly Borrower[], floor: number): void {
  for (const borrower of borrowers) {
    if (borrower.demand.length === 0) borrower.usage = Math.max(borrower.usage, floor);
    borrower.standing = borrower.usage;
  }
}

/**
 * Where newcomers start: at the least usage of those that want something. It never falls, so that one who comes while nobody
 * wants anything is not served before all who were there for as long as they have been.
 */
export function raisedFloor(floor: number, borrowers: readonly Borrower[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { usage, demand } of borrowers) if (demand.length > 0) least = Math.min(least, usage);
  return least === Number.POSITIVE_INFINITY ? floor : Math.max(floor, least);
}

/** Whether a job wants more than it was granted: then the order is looked at again after a quantum. */
export const isContended = (borrowers: readonly Borrower[]): boolean =>
  borrowers.some((borrower) => wantsMore(borrower, borrower.granted));

function wantsMore({ demand }: Borrower, than: Resources): boolean {
  let wanted = NO_RESOURCES;
  for (const { resources, count } of demand) {
    for (let i = 0; i < count; i++) {
      wanted = addResources(wanted, resources);
      if (!fits(wanted, than)) return true;
    }
  }
  return false;
}

/**
 * A pool that wants nothing keeps its loan while everybody has what he wants: the next job of its kind mostly comes soon, and then
 * needs no loan, and no cap in the forkserver, to be sent. Whoever wants it later waits for one answer of its QWorker.
 */
export function keepUnwanted(targets: Map<Borrower, Resources>): void {
  for (const [borrower, target] of targets) if (wantsMore(borrower, target)) return;
  for (const borrower of targets.keys()) if (isIdlePool(borrower)) targets.set(borrower, borrower.granted);
}
