/** The QWorker's command line, as the QManager writes it. */
import { parseArgs } from "node:util";
import { QrewError } from "../protocol/errors.ts";
import { type SeatNumber, seatNumber } from "../protocol/ids.ts";

export interface WorkerArguments {
  readonly home: string;
  readonly runFolder: string;
  readonly seat: SeatNumber;
  /** The epoch that the manager has assigned; the store may know a higher one. */
  readonly epoch: number;
  readonly instance: string;
  readonly node: string;
  readonly graceMs: number;
  /** QWorkers of this seat that died in a row soon after they were ready. */
  readonly crashes: number;
  readonly crashLimit: number;
  readonly leaseMs: number;
  readonly orphanMs: number;
}

export function parseWorkerArguments(argv: readonly string[]): WorkerArguments {
  const string = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      home: string,
      run: string,
      seat: string,
      epoch: string,
      instance: string,
      node: string,
      grace: string,
      crashes: string,
      "crash-limit": string,
      lease: string,
      orphan: string,
    },
  });
  return {
    home: required("home", values.home),
    runFolder: required("run", values.run),
    seat: seatNumber(count("seat", values.seat)),
    epoch: count("epoch", values.epoch),
    instance: required("instance", values.instance),
    node: required("node", values.node),
    graceMs: count("grace", values.grace),
    crashes: count("crashes", values.crashes),
    crashLimit: count("crash-limit", values["crash-limit"]),
    leaseMs: count("lease", values.lease),
    orphanMs: count("orphan", values.orphan),
  };
}

function required(name: string, value: string | undefined): string {
  if (value !== undefined && value !== "") return value;
  throw new QrewError("usage", `A QWorker is started by the manager, with --${name}.`);
}

function count(name: string, value: string | undefined): number {
  const number = Number(required(name, value));
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new QrewError("usage", `--${name} takes a whole number, not ${value}.`);
}
