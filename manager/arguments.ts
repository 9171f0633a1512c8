/** The manager's command line, as `qrew daemon start` and `qrew run` write it. */
import { parseArgs } from "node:util";
import { QrewError } from "../protocol/errors.ts";
import type { CapacityOverrides } from "../src/node/capacity.ts";
import { type Quantity, readMilli, readSize } from "../src/workflow/quantity.ts";

export interface ManagerArguments {
  readonly home: string;
  /** Leaves by itself when it has been idle for a while. */
  readonly transient: boolean;
  /** How long that while is. */
  readonly idleMs: number;
  readonly capacity: CapacityOverrides;
}

/** Of a transient daemon: the next command of somebody at a prompt still finds it, and nobody finds it the next day. */
const IDLE_SECONDS = "30";

export function parseManagerArguments(argv: readonly string[]): ManagerArguments {
  const string = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      home: string,
      transient: { type: "boolean", default: false },
      "idle-seconds": { type: "string", default: IDLE_SECONDS },
      cpus: string,
      memory: string,
      gpus: string,
      resource: { type: "string", multiple: true, default: [] },
    },
  });
  if (values.home === undefined) {
    throw new QrewError("usage", "The manager is started by `qrew daemon start`, with --home.");
  }
  return {
    home: values.home,
    transient: values.transient,
    idleMs: seconds("idle-seconds", values["idle-seconds"]) * 1000,
    capacity: {
      ...(values.cpus === undefined ? {} : { cpusMilli: amount("cpus", readMilli(values.cpus)) }),
      ...(values.memory === undefined ? {} : { memoryBytes: amount("memory", readSize(values.memory)) }),
      ...(values.gpus === undefined ? {} : { gpusMilli: amount("gpus", readMilli(values.gpus)) }),
      named: values.resource,
    },
  };
}

function seconds(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new QrewError("usage", `--${name} takes a whole number of seconds.`);
}

function amount(name: string, quantity: Quantity): number {
  if (quantity.ok) return quantity.amount;
  throw new QrewError("usage", `--${name} takes ${quantity.expected}.`);
}
