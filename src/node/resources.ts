/**
 * Arithmetic of resource vectors. A resource that a vector does not name counts as 0, and results leave zeros out, so
 * that a vector has one form. Sums stop at the largest safe integer: a count of tasks times bytes of memory may pass it.
 */
import { assert } from "../../protocol/errors.ts";
import type { Resources } from "../../protocol/resources.ts";

type Named = Readonly<Record<string, number>>;
type Operation = (left: number, right: number) => number;

const NOTHING_NAMED: Named = Object.freeze({});

/** The vector that needs, allows or has nothing. */
export const NO_RESOURCES: Resources = Object.freeze({
  cpusMilli: 0,
  memoryBytes: 0,
  gpusMilli: 0,
  named: NOTHING_NAMED,
});

/** What an ordinary task needs. */
export const ONE_CPU: Resources = Object.freeze({ ...NO_RESOURCES, cpusMilli: 1000 });

const clip = (value: number): number => Math.min(value, Number.MAX_SAFE_INTEGER);

/** The amount of a named resource, 0 where it is not named. Own properties only: a resource may be called `constructor`. */
export const namedAmount = (resources: Resources, name: string): number =>
  Object.hasOwn(resources.named, name) ? (resources.named[name] ?? 0) : 0;

function isEmpty(named: Named): boolean {
  for (const _ in named) return false;
  return true;
}

function combine(left: Resources, right: Resources, operation: Operation): Resources {
  return {
    cpusMilli: operation(left.cpusMilli, right.cpusMilli),
    memoryBytes: operation(left.memoryBytes, right.memoryBytes),
    gpusMilli: operation(left.gpusMilli, right.gpusMilli),
    named: combineNamed(left, right, operation),
  };
}

function combineNamed(left: Resources, right: Resources, operation: Operation): Named {
  // The usual case: most workflows name nothing, and this is called for each attempt.
  if (isEmpty(left.named) && isEmpty(right.named)) return NOTHING_NAMED;
  const amounts = new Map<string, number>();
  for (const name of [...Object.keys(left.named), ...Object.keys(right.named)]) {
    const amount = operation(namedAmount(left, name), namedAmount(right, name));
    if (amount !== 0) amounts.set(name, amount);
  }
  return Object.fromEntries(amounts);
}

const sum: Operation = (left, right) => clip(left + right);
const larger: Operation = (left, right) => Math.max(left, right);
const smaller: Operation = (left, right) => Math.min(left, right);
const difference: Operation = (left, right) => {
  assert(left >= right, `resources do not become negative (${left} - ${right})`);
  return left - right;
};

export const addResources = (left: Resources, right: Resources): Resources => combine(left, right, sum);

/** `left` without `right`. That `right` fits within `left` is the caller's invariant: asserted. */
export const subtractResources = (left: Resources, right: Resources): Resources =>
  combine(left, right, difference);

/** In each dimension the larger amount: the smallest vector that both fit within. */
export const maxResources = (left: Resources, right: Resources): Resources => combine(left, right, larger);

/** In each dimension the smaller amount: the largest vector that fits within both. */
export const minResources = (left: Resources, right: Resources): Resources => combine(left, right, smaller);

/** `factor` (0 or more, also a fraction) times the vector, rounded down to whole units. */
export function scaleResources(resources: Resources, factor: number): Resources {
  assert(factor >= 0, `a factor of resources is not negative (${factor})`);
  return combine(resources, NO_RESOURCES, (amount) => clip(Math.floor(amount * factor)));
}

/** Whether `amount` is at most `within` in every dimension. */
export function fits(amount: Resources, within: Resources): boolean {
  if (amount.cpusMilli > within.cpusMilli) return false;
  if (amount.memoryBytes > within.memoryBytes) return false;
  if (amount.gpusMilli > within.gpusMilli) return false;
  for (const name in amount.named) {
    if (namedAmount(amount, name) > namedAmount(within, name)) return false;
  }
  return true;
}

export const equalResources = (left: Resources, right: Resources): boolean =>
  fits(left, right) && fits(right, left);

export const isNoResources = (resources: Resources): boolean => fits(resources, NO_RESOURCES);

/**
 * The largest share that `of` has of any one resource of `capacity`: what fairness between jobs is measured by. 0 for
 * nothing, Infinity where something is held or asked that the capacity does not have.
 */
export function dominantShare(of: Resources, capacity: Resources): number {
  let share = Math.max(
    shareOf(of.cpusMilli, capacity.cpusMilli),
    shareOf(of.memoryBytes, capacity.memoryBytes),
    shareOf(of.gpusMilli, capacity.gpusMilli),
  );
  for (const name in of.named) {
    share = Math.max(share, shareOf(namedAmount(of, name), namedAmount(capacity, name)));
  }
  return share;
}

const shareOf = (amount: number, capacity: number): number => (amount === 0 ? 0 : amount / capacity);

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** For people: `2 cpus, 1.5 GiB, 1 gpu, 3 licence`; parts that are 0 are left out, and all of them is `nothing`. */
export function formatResources(resources: Resources): string {
  const parts: string[] = [];
  if (resources.cpusMilli !== 0) parts.push(formatCount(resources.cpusMilli, "cpu", "cpus"));
  if (resources.memoryBytes !== 0) parts.push(formatBytes(resources.memoryBytes));
  if (resources.gpusMilli !== 0) parts.push(formatCount(resources.gpusMilli, "gpu", "gpus"));
  for (const name of Object.keys(resources.named).sort()) {
    const amount = namedAmount(resources, name);
    if (amount !== 0) parts.push(formatCount(amount, name, name));
  }
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

const formatCount = (milli: number, one: string, many: string): string =>
  `${milli / 1000} ${milli === 1000 ? one : many}`;

/** For people: the largest unit that leaves at least 1, with at most two decimals: `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < BYTE_UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${Math.round(amount * 100) / 100} ${BYTE_UNITS[unit] ?? "B"}`;
}

/** Slots of one class that a job may hold at a time: more than any node has cpus, and few enough to hand out one by one. */
const CLASS_SLOTS_MAX = 1024;

/** How many of a shape the whole node holds; at least 1, so that what does not fit now is still told. */
export function countWithin(shape: Resources, capacity: Resources): number {
  let count = Number.POSITIVE_INFINITY;
  if (shape.cpusMilli > 0) count = Math.min(count, capacity.cpusMilli / shape.cpusMilli);
  if (shape.memoryBytes > 0) count = Math.min(count, capacity.memoryBytes / shape.memoryBytes);
  if (shape.gpusMilli > 0) count = Math.min(count, capacity.gpusMilli / shape.gpusMilli);
  for (const name of Object.keys(shape.named)) {
    count = Math.min(count, namedAmount(capacity, name) / namedAmount(shape, name));
  }
  return Math.min(Math.max(1, Math.floor(count)), CLASS_SLOTS_MAX);
}
