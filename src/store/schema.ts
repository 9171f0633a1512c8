/**
 * The version of what a store holds: a qrew never reads or writes a store that it does not understand. The writer of a store brings
 * an older one to the present version when it has taken it, in one transaction. Who holds a store (`holder`, `epoch`) is written
 * before that, so those records never change.
 */
import { QrewError } from "../../protocol/errors.ts";
import { wordKey } from "./keys.ts";
import type { Store, StoreReader, StoreWriter } from "./port.ts";
import { packU32, unpackU32 } from "./record.ts";

/** Brings the records of one version to the next. */
export type Migration = (writer: StoreWriter) => void;

/** What a kind of store has been through: element `n` leads from version `n + 1` to `n + 2`, so the length gives the present one. */
export interface Schema {
  readonly kind: "manager" | "worker";
  readonly migrations: readonly Migration[];
  /** The oldest version that readers understand as it is: what has come since, they do not miss. */
  readonly readableFrom: number;
}

/**
 * A change of tables or records that an older qrew would misread gets a migration; a field that has a default where it is absent
 * does not need one.
 */
const asItWas: Migration = () => undefined;

/** Version 2 writes the records of jobs as arrays (jobRows.ts), and reads both. */
export const MANAGER_SCHEMA: Schema = { kind: "manager", migrations: [asItWas], readableFrom: 1 };

/**
 * Version 2 has the table `noopEnds`, which an older qrew would miss; version 3 attempts of tasks that wait (`follows`), which it would send
 * again; version 4 records of jobs as arrays. A store without them is as it was.
 */
export const WORKER_SCHEMA: Schema = {
  kind: "worker",
  migrations: [asItWas, asItWas, asItWas],
  readableFrom: 1,
};

export const versionOf = ({ migrations }: Schema): number => migrations.length + 1;

const PLACE = { table: "meta", key: wordKey("schema") } as const;

/** Null in a store that its writer has not prepared yet: it holds nothing but who that is. */
export function readSchemaVersion(reader: StoreReader): number | null {
  const bytes = reader.get(PLACE.table, PLACE.key);
  return bytes === undefined ? null : unpackU32(bytes, PLACE);
}

/** For a reader. Throws `storeDamaged` for a store of another version. `name` is for the message. */
export function checkSchema(reader: StoreReader, name: string, schema: Schema): void {
  const version = readSchemaVersion(reader);
  if (version === null) return;
  if (version >= schema.readableFrom && version <= versionOf(schema)) return;
  if (version > versionOf(schema)) throw newer(name, version, schema);
  throw new QrewError(
    "storeDamaged",
    `The store ${name} was written by an older qrew (format ${version}, this one reads ${versionOf(schema)}): ` +
      "start the daemon, which brings it up to date, or use that qrew.",
  );
}

const newer = (name: string, version: number, schema: Schema): QrewError =>
  new QrewError(
    "storeDamaged",
    `The store ${name} was written by a newer qrew (format ${version}, this one reads ${versionOf(schema)}): ` +
      "use that qrew, or set QREW_HOME to another folder.",
  );

/** For the writer, before it writes anything: throws `storeDamaged` for a store of a newer qrew. */
export function refuseNewer(store: Store, name: string, schema: Schema): void {
  const version = store.read(readSchemaVersion);
  if (version !== null && version > versionOf(schema)) throw newer(name, version, schema);
}

/**
 * For the writer, when it has become the only one: brings an older store up to date, and writes the version into a new one. Throws
 * `storeDamaged` for one of a newer qrew, or of a version that there never was; the store is then as before.
 */
export function prepareSchema(store: Store, name: string, schema: Schema): void {
  const version = store.read(readSchemaVersion);
  if (version === versionOf(schema)) return;
  store.write((writer) => {
    const found = readSchemaVersion(writer);
    if (found !== null && found > versionOf(schema)) throw newer(name, found, schema);
    if (found === 0) throw new QrewError("storeDamaged", `The store ${name} says that its format is 0.`);
    if (found !== null) for (const migrate of schema.migrations.slice(found - 1)) migrate(writer);
    writer.put(PLACE.table, PLACE.key, packU32(versionOf(schema)));
  });
}
