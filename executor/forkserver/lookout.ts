/**
 * Looks at all processes for several that want to know: one look serves all who ask while it is awaited, and at most
 * a fifth of the time goes into looking.
 */
import { lookAtProcesses, type ProcessInfo } from "./processes.ts";

const PAUSE_FACTOR = 4;
const PAUSE_MIN_MS = 5;
/** Many short jobs close one after another and leave nothing behind: one look serves all of this time. */
const PATIENT_PAUSE_MS = 100;

interface Asker {
  readonly patient: boolean;
  readonly resolve: (processes: readonly ProcessInfo[]) => void;
}

export class Lookout {
  private askers: Asker[] = [];
  private lastEndMs = Number.NEGATIVE_INFINITY;
  private lastTookMs = 0;
  private timer: NodeJS.Timeout | null = null;

  /** All processes as they are at some time after the call. The first look is immediate. */
  look(patient: boolean): Promise<readonly ProcessInfo[]> {
    return new Promise((resolve) => {
      this.askers.push({ patient, resolve });
      this.plan();
    });
  }

  private plan(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    const patient = this.askers.every((asker) => asker.patient);
    const busyPauseMs = Math.max(PAUSE_MIN_MS, this.lastTookMs * PAUSE_FACTOR);
    const pauseMs = patient ? Math.max(PATIENT_PAUSE_MS, busyPauseMs) : busyPauseMs;
    const waitMs = Math.max(0, this.lastEndMs + pauseMs - performance.now());
    this.timer = setTimeout(() => this.lookNow(), waitMs);
  }

  private lookNow(): void {
    this.timer = null;
    const askers = this.askers;
    this.askers = [];
    const beginMs = performance.now();
    const processes = lookAtProcesses();
    this.lastEndMs = performance.now();
    this.lastTookMs = this.lastEndMs - beginMs;
    for (const asker of askers) asker.resolve(processes);
  }
}
