/**
 * A copy of a state folder while its daemon works or not: the stores and the files of long outputs. The manager's store comes first:
 * the queue then knows of no job, and no end of one, that is not in the stores of the seats. What runs is not in it.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { QrewError } from "../../../protocol/errors.ts";
import { QREW_VERSION } from "../../../protocol/version.ts";
import { MANAGER_SCHEMA, WORKER_SCHEMA } from "../schema.ts";
import { copyFiles } from "./copyFiles.ts";
import { copyStore, syncFile } from "./copyStore.ts";
import { type Manifest, writeManifest } from "./manifest.ts";
import { MANAGER_STORE, OUTPUT_FOLDER, storeNames } from "./names.ts";
import { instanceOf } from "./readSound.ts";

/** Makes the folder `target`. Throws `refused` when it is there, `notFound` when there is nothing to back up. */
export async function backUp(home: string, target: string): Promise<Omit<Manifest, "version">> {
  if (existsSync(target))
    throw new QrewError(
      "refused",
      `${target} is there already: name a folder that is not, a backup is never overwritten.`,
    );
  if (!storeNames(home).includes(MANAGER_STORE))
    throw new QrewError("notFound", `There is nothing to back up in ${home}: nothing was run there yet.`);
  const partial = `${target}.partial`;
  if (existsSync(partial))
    throw new QrewError(
      "refused",
      `${partial} is there: another backup makes it, or was interrupted; then remove it.`,
    );
  makeFolder(partial);
  try {
    const manifest = await fill(home, partial);
    renameSync(partial, target);
    syncFile(path.dirname(target));
    return manifest;
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new QrewError(
      "refused",
      `${folder} cannot be made (${why}): name a folder in one that is there.`,
      [],
      {
        cause: error,
      },
    );
  }
}

async function fill(home: string, folder: string): Promise<Omit<Manifest, "version">> {
  const stores: Manifest["stores"] = [];
  const copy = async (name: string): Promise<void> => {
    const schema = name === MANAGER_STORE ? MANAGER_SCHEMA : WORKER_SCHEMA;
    const { entries, bytes } = await copyStore(path.join(home, name), path.join(folder, name), schema);
    stores.push({ name, entries, bytes });
  };
  await copy(MANAGER_STORE);
  for (const name of storeNames(home)) if (name !== MANAGER_STORE) await copy(name);
  const output = path.join(home, OUTPUT_FOLDER);
  const outputBytes = existsSync(output) ? copyFiles(output, path.join(folder, OUTPUT_FOLDER)) : 0;
  const manifest = {
    packageVersion: QREW_VERSION,
    createdAtMs: Date.now(),
    home,
    instance: await instanceOf(path.join(folder, MANAGER_STORE)),
    stores,
    outputBytes,
  };
  writeManifest(folder, manifest);
  return manifest;
}
