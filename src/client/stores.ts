/** The stores of a state folder, opened read-only when they are first asked for. No manager is needed to read them. */
import path from "node:path";
import { QrewError } from "../../protocol/errors.ts";
import { type SeatNumber, seatStoreName } from "../../protocol/ids.ts";
import { openLmdbStore } from "../store/lmdb.ts";
import type { Store } from "../store/port.ts";
import { checkSchema } from "../store/schema.ts";

export const MANAGER_STORE_NAME = "manager";

export class Stores {
  readonly #folder: string;
  readonly #open = new Map<string, Store>();

  constructor(stateFolder: string) {
    this.#folder = stateFolder;
  }

  /** The queue; null before the first daemon. Throws `storeDamaged`. */
  manager(): Store | null {
    return this.#store(MANAGER_STORE_NAME);
  }

  /** Tasks and outputs of the jobs of a seat; null before its first QWorker. */
  seat(seat: SeatNumber): Store | null {
    return this.#store(seatStoreName(seat));
  }

  async close(): Promise<void> {
    const stores = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(stores.map((store) => store.close()));
  }

  /** An absent store is looked for again at the next call: it may have been made meanwhile. */
  #store(name: string): Store | null {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const store = openExisting(path.join(this.#folder, name));
    if (store === null) return null;
    this.#open.set(name, store);
    store.read((reader) => checkSchema(reader, name));
    return store;
  }
}

function openExisting(folder: string): Store | null {
  try {
    return openLmdbStore(folder, { readOnly: true });
  } catch (error) {
    if (error instanceof QrewError && error.code === "notFound") return null;
    throw error;
  }
}
