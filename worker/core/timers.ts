/**
 * One binary heap of deadlines for all jobs of a QWorker, so that a task costs no timer of its own. Entries are not
 * taken out early: whoever handles one checks that it still applies.
 */
import type { JobSeq } from "../../protocol/ids.ts";

export type Timer =
  /** The attempt has reached its time limit. */
  | { readonly type: "timeout"; readonly job: JobSeq; readonly task: number; readonly attempt: number }
  /** The wait before a repetition is over. */
  | { readonly type: "retry"; readonly job: JobSeq; readonly task: number; readonly attempt: number }
  /** A progress report was held back and is due. */
  | { readonly type: "report"; readonly job: JobSeq }
  /** The end of a cancelled job's processes was not confirmed in time. */
  | { readonly type: "closeDeadline"; readonly job: JobSeq }
  /** An attempt is no longer on trial. */
  | { readonly type: "trial" }
  /** The TaskExecutor may have become idle. */
  | { readonly type: "idle" }
  /** A TaskExecutor may be started again after one died young. */
  | { readonly type: "executor" };

interface Entry {
  readonly atMs: number;
  readonly timer: Timer;
}

export class TimerHeap {
  readonly #heap: Entry[] = [];

  add(atMs: number, timer: Timer): void {
    const heap = this.#heap;
    heap.push({ atMs, timer });
    let i = heap.length - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#at(parent) <= this.#at(i)) break;
      this.#swap(parent, i);
      i = parent;
    }
  }

  nextAtMs(): number | null {
    return this.#heap[0]?.atMs ?? null;
  }

  /** When the first of the timers that match is due, or null. Looks at all of them. */
  earliest(matches: (timer: Timer) => boolean): number | null {
    let firstMs = Number.POSITIVE_INFINITY;
    for (const { atMs, timer } of this.#heap) if (atMs < firstMs && matches(timer)) firstMs = atMs;
    return firstMs === Number.POSITIVE_INFINITY ? null : firstMs;
  }

  /** The next timer that is due, or null. */
  popDue(nowMs: number): Timer | null {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return null;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink();
    }
    return first.timer;
  }

  #sink(): void {
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      const right = left + 1;
      let least = i;
      if (this.#at(left) < this.#at(least)) least = left;
      if (this.#at(right) < this.#at(least)) least = right;
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #at(i: number): number {
    return this.#heap[i]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(i: number, j: number): void {
    const a = this.#heap[i];
    const b = this.#heap[j];
    if (a === undefined || b === undefined) return;
    this.#heap[i] = b;
    this.#heap[j] = a;
  }
}
