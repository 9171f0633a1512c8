/** What the importers of other tools' files are given, and what they share. */
import type { ImportSettings } from "../../../protocol/clientLink.ts";
import type { Locate, Place } from "../fault.ts";
import { atPosition, wholeDocument } from "../fault.ts";

/** Files as the tasks of the job will see them: relative paths are those of the folder in which the job runs. */
export interface JobFiles {
  exists(path: string): boolean;
  /** The names in a folder, sorted; null if it cannot be read, or has more than a million. */
  list(path: string): readonly string[] | null;
  /** Null if it cannot be read as a file of at most so many bytes; without a limit, of the size that workflows have. */
  read(path: string, bytesMax?: number): Uint8Array | null;
}

export interface ImportContext extends ImportSettings {
  /** Of the submitter: what a variable stands for that the file does not set. */
  readonly environment: Readonly<Record<string, string>>;
  /** Null: nothing is known of them, so no file is missed, and nested workflows are refused. */
  readonly files: JobFiles | null;
  /** The program that stands for the tasks of a recorded workflow, and its first arguments. */
  readonly replayCommand: readonly string[];
}

/** Recorded times as they are, files empty, no variables of JX. */
export const usualImport: ImportSettings = { format: null, timeScale: 1, sizeScale: 0, jx: [] };

/** A task of a qrew document as an importer writes it. */
export interface ImportedTask {
  readonly name: string;
  readonly depends?: readonly string[];
  readonly command?: string | readonly string[];
  readonly executor?: "noop";
  readonly params?: { readonly env?: Readonly<Record<string, string>>; readonly workdir?: string };
  readonly outputs?: readonly string[];
  readonly resources?: Readonly<Record<string, number | string>>;
  readonly timeout?: string;
}

/** A qrew document; `checkDocument` takes it as it takes one that a person wrote. */
export interface ImportedDocument {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly defaults?: Readonly<Record<string, unknown>>;
  readonly tasks: readonly ImportedTask[];
}

/** Faults of the document that was made stand where the task comes from in the file that was read. */
export function locateByTask(taskPlaces: readonly Place[], locate: Locate): Locate {
  return (places) => locate(places.map((place) => originOf(place, taskPlaces)));
}

function originOf(place: Place, taskPlaces: readonly Place[]): Place {
  if (place.type !== "value" && place.type !== "key") return place;
  const [list, index] = place.path;
  if (list === undefined) return wholeDocument;
  // The faults of an importer itself have paths of the file that was read.
  if (list !== "tasks" || typeof index !== "number") return place;
  return taskPlaces[index] ?? atPosition(1, 1);
}
