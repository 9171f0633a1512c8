/** Deletes what is left of a job in the manager's store and beside the stores; each part may be gone already. */
import { rm } from "node:fs/promises";
import path from "node:path";
import type { JobSeq } from "../protocol/ids.ts";
import { type Deletion, finishDeletion, listDeletions, markDeleted } from "../src/store/deletions.ts";
import type { Store } from "../src/store/port.ts";

/** The jobs of these that have ended: from now on they are there for nobody. */
export function markAllDeleted(store: Store, jobs: readonly JobSeq[], folders: boolean): readonly Deletion[] {
  if (jobs.length === 0) return [];
  return store.write((writer) =>
    jobs.map((job) => markDeleted(writer, job, folders)).filter((deletion) => deletion !== null),
  );
}

export async function clearAway(store: Store, home: string, job: JobSeq): Promise<void> {
  const deletion = store.read(listDeletions).find((found) => found.job === job);
  if (deletion === undefined) return;
  const options = { recursive: true, force: true } as const;
  await rm(path.join(home, "output", String(job)), options);
  if (deletion.folders) await rm(path.join(home, "jobs", String(job)), options);
  store.write((writer) => finishDeletion(writer, job));
}
