/** The node's processes: born with a pid, frozen and continued, ended at any moment; and its two clocks. */
import type { ProcessName } from "../../src/node/process.ts";
import type { Timeline } from "./timeline.ts";

const POLL_MS = 250;
/** Wall and monotonic clock differ, so that a mistaken one shows. */
const WALL_OFFSET_MS = 1_700_000_000_000;

export class SimProcess {
  readonly pid: number;
  readonly name: string;
  readonly #timeline: Timeline;
  #state: "running" | "frozen" | "ended" = "running";
  /** What arrived for it while it was frozen. */
  #held: (() => void)[] = [];
  #watchers: (() => void)[] = [];

  constructor(timeline: Timeline, pid: number, name: string) {
    this.#timeline = timeline;
    this.pid = pid;
    this.name = name;
  }

  get isAlive(): boolean {
    return this.#state !== "ended";
  }

  get isFrozen(): boolean {
    return this.#state === "frozen";
  }

  /** Does it now, or when it is continued; never when it has ended. */
  run(act: () => void): void {
    if (this.#state === "running") act();
    else if (this.#state === "frozen") this.#held.push(act);
  }

  after(delayMs: number, act: () => void): void {
    this.#timeline.after(delayMs, () => this.run(act));
  }

  /** Told by the kernel, whatever the watcher is. */
  onEnd(watcher: () => void): void {
    if (this.#state === "ended") watcher();
    else this.#watchers.push(watcher);
  }

  end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#held = [];
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }

  freeze(): void {
    if (this.#state === "running") this.#state = "frozen";
  }

  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#state = "running";
    const held = this.#held;
    this.#held = [];
    for (const act of held) this.#timeline.after(0, () => this.run(act));
  }
}

export class Machine {
  readonly timeline: Timeline;
  readonly #processes = new Map<number, SimProcess>();
  #nextPid = 100;
  #bootedAtMs = 0;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
  }

  monoMs(): number {
    return this.timeline.nowMs - this.#bootedAtMs;
  }

  wallMs(): number {
    return WALL_OFFSET_MS + this.timeline.nowMs;
  }

  /** The time of the boot is in it. */
  get bootId(): string {
    return `boot-${this.#bootedAtMs}`;
  }

  spawn(name: string): SimProcess {
    const process = new SimProcess(this.timeline, this.#nextPid++, name);
    this.#processes.set(process.pid, process);
    process.onEnd(() => this.#processes.delete(process.pid));
    return process;
  }

  nameOf({ pid }: SimProcess): ProcessName {
    return { pid, startTime: String(pid * 7), bootId: this.bootId };
  }

  find({ pid, bootId }: ProcessName): SimProcess | null {
    return bootId === this.bootId ? (this.#processes.get(pid) ?? null) : null;
  }

  /** As src/node/processWatch.ts: for who is not the parent. The returned function looks at once. */
  watch(by: SimProcess, name: ProcessName, onGone: () => void): () => void {
    let told = false;
    const look = (): void => {
      if (told || this.find(name) !== null) return;
      told = true;
      onGone();
    };
    const poll = (): void => {
      look();
      if (!told) by.after(POLL_MS, poll);
    };
    by.after(POLL_MS, poll);
    return look;
  }

  living(): readonly SimProcess[] {
    return [...this.#processes.values()];
  }

  /** SIGKILL, and then what follows: the process is gone a moment later, also when it was frozen. */
  endForCertain(by: SimProcess, name: ProcessName, then: () => void): void {
    const victim = this.find(name);
    if (victim === null) return then();
    by.after(1, () => {
      victim.end();
      by.after(5, then);
    });
  }

  /** A power cut: nothing lives on, and the monotonic clock begins anew. */
  reboot(): void {
    for (const process of this.living()) process.end();
    this.#bootedAtMs = this.timeline.nowMs;
  }
}
