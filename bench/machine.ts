/** On what was measured: a figure without its machine says nothing. */
import { closeSync, fdatasyncSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { QREW_VERSION } from "../protocol/version.ts";
import { detectCpus } from "../src/node/cpus.ts";
import { placeOf } from "../src/node/filesystem.ts";
import { median } from "./statistics.ts";

export interface Machine {
  readonly cpus: number;
  readonly model: string;
  readonly kernel: string;
  readonly memoryGb: number;
  /** Of the folder with the state of the measured daemons. */
  readonly fileSystem: string;
  /** Median time of a write of 4 KiB and fdatasync there. */
  readonly fdatasyncMs: number;
  /** Processes that wanted to run when the benchmark began, averaged over a minute: 0 on a quiet machine. */
  readonly loadBefore: number;
  readonly node: string;
  readonly qrew: string;
}

const SYNCS = 200;
const SYNC_BYTES = 4096;

export function describeMachine(folder: string): Machine {
  return {
    cpus: usableCpus(),
    model: os.cpus()[0]?.model ?? "unknown",
    kernel: `${os.type()} ${os.release()}`,
    memoryGb: Math.round(os.totalmem() / 1e9),
    fileSystem: placeOf(folder).type,
    fdatasyncMs: fdatasyncMs(folder),
    loadBefore: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]),
    node: process.version,
    qrew: QREW_VERSION,
  };
}

/** Whole ones, by affinity and quota, as the daemon counts them. */
export const usableCpus = (): number => Math.max(1, Math.floor(detectCpus().milli / 1000));

function fdatasyncMs(folder: string): number {
  const file = path.join(folder, "fdatasync");
  const descriptor = openSync(file, "w");
  try {
    const block = Buffer.alloc(SYNC_BYTES, 1);
    const times = Array.from({ length: SYNCS }, () => {
      const startedMs = performance.now();
      writeSync(descriptor, block, 0, SYNC_BYTES, 0);
      fdatasyncSync(descriptor);
      return performance.now() - startedMs;
    });
    return median(times);
  } finally {
    closeSync(descriptor);
    unlinkSync(file);
  }
}
