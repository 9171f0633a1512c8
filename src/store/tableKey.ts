/**
 * Tables are key prefixes in one tree: `table`, a zero byte, key. LMDB's own named tables are handles that an
 * environment opens one by one, in a transaction: a reader does not see one that appeared after its snapshot began, and a
 * handle that was opened in an aborted transaction is void. A prefix of a few bytes has no such states.
 */
import { assert } from "../../protocol/errors.ts";

/** Longest key. LMDB takes 1,978 bytes with the prefix; the longest that qrew uses has 13. */
export const KEY_BYTES_MAX = 256;

/** Largest value. lmdb-js hands out values from 16 MiB on as windows into the map, which a later commit may change. */
export const VALUE_BYTES_MAX = 8 * 1024 * 1024;

/** Distinct table names in a process; they are constants, so more is a defect. */
const TABLES_MAX = 32;

const prefixes = new Map<string, Buffer>();

function prefixOf(table: string): Buffer {
  const known = prefixes.get(table);
  if (known !== undefined) return known;
  assert(/^[a-zA-Z]{1,32}$/.test(table), `${JSON.stringify(table)} is a name of a table`);
  assert(prefixes.size < TABLES_MAX, `at most ${TABLES_MAX} tables`);
  const prefix = Buffer.from(`${table}\0`);
  prefixes.set(table, prefix);
  return prefix;
}

export function checkKey(key: Uint8Array): void {
  assert(key.length > 0 && key.length <= KEY_BYTES_MAX, `a key of ${key.length} bytes`);
}

export function checkValue(value: Uint8Array): void {
  assert(value.length <= VALUE_BYTES_MAX, `a value of ${value.length} bytes`);
}

export function tableKey(table: string, key: Uint8Array): Buffer {
  const prefix = prefixOf(table);
  const full = Buffer.allocUnsafe(prefix.length + key.length);
  full.set(prefix);
  full.set(key, prefix.length);
  return full;
}

/** The first key of a table; the empty key itself is never used. */
export const tableStart = (table: string): Buffer => prefixOf(table);

/** The first key after all of a table. */
export function tableEnd(table: string): Buffer {
  const end = Buffer.from(prefixOf(table));
  end[end.length - 1] = 1;
  return end;
}

export const keyInTable = (table: string, full: Uint8Array): Uint8Array =>
  full.subarray(prefixOf(table).length);
