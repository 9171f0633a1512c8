/**
 * Which jobs a batch of events may have changed something for: only they are looked at, so that one job's end costs nothing for each
 * of the 64 that wait beside it. What happens to a job names it, in an event or a timer; what concerns all touches all.
 */
import { assertNever } from "../../protocol/errors.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import type { WorkerEvent } from "./events.ts";
import type { JobActor, WorkerState } from "./state.ts";
import type { Timer } from "./timers.ts";

export class Touched {
  readonly #state: WorkerState;
  readonly #jobs = new Set<JobSeq>();
  #all = false;

  constructor(state: WorkerState) {
    this.#state = state;
  }

  /** From now on every job counts. */
  touchAll(): void {
    this.#all = true;
  }

  by(event: WorkerEvent): void {
    switch (event.type) {
      case "managerSaidHello":
      case "executorSaidHello":
      case "executorLost":
      case "drainRequested":
        return this.touchAll();
      case "attemptsStarted":
      case "attemptsEnded":
        for (const { job } of event.attempts) this.#jobs.add(job);
        return;
      case "jobAssigned":
      case "jobLoaded":
      case "jobLoadFailed":
      case "loanSet":
      case "cancelRequested":
      case "pauseSet":
      case "jobReleased":
      case "noopsEnded":
      case "capSet":
      case "jobClosed":
        this.#jobs.add(event.job);
        return;
      case "statusRequested":
      case "executorReported":
      case "executorAlive":
      case "woken":
        return;
      default:
        assertNever(event);
    }
  }

  byTimer(timer: Timer): void {
    if ("job" in timer) this.#jobs.add(timer.job);
    else if (timer.type === "trial") this.touchAll();
  }

  *jobs(): Generator<JobActor> {
    if (this.#all) return yield* this.#state.jobs.values();
    for (const id of this.#jobs) {
      const job = this.#state.jobs.get(id);
      if (job !== undefined) yield job;
    }
  }
}
