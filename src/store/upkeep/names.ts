/** Which stores a state folder, or a backup of one, has. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { type SeatNumber, seatNumber } from "../../../protocol/ids.ts";
import { dataFileOf } from "../lmdbMeta.ts";

export const MANAGER_STORE = "manager";
/** Files of outputs that are too long for the stores. */
export const OUTPUT_FOLDER = "output";

/** The manager's first, then those of the seats by number. */
export function storeNames(folder: string): readonly string[] {
  const found = readdirSync(folder).filter((name) => existsSync(dataFileOf(path.join(folder, name))));
  const seats = found.filter((name) => seatOfStore(name) !== null).sort();
  return found.includes(MANAGER_STORE) ? [MANAGER_STORE, ...seats] : seats;
}

/** `worker-03` is of seat 3; null for what is no store of a seat. */
export function seatOfStore(name: string): SeatNumber | null {
  const digits = /^worker-(\d{2,})$/.exec(name)?.[1];
  return digits === undefined ? null : seatNumber(Number(digits));
}
