/**
 * Puts a backup in the place of a state, or into an empty state folder. It becomes an instance of its own: what an earlier one has
 * started is none of its attempts, and no number or epoch is given again. So attempts that ran when the backup was made are lost, and
 * repeated.
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import path from "node:path";
import { QrewError } from "../../../protocol/errors.ts";
import { openLmdbStore } from "../lmdb.ts";
import { putSeat, raiseNextJob, readJob, readNextJob, readSeat, replaceInstance } from "../managerStore.ts";
import type { Store } from "../port.ts";
import { MANAGER_SCHEMA, WORKER_SCHEMA } from "../schema.ts";
import { deleteWorkerJob, listWorkerJobs, moveOutputs, readEpoch } from "../workerStore.ts";
import { copyFiles } from "./copyFiles.ts";
import { copyStore, syncFile } from "./copyStore.ts";
import { instanceOf, readSound } from "./readSound.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { MANAGER_STORE, OUTPUT_FOLDER, seatOfStore, storeNames } from "./names.ts";
import { whileOffline } from "./offline.ts";

export interface RestoreOptions {
  readonly home: string;
  readonly backup: string;
  /** What is there is kept aside; without it that is refused. */
  readonly replace: boolean;
}

export interface Restored {
  readonly manifest: Manifest;
  /** Where the state before is kept; null where there was none. */
  readonly asideFolder: string | null;
}

/** Beside the stores, what belongs to the state that is replaced. */
const REPLACED_FOLDERS = [OUTPUT_FOLDER, "spool", "staging"];

/** Throws `refused` while a process of either state lives, or when there is a state and it is not to be replaced. */
export async function restoreBackup({ home, backup, replace }: RestoreOptions): Promise<Restored> {
  const manifest = readManifest(backup);
  const current = await instanceOf(path.join(home, MANAGER_STORE));
  const instances = [manifest.instance, current].filter((instance) => instance !== null);
  const isEmpty = replacedNames(home).length === 0;
  if (!isEmpty && !replace)
    throw new QrewError(
      "refused",
      `There is a state in ${home}: use --replace, which keeps it aside, or set QREW_HOME.`,
    );
  return whileOffline(home, { work: "restore", instances }, async (made, markHalfway) => {
    for (const { name } of manifest.stores) {
      const schema = seatOfStore(name) === null ? MANAGER_SCHEMA : WORKER_SCHEMA;
      await copyStore(path.join(backup, name), path.join(made, name), schema);
    }
    if (existsSync(path.join(backup, OUTPUT_FOLDER)))
      copyFiles(path.join(backup, OUTPUT_FOLDER), path.join(made, OUTPUT_FOLDER));
    await settle(made, home, manifest.home);
    markHalfway();
    const asideFolder = isEmpty ? null : setAside(home);
    for (const name of readdirSync(made)) renameSync(path.join(made, name), path.join(home, name));
    syncFile(home);
    return { manifest, asideFolder };
  });
}

const replacedNames = (home: string): readonly string[] => [
  ...storeFolders(home),
  ...REPLACED_FOLDERS.filter((name) => existsSync(path.join(home, name))),
];

/** Also of stores that are too damaged to have a file. */
const storeFolders = (home: string): readonly string[] =>
  readdirSync(home).filter((name) => name === MANAGER_STORE || seatOfStore(name) !== null);

/** The manager's store first: what is left over of an interrupted move is no state that a manager would take for one. */
function setAside(home: string): string {
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const aside = path.join(home, `replaced-${stamp}`);
  mkdirSync(aside, { mode: 0o700 });
  for (const name of replacedNames(home)) renameSync(path.join(home, name), path.join(aside, name));
  syncFile(aside);
  return aside;
}

/** Makes a store that was copied from a running daemon one with which the next one can begin. */
async function settle(made: string, home: string, homeBefore: string): Promise<void> {
  const manager = openLmdbStore(path.join(made, MANAGER_STORE));
  try {
    let nextJob = Math.max(await nextJobOf(home), nextFreshFolder(home));
    for (const name of storeNames(made)) {
      const seat = seatOfStore(name);
      if (seat === null) continue;
      const store = openLmdbStore(path.join(made, name));
      try {
        nextJob = Math.max(nextJob, await settleSeat(store, manager, homeBefore, home));
        const known = manager.read((reader) => readSeat(reader, seat))?.epoch ?? 0;
        const epoch = Math.max(known, store.read(readEpoch), await epochOf(path.join(home, name)));
        manager.write((writer) => putSeat(writer, { seat, epoch, pid: 0, startTime: "", bootId: "" }));
      } finally {
        await store.close();
      }
    }
    manager.write((writer) => {
      replaceInstance(writer, randomUUID());
      raiseNextJob(writer, nextJob);
    });
    await manager.flushed();
  } finally {
    await manager.close();
  }
}

/** The store of a seat is a little younger than the queue. Returns the first number after those of its jobs. */
async function settleSeat(store: Store, manager: Store, homeBefore: string, home: string): Promise<number> {
  const epoch = store.read(readEpoch);
  let nextJob = 1;
  for (const { job } of store.read(listWorkerJobs)) {
    nextJob = Math.max(nextJob, job + 1);
    const isKnown = manager.read((reader) => readJob(reader, job)) !== null;
    if (!isKnown) await deleteWorkerJob(store, epoch, job);
  }
  if (homeBefore !== home)
    await moveOutputs(store, epoch, path.join(homeBefore, OUTPUT_FOLDER), path.join(home, OUTPUT_FOLDER));
  await store.flushed();
  return nextJob;
}

/** The first number that the state in `home` has not given, as far as its stores can be read. */
async function nextJobOf(home: string): Promise<number> {
  let next = (await readSound(path.join(home, MANAGER_STORE), (reader) => Number(readNextJob(reader)))) ?? 1;
  for (const name of storeFolders(home)) {
    if (seatOfStore(name) === null) continue;
    const jobs = await readSound(path.join(home, name), listWorkerJobs);
    for (const { job } of jobs ?? []) next = Math.max(next, job + 1);
  }
  return next;
}

const epochOf = async (seatStore: string): Promise<number> => (await readSound(seatStore, readEpoch)) ?? 0;

/** Fresh folders of jobs stay where they are; a later job must not find one of an earlier. */
function nextFreshFolder(home: string): number {
  const folder = path.join(home, "jobs");
  if (!existsSync(folder)) return 1;
  const numbers = readdirSync(folder).map(Number).filter(Number.isSafeInteger);
  return numbers.reduce((most, number) => Math.max(most, number), 0) + 1;
}
