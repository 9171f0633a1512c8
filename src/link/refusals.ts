/** Counts the frames that an actor refused, by fault; visible in `daemon status`. */
import type { FrameFault } from "../../protocol/codec.ts";

export type RefusalFault = FrameFault | "oldEpoch" | "unexpected";

export class Refusals {
  readonly #counts: Record<string, number> = {};

  add(fault: RefusalFault): void {
    this.#counts[fault] = (this.#counts[fault] ?? 0) + 1;
  }

  counts(): Readonly<Record<string, number>> {
    return { ...this.#counts };
  }
}
