/** The resources of a task, checked against what this node can offer. */
import type { Resources } from "../../protocol/resources.ts";
import type { FaultList } from "./fault.ts";
import { Field } from "./field.ts";
import { didYouMean } from "./nearest.ts";
import type { Filling } from "./placeholder.ts";
import { readMilli, readSize } from "./quantity.ts";
import { readSetting } from "./readSetting.ts";
import { quoted } from "./scalar.ts";

/** What a node offers, and the field that stands for the cpu of a task that asks for none. */
export interface Amounts {
  /** Null does not check. */
  readonly capacity: Resources | null;
  readonly implicitCpus: Field;
}

export const amountsOf = (capacity: Resources | null): Amounts => ({
  capacity,
  implicitCpus: new Field(1, []),
});

/** Not the names that every object has: the links refuse them as keys. */
const RESOURCE_NAME = /^(?!constructor$|prototype$)[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** Named resources of one task; each adds to every loan and demand on the wire. */
const NAMED_RESOURCES_MAX = 16;

export function readResources(
  fields: ReadonlyMap<string, Field>,
  filling: Filling | null,
  amounts: Amounts,
  faults: FaultList,
): Resources {
  const named: [string, number][] = [];
  for (const [name, field] of fields) {
    if (name === "cpus" || name === "memory" || name === "gpus") continue;
    if (!RESOURCE_NAME.test(name)) {
      field.blame(
        faults,
        () => `${quoted(name)} cannot be the name of a resource: use letters, digits, _ . - only.`,
      );
      continue;
    }
    const what = `The resource ${quoted(name)}`;
    named.push([
      name,
      readSetting(what, field, filling, 0, faults, readMilli, () => meantResource(name, [])),
    ]);
  }
  if (named.length > NAMED_RESOURCES_MAX) {
    fields
      .get(named[0]?.[0] ?? "")
      ?.blame(faults, () => `A task has at most ${NAMED_RESOURCES_MAX} named resources.`);
  }
  const resources: Resources = {
    cpusMilli: readSetting("cpus", fields.get("cpus"), filling, 1000, faults, readMilli),
    memoryBytes: readSetting("memory", fields.get("memory"), filling, 0, faults, readSize),
    gpusMilli: readSetting("gpus", fields.get("gpus"), filling, 0, faults, readMilli),
    named: named.length === 0 ? noNamed : Object.fromEntries(named.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
  if (amounts.capacity !== null)
    checkCapacity(resources, fields, amounts.capacity, amounts.implicitCpus, faults);
  return resources;
}

const noNamed: Readonly<Record<string, number>> = {};

function checkCapacity(
  wanted: Resources,
  fields: ReadonlyMap<string, Field>,
  capacity: Resources,
  implicitCpus: Field,
  faults: FaultList,
): void {
  const refuse = (amount: string, offered: string, field: Field | undefined): void =>
    field?.blame(
      faults,
      () =>
        `The task needs ${amount}, but this node has ${offered}: ask for less, or start the daemon with more (\`qrew daemon start --help\`).`,
    );
  if (wanted.cpusMilli > capacity.cpusMilli) {
    refuse(`${milli(wanted.cpusMilli)} cpus`, milli(capacity.cpusMilli), fields.get("cpus") ?? implicitCpus);
  }
  if (wanted.memoryBytes > capacity.memoryBytes) {
    refuse(
      `${mebibytes(wanted.memoryBytes)} of memory`,
      mebibytes(capacity.memoryBytes),
      fields.get("memory"),
    );
  }
  if (wanted.gpusMilli > capacity.gpusMilli) {
    refuse(`${milli(wanted.gpusMilli)} gpus`, milli(capacity.gpusMilli), fields.get("gpus"));
  }
  for (const [name, amount] of Object.entries(wanted.named)) {
    const offered = Object.hasOwn(capacity.named, name) ? (capacity.named[name] ?? 0) : null;
    if (offered === null) {
      fields.get(name)?.blame(faults, () => {
        const guess = meantResource(name, Object.keys(capacity.named));
        const offer = ` Offer it with \`qrew daemon start --resource ${name}=${milli(amount || 1000)}\`.`;
        return `This node offers no resource ${quoted(name)}, so the task could never run.${guess === "" ? offer : guess}`;
      });
    } else if (amount > offered) {
      refuse(`${milli(amount)} of ${quoted(name)}`, milli(offered), fields.get(name));
    }
  }
}

/** What other tools call the three that every node has. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["mem", "memory"],
  ["ram", "memory"],
  ["rss", "memory"],
  ["cpu", "cpus"],
  ["core", "cpus"],
  ["cores", "cpus"],
  ["threads", "cpus"],
  ["gpu", "gpus"],
]);

const meantResource = (name: string, offered: readonly string[]): string =>
  didYouMean(name, ["cpus", "memory", "gpus", ...offered], OTHER_NAMES);

const milli = (amount: number): string => String(amount / 1000);
const mebibytes = (bytes: number): string => `${Math.round((bytes / 1024 ** 2) * 10) / 10}M`;
