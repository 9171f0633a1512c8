/** Makes stores as small as what they hold: a copy takes the place of the file by a rename, so there is always a whole one. */
import { renameSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { QrewError } from "../../../protocol/errors.ts";
import { processesWithOpen } from "../../node/processesOfHome.ts";
import { dataFileOf } from "../lmdbMeta.ts";
import { surveyPages } from "../pageSurvey.ts";
import { MANAGER_SCHEMA, WORKER_SCHEMA } from "../schema.ts";
import { copyStore, syncFile } from "./copyStore.ts";
import { MANAGER_STORE, storeNames } from "./names.ts";
import { whileOffline } from "./offline.ts";
import { instanceOf } from "./readSound.ts";

export interface Compacted {
  readonly name: string;
  readonly bytesBefore: number;
  readonly bytes: number;
}

/** Commands that read take well under a second. */
const READERS_GONE_MS = 10_000;
const LOOK_MS = 20;

/** Throws `refused` while a daemon lives, `storeDamaged`, `storeFull`; a store that was not reached is as it was. */
export async function compactStores(home: string): Promise<readonly Compacted[]> {
  const instance = await instanceOf(path.join(home, MANAGER_STORE));
  const instances = instance === null ? [] : [instance];
  return whileOffline(home, { work: "compact", instances }, async (folder) => {
    const compacted: Compacted[] = [];
    for (const name of storeNames(home)) compacted.push(await compactStore(home, folder, name));
    return compacted;
  });
}

async function compactStore(home: string, folder: string, name: string): Promise<Compacted> {
  const file = dataFileOf(path.join(home, name));
  const { bytes: bytesBefore } = surveyPages(file);
  const copy = path.join(folder, name);
  const { bytes } = await copyStore(
    path.join(home, name),
    copy,
    name === MANAGER_STORE ? MANAGER_SCHEMA : WORKER_SCHEMA,
  );
  // Who has the old file open shares its table of readers with whoever opens the new one, and that one knows the old transactions.
  await untilClosed(file);
  renameSync(dataFileOf(copy), file);
  syncFile(path.dirname(file));
  return { name, bytesBefore, bytes };
}

async function untilClosed(file: string): Promise<void> {
  const deadlineMs = performance.now() + READERS_GONE_MS;
  for (let pids = processesWithOpen(file); pids.length > 0; pids = processesWithOpen(file)) {
    if (performance.now() > deadlineMs)
      throw new QrewError("refused", `Process ${pids[0]} reads ${file}: end it, then compact again.`);
    await delay(LOOK_MS);
  }
}
