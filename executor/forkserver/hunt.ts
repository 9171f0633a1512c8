/**
 * Ending a set of processes, those included that left their process group. Asks first (SIGTERM to what is there, once;
 * what is started afterwards is the clean-up of what was asked), and at its deadline insists (SIGKILL to all, again and
 * again) until nothing is left.
 */
import type { Lookout } from "./lookout.ts";
import { type ProcessInfo, signalProcess, trySignal } from "./processes.ts";

export interface Quarry {
  /** Whether a process belongs to it by itself; its descendants then belong to it too. */
  matches(process: ProcessInfo): boolean;
  /** What belongs to others, so that it may stay unexplained. */
  isOthers(process: ProcessInfo): boolean;
  /** The group's first process while it is our unreaped child: only then a group may be signalled by its number. */
  unreapedLeader(): number | null;
  /** The hunt may end once nothing is left. Until then it need not look: `wake` tells it. */
  mayConclude(): boolean;
}

export interface HuntResult {
  /** Processes that were found and are gone. */
  readonly ended: number;
  /** Processes that were killed and are still there: they hang in the kernel, or we may not signal them. */
  readonly survivors: number;
}

const PAUSE_MIN_MS = 5;
const PAUSE_MAX_MS = 100;
/** A timer takes no more than 24 days; a grace may be longer. */
const TIMER_MS_MAX = 60_000;
/** After SIGKILL a process that is still there hangs in the kernel and runs no more of its own code. */
const GIVE_UP_MS = 10_000;

type Phase = "new" | "asked" | "insisted";

export class Hunt {
  private readonly lookout: Lookout;
  private readonly quarry: Quarry;
  private readonly known = new Map<number, string>();
  private phase: Phase = "new";
  private insistAtMs: number;
  private pauseMs = PAUSE_MIN_MS;
  private ended = 0;
  private found = false;
  private cleanLooks = 0;
  private awaken: () => void = () => {};
  /** Woken while it looked: then the next pause is left out. */
  private woken = false;

  constructor(lookout: Lookout, quarry: Quarry, graceMs: number) {
    this.lookout = lookout;
    this.quarry = quarry;
    this.insistAtMs = performance.now() + graceMs;
  }

  /** Of two deadlines the earlier counts. */
  advance(graceMs: number): void {
    const insistAtMs = performance.now() + graceMs;
    if (insistAtMs >= this.insistAtMs) return;
    this.insistAtMs = insistAtMs;
    this.wake();
  }

  /** Look again now. */
  wake(): void {
    this.pauseMs = PAUSE_MIN_MS;
    this.woken = true;
    this.awaken();
  }

  async run(): Promise<HuntResult> {
    for (;;) {
      this.woken = false;
      const isPatient = this.quarry.unreapedLeader() === null && !this.found;
      const all = await this.lookout.look(isPatient);
      const alive = this.takeTurn(all);
      const givenUp = performance.now() >= this.insistAtMs + GIVE_UP_MS;
      // A process that forks while we look can hide behind the order of pids: where there was one, look twice.
      const clean = this.cleanLooks >= (this.found ? 2 : 1);
      if (this.quarry.mayConclude() && (clean || givenUp)) {
        return { ended: Math.max(0, this.ended - alive), survivors: alive };
      }
      await this.pause();
    }
  }

  /** Signals what is to be signalled; returns how many are alive. */
  private takeTurn(all: readonly ProcessInfo[]): number {
    const wanted = this.select(all);
    const alive = wanted.filter((process) => process.alive);
    for (const process of alive) this.remember(process);
    if (performance.now() >= this.insistAtMs) {
      if (this.phase !== "insisted") this.pauseMs = PAUSE_MIN_MS;
      this.phase = "insisted";
      this.signal(alive, "SIGKILL");
    } else if (this.phase === "new") {
      this.phase = "asked";
      this.signal(alive, "SIGTERM");
    }
    const leader = this.quarry.unreapedLeader();
    if (alive.some((process) => process.pid !== leader)) this.found = true;
    const unsure = all.some((process) => process.unsure && !this.quarry.isOthers(process));
    this.cleanLooks = alive.length === 0 && !unsure ? this.cleanLooks + 1 : 0;
    return alive.length;
  }

  private select(all: readonly ProcessInfo[]): readonly ProcessInfo[] {
    const wanted = new Map<number, ProcessInfo>();
    for (const process of all) {
      const isKnown = this.known.get(process.pid) === process.start;
      if (isKnown || this.quarry.matches(process)) wanted.set(process.pid, process);
    }
    for (let before = -1; before !== wanted.size; ) {
      before = wanted.size;
      for (const process of all) if (wanted.has(process.parent)) wanted.set(process.pid, process);
    }
    return [...wanted.values()];
  }

  private remember(process: ProcessInfo): void {
    if (this.known.get(process.pid) === process.start) return;
    this.known.set(process.pid, process.start);
    this.ended++;
  }

  /** SIGCONT after SIGTERM, since a stopped process would not notice. */
  private signal(alive: readonly ProcessInfo[], signal: "SIGTERM" | "SIGKILL"): void {
    const signals: readonly NodeJS.Signals[] = signal === "SIGTERM" ? ["SIGTERM", "SIGCONT"] : ["SIGKILL"];
    const leader = this.quarry.unreapedLeader();
    for (const each of signals) if (leader !== null) trySignal(-leader, each);
    for (const process of alive) {
      if (leader !== null && process.group === leader) continue;
      for (const each of signals) signalProcess(process, each);
    }
  }

  private pause(): Promise<void> {
    if (this.woken) return Promise.resolve();
    const untilInsistMs = Math.max(0, this.insistAtMs - performance.now());
    let pauseMs = this.pauseMs;
    if (this.phase !== "insisted")
      pauseMs = this.quarry.mayConclude() ? Math.min(pauseMs, untilInsistMs) : untilInsistMs;
    this.pauseMs = Math.min(PAUSE_MAX_MS, this.pauseMs * 2);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(pauseMs, TIMER_MS_MAX));
      this.awaken = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
