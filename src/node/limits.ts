/** Limits of this process that qrew depends on. */
import { readFileSync } from "node:fs";
import { QrewError } from "../../protocol/errors.ts";

/**
 * File descriptors that an actor needs at least. libzmq ends the process when it runs out of them, so too few are a
 * refusal at the start. Node has about 30 and each of up to 64 peers 4; the rest is for connections that come and go.
 * 1,024 is also what nearly every system gives.
 */
export const FILE_DESCRIPTORS_MIN = 1024;

export interface DescriptorLimit {
  /** Infinity where it is unlimited. */
  readonly soft: number;
  readonly hard: number;
}

/** The text of /proc/PID/limits; null when it does not have the line. */
export function parseDescriptorLimit(text: string): DescriptorLimit | null {
  const match = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)\s/m.exec(text);
  const [, soft, hard] = match ?? [];
  return soft === undefined || hard === undefined ? null : { soft: limitOf(soft), hard: limitOf(hard) };
}

const limitOf = (text: string): number => (text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text));

export const descriptorLimit = (): DescriptorLimit | null =>
  parseDescriptorLimit(readFileSync("/proc/self/limits", "utf8"));

/** For the start of an actor. Throws `refused` below the floor. What cannot be read is not judged. */
export function checkDescriptorLimit(limit: DescriptorLimit | null = descriptorLimit()): void {
  if (limit === null || limit.soft >= FILE_DESCRIPTORS_MIN) return;
  const raise =
    limit.hard >= FILE_DESCRIPTORS_MIN
      ? `run \`ulimit -n ${FILE_DESCRIPTORS_MIN}\` first`
      : `the hard limit is ${limit.hard}, so ask your administrator to raise it`;
  throw new QrewError(
    "refused",
    `This process may open only ${limit.soft} files and needs ${FILE_DESCRIPTORS_MIN}: ${raise}.`,
  );
}
