/** A copy of a store as one of its snapshots: compact, on disk, and looked at before anybody trusts it. */
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync } from "node:fs";
import { QrewError } from "../../../protocol/errors.ts";
import { openLmdbStore } from "../lmdb.ts";
import { dataFileOf } from "../lmdbMeta.ts";
import { damageOf, type PageSurvey, surveyPages } from "../pageSurvey.ts";
import { checkSchema, type Schema } from "../schema.ts";

/**
 * Copies the store in `source` into the new folder `target`, while its writer works or not. Throws `storeDamaged` for a store that
 * cannot be read as a whole, `storeFull`; then `target` is not there.
 */
export async function copyStore(source: string, target: string, schema: Schema): Promise<PageSurvey> {
  const store = openLmdbStore(source, { readOnly: true });
  try {
    store.read((reader) => {
      surveyPages(dataFileOf(source));
      checkSchema(reader, source, schema);
    });
    mkdirSync(target, { recursive: true, mode: 0o700 });
    await store.copyTo(target);
    syncFile(dataFileOf(target));
    syncFile(target);
    const damage = damageOf(target);
    if (damage !== null) throw damage;
    return surveyPages(dataFileOf(target));
  } catch (error) {
    rmSync(target, { recursive: true, force: true });
    throw QrewError.from(error);
  } finally {
    await store.close();
  }
}

/** Also of folders, whose entries are lost otherwise. */
export function syncFile(file: string): void {
  const descriptor = openSync(file, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
