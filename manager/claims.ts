/**
 * What a manager asks the seats' stores before it gives jobs away: once in each run of the machine, what they have that its own store
 * has forgotten (src/store/claims.ts); and where its own store is new, whether there was one that is lost.
 */
import path from "node:path";
import { QrewError } from "../protocol/errors.ts";
import { type SeatNumber, seatStoreName } from "../protocol/ids.ts";
import { bootId, isLiving } from "../src/node/process.ts";
import { areClaimsRead, claimSeats } from "../src/store/claims.ts";
import { openLmdbStore, restoreAfterPowerCut } from "../src/store/lmdb.ts";
import { readHolder } from "../src/store/managerStore.ts";
import type { Store, StoreReader } from "../src/store/port.ts";
import { seatOfStore, storeNames } from "../src/store/upkeep/names.ts";
import { listWorkerJobs, readSeatHolder } from "../src/store/workerStore.ts";

/** `warn` is told of stores that cannot be read. */
export async function askSeats(home: string, store: Store, warn: (message: string) => void): Promise<void> {
  if (areClaimsRead(store, bootId())) return;
  await restoreSeats(home, warn);
  const opened: Store[] = [];
  const storeOf = (seat: SeatNumber): Store | null => {
    try {
      const seatStore = openLmdbStore(path.join(home, seatStoreName(seat)), { readOnly: true });
      opened.push(seatStore);
      return seatStore;
    } catch {
      // What cannot be read goes on with nothing either.
      return null;
    }
  };
  try {
    claimSeats(store, seatsIn(home), bootId(), storeOf);
  } finally {
    await Promise.all(opened.map((seatStore) => seatStore.close()));
  }
}

/** By their stores: the manager may have forgotten a seat as well. */
const seatsIn = (home: string): readonly SeatNumber[] =>
  storeNames(home).flatMap((name) => seatOfStore(name) ?? []);

/** The first manager since the machine was started: no QWorker has a seat's store open, and some may never have one again. */
async function restoreSeats(home: string, warn: (message: string) => void): Promise<void> {
  for (const seat of seatsIn(home)) {
    const name = seatStoreName(seat);
    try {
      await restoreAfterPowerCut(path.join(home, name));
    } catch (error) {
      // Whoever opens it is told.
      warn(`${name} is not restored: ${QrewError.from(error).message}`);
    }
  }
}

/**
 * For a manager whose store is new. Seats with jobs, or with a QWorker that lives, are what is left of a manager's store that is lost:
 * its numbers would be given again, and new jobs taken for old ones. Throws `storeDamaged`.
 */
export async function refuseLostStore(home: string, store: Store): Promise<void> {
  const isNew = (): boolean => store.read(readHolder) === null;
  if (!isNew()) return;
  const left: string[] = [];
  for (const name of seatsIn(home).map(seatStoreName))
    if (await isInUse(path.join(home, name))) left.push(name);
  // Another manager may have been faster, and they are its.
  if (left.length === 0 || !isNew()) return;
  throw new QrewError(
    "storeDamaged",
    `${home} has stores with jobs (${left.join(", ")}), but the one that knew them, ${path.join(home, "manager")}, is gone. Put it ` +
      "back, or a whole backup with `qrew store restore --replace`; to begin anew without those jobs, move the others away.",
  );
}

/** What cannot be read may hold anything. */
async function isInUse(folder: string): Promise<boolean> {
  try {
    await restoreAfterPowerCut(folder);
    const store = openLmdbStore(folder, { readOnly: true });
    try {
      return store.read((reader) => listWorkerJobs(reader).length > 0 || hasLivingHolder(reader));
    } finally {
      await store.close();
    }
  } catch {
    return true;
  }
}

function hasLivingHolder(reader: StoreReader): boolean {
  const holder = readSeatHolder(reader);
  return holder !== null && isLiving(holder);
}
