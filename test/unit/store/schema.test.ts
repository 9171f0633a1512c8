import { beforeEach, expect, it } from "vitest";
import { u32Key, wordKey } from "../../../src/store/keys.ts";
import { type MemoryStore, openMemoryStore } from "../../../src/store/memory.ts";
import type { StoreWriter } from "../../../src/store/port.ts";
import { packU32 } from "../../../src/store/record.ts";
import {
  checkSchema,
  MANAGER_SCHEMA,
  prepareSchema,
  readSchemaVersion,
  refuseNewer,
  type Schema,
  versionOf,
  WORKER_SCHEMA,
} from "../../../src/store/schema.ts";
import { failureOf } from "../../support/failure.ts";

let store: MemoryStore;

beforeEach(() => {
  store = openMemoryStore();
});

const setVersion = (version: number): void =>
  store.write((writer) => writer.put("meta", wordKey("schema"), packU32(version)));
const version = (): number | null => store.read(readSchemaVersion);
const value = (): Uint8Array | undefined => store.read((reader) => reader.get("jobs", u32Key(1)));

const append = (byte: number) => (writer: StoreWriter) => {
  const before = writer.get("jobs", u32Key(1)) ?? new Uint8Array(0);
  writer.put("jobs", u32Key(1), Uint8Array.from([...before, byte]));
};
/** A kind of store that is at its third version. */
const THIRD: Schema = { kind: "manager", migrations: [append(12), append(23)], readableFrom: 3 };

it.each([MANAGER_SCHEMA, WORKER_SCHEMA])("is written into a new store and then agreed with", (schema) => {
  store.read((reader) => checkSchema(reader, "it", schema));
  refuseNewer(store, "it", schema);
  prepareSchema(store, "it", schema);
  prepareSchema(store, "it", schema);
  expect(version()).toBe(versionOf(schema));
  store.read((reader) => checkSchema(reader, "it", schema));
});

it.each([
  [1, [7, 12, 23]],
  [2, [7, 23]],
  [3, [7]],
])("of version %i is brought up to date, each step once", (from, expected) => {
  setVersion(from);
  store.write(append(7));
  prepareSchema(store, "it", THIRD);
  prepareSchema(store, "it", THIRD);
  expect([...(value() ?? [])]).toEqual(expected);
  expect(version()).toBe(3);
});

it("is left as it was when a step fails", () => {
  setVersion(1);
  store.write(append(7));
  const failing = () => {
    throw new Error("no");
  };
  expect(() => prepareSchema(store, "it", { ...THIRD, migrations: [append(12), failing] })).toThrow("no");
  expect([...(value() ?? [])]).toEqual([7]);
  expect(version()).toBe(1);
});

it("of a newer qrew is refused by everybody, and left alone", () => {
  setVersion(4);
  for (const open of [
    () => store.read((reader) => checkSchema(reader, "manager", THIRD)),
    () => refuseNewer(store, "manager", THIRD),
    () => prepareSchema(store, "manager", THIRD),
  ]) {
    const failure = failureOf(open);
    expect(failure.code).toBe("storeDamaged");
    expect(failure.message).toMatch(/manager .*newer qrew \(format 4, this one reads 3\).*QREW_HOME/);
  }
  expect(version()).toBe(4);
});

it("of an older qrew is not read before its writer has brought it up to date", () => {
  setVersion(2);
  const failure = failureOf(() => store.read((reader) => checkSchema(reader, "manager", THIRD)));
  expect(failure.message).toMatch(/older qrew.*start the daemon/);
  setVersion(0);
  expect(failureOf(() => prepareSchema(store, "manager", THIRD)).code).toBe("storeDamaged");
});

it("of an earlier version is read as it is where readers do not miss what has come since", () => {
  setVersion(2);
  store.read((reader) => checkSchema(reader, "it", { ...THIRD, readableFrom: 2 }));
  const schema = { ...THIRD, readableFrom: 3 };
  expect(failureOf(() => store.read((reader) => checkSchema(reader, "it", schema))).code).toBe(
    "storeDamaged",
  );
});
