/** For a file that must find no hole, and no full disk, later on. */
import { writeSync } from "node:fs";

/** So many from where the descriptor stands. Throws what the disk says. */
export function writeZeros(descriptor: number, bytes: number): void {
  const zeros = new Uint8Array(bytes);
  for (let written = 0; written < bytes; ) written += writeSync(descriptor, zeros, written);
}
