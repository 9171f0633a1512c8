/** The task processes of the node: what the forkservers start, and what the invariants look at. */
import { type AttemptId, attemptKey, type SeatNumber } from "../../protocol/ids.ts";
import { TaskRun, taskKey } from "./taskRun.ts";
import type { World } from "./world.ts";

export class Tasks {
  readonly #world: World;
  readonly #live = new Set<TaskRun>();
  /** Runs of each task that came to their own end. */
  readonly #completed = new Map<string, number>();
  #nextPid = 1_000_000;

  constructor(world: World) {
    this.#world = world;
  }

  start(id: AttemptId, seat: SeatNumber): TaskRun {
    const script = this.#world.scriptOf(id);
    const isFailure = (this.#completed.get(taskKey(id)) ?? 0) < script.failures;
    const run = new TaskRun(
      this.#world.timeline,
      id,
      seat,
      script,
      isFailure ? 1 : 0,
      this.#nextPid++,
      (ended) => this.#ended(ended),
    );
    this.#world.invariants.onStart(run, this.living());
    this.#live.add(run);
    this.#world.note("task", `starts ${attemptKey(id)} ${script.name}`);
    return run;
  }

  #ended(run: TaskRun): void {
    this.#live.delete(run);
    const { outcome } = run;
    if (!run.wasStopped)
      this.#completed.set(taskKey(run.id), (this.#completed.get(taskKey(run.id)) ?? 0) + 1);
    this.#world.invariants.onEnd(run);
    this.#world.note("task", `ended ${attemptKey(run.id)} ${outcome?.type ?? ""}`);
  }

  living(): readonly TaskRun[] {
    return [...this.#live];
  }

  liveOf(seat: SeatNumber): readonly TaskRun[] {
    return this.living().filter((run) => run.seat === seat);
  }

  /** The machine is gone. */
  killAll(): void {
    for (const run of this.living()) {
      run.orphan();
      run.kill();
    }
  }
}
