/** The version of what a store holds: a qrew never reads or writes a store that it does not understand. */
import { QrewError } from "../../protocol/errors.ts";
import { wordKey } from "./keys.ts";
import type { Store, StoreReader } from "./port.ts";
import { packU32, unpackU32 } from "./record.ts";

/** Raised with every change of the tables or records that an older qrew would misread. */
export const SCHEMA_VERSION = 1;

const PLACE = { table: "meta", key: wordKey("schema") } as const;

/** Null in a store that its writer has not prepared yet; such a store is empty. */
export function readSchemaVersion(reader: StoreReader): number | null {
  const bytes = reader.get(PLACE.table, PLACE.key);
  return bytes === undefined ? null : unpackU32(bytes, PLACE);
}

/** For every opener. Throws `storeDamaged` for a store of another version. `name` is for the message. */
export function checkSchema(reader: StoreReader, name: string): void {
  const version = readSchemaVersion(reader);
  if (version === null || version === SCHEMA_VERSION) return;
  const other = version > SCHEMA_VERSION ? "a newer" : "an older";
  throw new QrewError(
    "storeDamaged",
    `The store ${name} was written by ${other} qrew (format ${version}, this one reads ${SCHEMA_VERSION}): ` +
      `use that qrew, or set QREW_HOME to another folder.`,
  );
}

/** For the writer, once after opening: checks the version, or writes it into a new store. */
export function prepareSchema(store: Store, name: string): void {
  store.write((writer) => {
    checkSchema(writer, name);
    if (readSchemaVersion(writer) === null) writer.put(PLACE.table, PLACE.key, packU32(SCHEMA_VERSION));
  });
}
