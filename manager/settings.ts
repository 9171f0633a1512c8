/** Settings of the state folder (`qrew config`) that the actors heed; read when a manager starts. */
import { assert } from "../protocol/errors.ts";
import { FINAL_JOB_STATES } from "../protocol/states.ts";
import { readSettings, type SettingKey, type Settings } from "../src/client/settings.ts";
import { readDuration } from "../src/workflow/quantity.ts";
import type { PrunePolicy } from "./core/state.ts";

export interface ActorSettings {
  /** Deaths of what runs it that a task may be blamed for: with the last of them it fails. Twice may be bad company. */
  readonly crashLimit: number;
  /** A QWorker or TaskExecutor that says nothing for so long is killed and replaced. */
  readonly leaseMs: number;
  /** Tasks go on for so long without QManager and QWorker. */
  readonly orphanMs: number;
  /** Null: nothing is deleted by itself. */
  readonly prune: PrunePolicy | null;
}

/** Throws `usage` for settings that cannot be read: what was meant for safety must not be overlooked. */
export function readActorSettings(home: string): ActorSettings {
  const settings = readSettings(home);
  const numberOf = (key: SettingKey, usual: number): number => Number(settings.get(key) ?? usual);
  return {
    crashLimit: numberOf("daemon.crashLimit", 3),
    leaseMs: numberOf("daemon.leaseSeconds", 60) * 1000,
    orphanMs: numberOf("daemon.orphanSeconds", 24 * 3600) * 1000,
    prune: prunePolicyOf(settings),
  };
}

/** States and folders alone are no policy: they would delete every job the moment it has ended. */
function prunePolicyOf(settings: Settings): PrunePolicy | null {
  const olderThan = settings.get("prune.olderThan");
  const keep = settings.get("prune.keep");
  if (olderThan === undefined && keep === undefined) return null;
  const age = readDuration(olderThan ?? 0, 0);
  assert(age.ok, "the settings were checked when they were read");
  const states = settings.get("prune.state")?.split(",") ?? FINAL_JOB_STATES;
  return {
    olderThanMs: age.amount,
    keep: Number(keep ?? 0),
    states: FINAL_JOB_STATES.filter((state) => states.includes(state)),
    folders: settings.get("prune.folders") === "yes",
  };
}
