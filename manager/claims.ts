/** Asks the seats' stores, once in each run of the machine, what they have of jobs that by the manager's store nobody has. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { type SeatNumber, seatNumber, seatStoreName } from "../protocol/ids.ts";
import { bootId } from "../src/node/process.ts";
import { claimSeats } from "../src/store/claims.ts";
import { openLmdbStore } from "../src/store/lmdb.ts";
import type { Store } from "../src/store/port.ts";

const STORE_NAME = /^worker-(\d+)$/;

export async function askSeats(home: string, store: Store): Promise<void> {
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
  readdirSync(home).flatMap((name) => {
    const number = STORE_NAME.exec(name)?.[1];
    return number === undefined ? [] : [seatNumber(Number(number))];
  });
