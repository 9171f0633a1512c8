/** The gpus of this node: NVIDIA's device files. Which of them an attempt gets is not decided here. */
import { readdirSync } from "node:fs";

/** Names in /dev: `nvidia0`, `nvidia1`; not `nvidiactl`, `nvidia-uvm`. */
export const countGpuDevices = (names: readonly string[]): number =>
  names.filter((name) => /^nvidia\d+$/.test(name)).length;

export function detectGpus(): number {
  try {
    return countGpuDevices(readdirSync("/dev"));
  } catch {
    return 0;
  }
}
