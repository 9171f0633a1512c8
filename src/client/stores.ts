/**
 * The stores of a state folder, opened read-only when they are first asked for. No manager is needed to read them.
 *
 * A process may open an LMDB environment only once (its file locks are lost with the first close of two), so all readers
 * of a process share the open stores, and the last one closes them.
 */
import path from "node:path";
import { QrewError } from "../../protocol/errors.ts";
import { type SeatNumber, seatStoreName } from "../../protocol/ids.ts";
import { openLmdbStore } from "../store/lmdb.ts";
import type { Store } from "../store/port.ts";
import { checkSchema, MANAGER_SCHEMA, type Schema, WORKER_SCHEMA } from "../store/schema.ts";

const MANAGER_STORE_NAME = "manager";

interface SharedStore {
  readonly store: Store;
  users: number;
}

const sharedStores = new Map<string, SharedStore>();

export class Stores {
  readonly #folder: string;
  /** Those that this reader uses, by name. */
  readonly #used = new Map<string, Store>();

  constructor(stateFolder: string) {
    this.#folder = stateFolder;
  }

  /** The queue; null before the first daemon. Throws `storeDamaged`. */
  manager(): Store | null {
    return this.#store(MANAGER_STORE_NAME, MANAGER_SCHEMA);
  }

  /** Tasks and outputs of the jobs of a seat; null before its first QWorker. */
  seat(seat: SeatNumber): Store | null {
    return this.#store(seatStoreName(seat), WORKER_SCHEMA);
  }

  async close(): Promise<void> {
    const names = [...this.#used.keys()];
    this.#used.clear();
    await Promise.all(names.map((name) => release(path.join(this.#folder, name))));
  }

  /** An absent store is looked for again at the next call: it may have been made meanwhile. */
  #store(name: string, schema: Schema): Store | null {
    const known = this.#used.get(name);
    if (known !== undefined) return known;
    const store = acquire(path.join(this.#folder, name));
    if (store === null) return null;
    this.#used.set(name, store);
    store.read((reader) => checkSchema(reader, name, schema));
    return store;
  }
}

function acquire(folder: string): Store | null {
  const shared = sharedStores.get(folder);
  if (shared !== undefined) {
    shared.users += 1;
    return shared.store;
  }
  try {
    const store = openLmdbStore(folder, { readOnly: true });
    sharedStores.set(folder, { store, users: 1 });
    return store;
  } catch (error) {
    if (error instanceof QrewError && error.code === "notFound") return null;
    throw error;
  }
}

async function release(folder: string): Promise<void> {
  const shared = sharedStores.get(folder);
  if (shared === undefined) return;
  shared.users -= 1;
  if (shared.users > 0) return;
  sharedStores.delete(folder);
  await shared.store.close();
}
