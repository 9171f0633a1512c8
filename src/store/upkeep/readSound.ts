/** Looks into a store that nobody writes, and that may be damaged. */
import { QrewError } from "../../../protocol/errors.ts";
import { openLmdbStore } from "../lmdb.ts";
import { readInstance } from "../managerStore.ts";
import { damageOf } from "../pageSurvey.ts";
import type { StoreReader } from "../port.ts";

/** Null where there is no store, or none that can be read. */
export async function readSound<Result>(
  folder: string,
  read: (reader: StoreReader) => Result,
): Promise<Result | null> {
  if (damageOf(folder) !== null) return null;
  try {
    const store = openLmdbStore(folder, { readOnly: true });
    try {
      return store.read(read);
    } finally {
      await store.close();
    }
  } catch (error) {
    const { code } = QrewError.from(error);
    if (code === "notFound" || code === "storeDamaged") return null;
    throw error;
  }
}

/** Of a manager's store; null where no manager has given it one, or it cannot be read. */
export const instanceOf = (managerStore: string): Promise<string | null> =>
  readSound(managerStore, readInstance);
