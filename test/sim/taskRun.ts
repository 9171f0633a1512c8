/** A task's process, as its script says. It knows nothing of qrew. */
import type { ForkserverOutcome } from "../../protocol/forkserverLink.ts";
import type { AttemptId, SeatNumber } from "../../protocol/ids.ts";
import type { Timeline } from "./timeline.ts";
import type { TaskScript } from "./scripts.ts";

const SIGKILL = 9;
const SIGTERM = 15;

export class TaskRun {
  readonly id: AttemptId;
  readonly seat: SeatNumber;
  readonly script: TaskScript;
  readonly pid: number;
  readonly #timeline: Timeline;
  readonly #onEnded: (run: TaskRun) => void;
  readonly #exitCode: number;
  #outcome: ForkserverOutcome | null = null;
  #termed = false;
  /** Of its own time: what is left, and since when it runs; a suspended one does not. */
  #leftMs: number;
  #runsSinceMs: number | null = null;
  #timer = 0;
  #watcher: ((outcome: ForkserverOutcome) => void) | null = null;

  constructor(
    timeline: Timeline,
    id: AttemptId,
    seat: SeatNumber,
    script: TaskScript,
    exitCode: number,
    pid: number,
    onEnded: (run: TaskRun) => void,
  ) {
    this.#timeline = timeline;
    this.#onEnded = onEnded;
    this.id = id;
    this.seat = seat;
    this.script = script;
    this.pid = pid;
    this.#exitCode = exitCode;
    this.#leftMs = script.durationMs;
    this.resume();
  }

  suspend(): void {
    if (this.#runsSinceMs === null || this.#termed) return;
    this.#leftMs -= this.#timeline.nowMs - this.#runsSinceMs;
    this.#runsSinceMs = null;
    this.#timer++;
  }

  resume(): void {
    if (this.#runsSinceMs !== null || !this.isAlive) return;
    this.#runsSinceMs = this.#timeline.nowMs;
    const timer = ++this.#timer;
    this.#timeline.after(this.#leftMs, () => {
      if (timer === this.#timer) this.#end({ type: "exited", exitCode: this.#exitCode });
    });
  }

  get isAlive(): boolean {
    return this.#outcome === null;
  }

  get outcome(): ForkserverOutcome | null {
    return this.#outcome;
  }

  /** It was asked to stop: what it says at its end is not what it wanted to say. */
  get wasStopped(): boolean {
    return this.#termed;
  }

  /** Its parent hears of the end. */
  onEnd(watcher: (outcome: ForkserverOutcome) => void): void {
    this.#watcher = watcher;
  }

  /** Its parent is gone. */
  orphan(): void {
    this.#watcher = null;
  }

  term(): void {
    if (this.#termed || !this.isAlive) return;
    // SIGCONT comes with SIGTERM.
    this.resume();
    this.#termed = true;
    const { onTerm } = this.script;
    if (onTerm === "ignores") return;
    const outcome: ForkserverOutcome =
      onTerm === "dies" ? { type: "signalled", signal: SIGTERM } : { type: "exited", exitCode: 0 };
    this.#timeline.after(5, () => this.#end(outcome));
  }

  kill(): void {
    this.#termed = true;
    this.#end({ type: "signalled", signal: SIGKILL });
  }

  #end(outcome: ForkserverOutcome): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#onEnded(this);
    this.#watcher?.(outcome);
  }
}

export const taskKey = (id: AttemptId): string => `${id.job}/${id.task}`;
