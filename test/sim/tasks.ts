/** The task processes of the node: what the forkservers start, and what the invariants look at. */
import { type AttemptId, attemptKey, type SeatNumber } from "../../protocol/ids.ts";
import type { TaskScript } from "./scripts.ts";
import { TaskRun } from "./taskRun.ts";
import type { World } from "./world.ts";

export class Tasks {
  readonly #world: World;
  readonly #live = new Set<TaskRun>();
  /** Runs of each task that came to their own end, in all rounds. */
  readonly #completed = new Map<string, number>();
  /** Tasks that have made what they promised. */
  readonly #made = new Set<string>();
  readonly promises = new Set<string>();
  #nextPid = 1_000_000;

  constructor(world: World) {
    this.#world = world;
  }

  start(id: AttemptId, seat: SeatNumber): TaskRun {
    const script = this.#world.scriptOf(id);
    const isFailure = (this.#completed.get(nameOf(id, script)) ?? 0) < script.failures;
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
    if (!run.wasStopped) this.#completes(run);
    this.#world.invariants.onEnd(run);
    this.#world.note("task", `ended ${attemptKey(run.id)} ${outcome?.type ?? ""}`);
  }

  #completes({ id, script }: TaskRun): void {
    const name = nameOf(id, script);
    const completed = (this.#completed.get(name) ?? 0) + 1;
    this.#completed.set(name, completed);
    if (completed > script.failures + script.forgets) this.#made.add(name);
  }

  hasOutputs(id: AttemptId): boolean {
    const script = this.#world.invariants.seatedJob(id.job)?.version.tasks[id.task];
    return script === undefined || !script.promises || this.#made.has(nameOf(id, script));
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

/** Its number may be another one in the next round; its name stays. */
const nameOf = ({ job }: AttemptId, { name }: TaskScript): string => `${job}/${name}`;

/** What an attempt writes. */
export const outputText = (id: AttemptId, script: TaskScript): string =>
  `${nameOf(id, script)} in attempt ${id.attempt}`;
