/** Settings of the state folder (`qrew config`) that the actors heed; read when a manager starts. */
import { readSettings, type SettingKey } from "../src/client/settings.ts";

export interface ActorSettings {
  /** Deaths of what runs it that a task may be blamed for: with the last of them it fails. Twice may be bad company. */
  readonly crashLimit: number;
  /** A QWorker or TaskExecutor that says nothing for so long is killed and replaced. */
  readonly leaseMs: number;
  /** Tasks go on for so long without QManager and QWorker. */
  readonly orphanMs: number;
}

/** Throws `usage` for settings that cannot be read: what was meant for safety must not be overlooked. */
export function readActorSettings(home: string): ActorSettings {
  const settings = readSettings(home);
  const numberOf = (key: SettingKey, usual: number): number => Number(settings.get(key) ?? usual);
  return {
    crashLimit: numberOf("daemon.crashLimit", 3),
    leaseMs: numberOf("daemon.leaseSeconds", 60) * 1000,
    orphanMs: numberOf("daemon.orphanSeconds", 24 * 3600) * 1000,
  };
}
