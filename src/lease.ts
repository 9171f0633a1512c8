/**
 * Whether the other side of a link still lives, by what it says: it is asked four times per lease, and given up when it has said
 * nothing for a whole one. All times are monotonic.
 *
 * Who looks more rarely than it asks was stopped itself (SIGSTOP, a suspended machine, a full disk that it waited for): what the
 * others said meanwhile may lie unread, so that all of them get a whole lease from then on.
 */

/** One that computes and does not answer (reading a job of millions of tasks) is given so many leases in place of one. */
const BUSY_LEASES = 10;

export class Lease {
  readonly #leaseMs: number;
  /** The last sign of life. */
  #heardAtMs: number;
  /** The last word. */
  #saidAtMs: number;
  #lookedAtMs: number;
  #askAtMs: number;

  constructor(leaseMs: number, nowMs: number) {
    this.#leaseMs = leaseMs;
    this.#heardAtMs = nowMs;
    this.#saidAtMs = nowMs;
    this.#lookedAtMs = nowMs;
    this.#askAtMs = nowMs + leaseMs / 4;
  }

  /** It has said something. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#saidAtMs = nowMs;
  }

  /** It uses a cpu: a process that is stopped does not. */
  busy(nowMs: number): void {
    if (nowMs - this.#saidAtMs < BUSY_LEASES * this.#leaseMs) this.#heardAtMs = nowMs;
  }

  /** To be called in each turn. `expired` is said once per lease. */
  look(nowMs: number): "quiet" | "ask" | "expired" {
    if (nowMs - this.#lookedAtMs > this.#leaseMs / 2) {
      this.#heardAtMs = nowMs;
      this.#saidAtMs = nowMs;
    }
    this.#lookedAtMs = nowMs;
    if (nowMs - this.#heardAtMs >= this.#leaseMs) {
      this.heard(nowMs);
      return "expired";
    }
    if (nowMs < this.#askAtMs) return "quiet";
    this.#askAtMs = nowMs + this.#leaseMs / 4;
    return "ask";
  }

  /** When `look` wants to be called again. */
  get nextLookMs(): number {
    return this.#askAtMs;
  }
}
