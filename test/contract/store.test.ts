/** What src/store/port.ts promises, for both implementations. What only LMDB can show is in storeLmdb.test.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { u32Key } from "../../src/store/keys.ts";
import { openLmdbStore } from "../../src/store/lmdb.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { RangeOptions, Store, StoreReader } from "../../src/store/port.ts";

const text = (value: string): Uint8Array => Buffer.from(value);

const keysOf = (reader: StoreReader, table: string, options: RangeOptions = {}): readonly string[] =>
  [...reader.range(table, options)].map((entry) => Buffer.from(entry.key).toString());

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "qrew-store-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const implementations: readonly { readonly name: string; readonly open: () => Store }[] = [
  { name: "memory", open: () => openMemoryStore() },
  { name: "lmdb", open: () => openLmdbStore(path.join(folder, "store")) },
];

describe.each(implementations)("store contract: $name", ({ open }) => {
  let store: Store;
  beforeEach(() => {
    store = open();
  });
  afterEach(() => store.close());

  it("gives back what was put, and nothing for what was not", () => {
    store.write((writer) => {
      writer.put("a", text("key"), text("value"));
      writer.put("a", text("empty"), new Uint8Array(0));
    });
    store.read((reader) => {
      expect(Buffer.from(reader.get("a", text("key")) ?? []).toString()).toBe("value");
      expect(reader.get("a", text("empty"))?.length).toBe(0);
      expect(reader.get("a", text("ke"))).toBeUndefined();
      expect(reader.get("b", text("key"))).toBeUndefined();
    });
  });

  it("keeps tables apart, also those whose names begin alike", () => {
    store.write((writer) => {
      for (const table of ["task", "tasks", "taskA"]) writer.put(table, text(table), text(table));
    });
    store.read((reader) => {
      expect(keysOf(reader, "task")).toEqual(["task"]);
      expect(keysOf(reader, "task", { reverse: true })).toEqual(["task"]);
      expect(keysOf(reader, "tasks")).toEqual(["tasks"]);
    });
  });

  it("returns the result of the body, also null and undefined", () => {
    expect(store.write(() => 7)).toBe(7);
    expect(store.read(() => null)).toBeNull();
    expect(store.write(() => undefined)).toBeUndefined();
  });

  it("overwrites and deletes; deleting what is not there is no error", () => {
    store.write((writer) => writer.put("a", text("k"), text("1")));
    store.write((writer) => writer.put("a", text("k"), text("2")));
    expect(Buffer.from(store.read((reader) => reader.get("a", text("k"))) ?? []).toString()).toBe("2");
    store.write((writer) => writer.delete("a", text("k")));
    store.write((writer) => writer.delete("a", text("k")));
    expect(store.read((reader) => reader.get("a", text("k")))).toBeUndefined();
  });

  it("takes back everything when the body throws, and throws the same", () => {
    store.write((writer) => {
      writer.put("a", text("kept"), text("1"));
      writer.put("a", text("deleted"), text("1"));
    });
    const thrown = new Error("on purpose");
    expect(() =>
      store.write((writer) => {
        writer.put("a", text("kept"), text("2"));
        writer.put("a", text("kept"), text("3"));
        writer.put("a", text("new"), text("1"));
        writer.delete("a", text("deleted"));
        writer.put("b", text("other"), text("1"));
        throw thrown;
      }),
    ).toThrow(thrown);
    store.read((reader) => {
      expect(keysOf(reader, "a")).toEqual(["deleted", "kept"]);
      expect(Buffer.from(reader.get("a", text("kept")) ?? []).toString()).toBe("1");
      expect(keysOf(reader, "b")).toEqual([]);
    });
    store.write((writer) => writer.put("a", text("after"), text("1")));
    expect(store.read((reader) => keysOf(reader, "a"))).toEqual(["after", "deleted", "kept"]);
  });

  it("shows a transaction its own writes, in get and in range", () => {
    store.write((writer) => {
      writer.put("a", text("1"), text("old"));
      writer.put("a", text("1"), text("new"));
      writer.put("a", text("2"), text("x"));
      writer.delete("a", text("2"));
      expect(Buffer.from(writer.get("a", text("1")) ?? []).toString()).toBe("new");
      expect(writer.get("a", text("2"))).toBeUndefined();
      expect(keysOf(writer, "a")).toEqual(["1"]);
    });
  });

  it("does not keep the buffers that it was given", () => {
    const key = Buffer.from("key1");
    const value = Buffer.from("value1");
    store.write((writer) => {
      writer.put("a", key, value);
      key.write("key2");
      value.write("xxxxxx");
      writer.put("a", key, value);
    });
    store.read((reader) => {
      expect(keysOf(reader, "a")).toEqual(["key1", "key2"]);
      expect(Buffer.from(reader.get("a", text("key1")) ?? []).toString()).toBe("value1");
    });
  });

  it("gives values that later changes do not touch", () => {
    store.write((writer) => writer.put("a", text("k"), text("before")));
    const value = store.read((reader) => reader.get("a", text("k")));
    const entries = store.read((reader) => [...reader.range("a", {})]);
    store.write((writer) => writer.put("a", text("k"), text("after!")));
    expect(Buffer.from(value ?? []).toString()).toBe("before");
    expect(Buffer.from(entries[0]?.value ?? []).toString()).toBe("before");
  });

  it("refuses a transaction inside a transaction, and goes on after it", () => {
    expect(() => store.read(() => store.read(() => 1))).toThrow(/inside another/);
    expect(() => store.write(() => store.read(() => 1))).toThrow(/inside another/);
    expect(() => store.write(() => store.write(() => 1))).toThrow(/inside another/);
    expect(store.write(() => 1)).toBe(1);
  });

  it("voids what a transaction gave at its end", () => {
    store.write((writer) => writer.put("a", text("k"), text("v")));
    const reader = store.read((inside) => inside);
    expect(() => reader.get("a", text("k"))).toThrow(/after its end/);
    const left = store.read((inside) => {
      const iterator = inside.range("a", {})[Symbol.iterator]();
      iterator.next();
      return iterator;
    });
    expect(() => left.next()).toThrow(/after its end/);
    const writer = store.write((inside) => inside);
    expect(() => writer.put("a", text("k"), text("v"))).toThrow(/after its end/);
  });

  it("refuses an empty key, a key and a value that are too long, and a strange table", () => {
    expect(() => store.write((writer) => writer.put("a", new Uint8Array(0), text("v")))).toThrow(/key/);
    expect(() => store.write((writer) => writer.put("a", new Uint8Array(257), text("v")))).toThrow(/key/);
    expect(() =>
      store.write((writer) => writer.put("a", text("k"), new Uint8Array(8 * 1024 * 1024 + 1))),
    ).toThrow(/value/);
    expect(() => store.write((writer) => writer.put("a\0", text("k"), text("v")))).toThrow(/table/);
  });

  it("orders keys by their bytes and cuts ranges at from (in) and to (out)", () => {
    store.write((writer) => {
      for (const key of ["b", "a", "ab", "B", "\x00", "zz", "z"]) writer.put("a", text(key), text(key));
    });
    store.read((reader) => {
      expect(keysOf(reader, "a")).toEqual(["\x00", "B", "a", "ab", "b", "z", "zz"]);
      expect(keysOf(reader, "a", { from: text("a"), to: text("z") })).toEqual(["a", "ab", "b"]);
      expect(keysOf(reader, "a", { from: text("a"), to: text("z"), reverse: true })).toEqual([
        "b",
        "ab",
        "a",
      ]);
      expect(keysOf(reader, "a", { from: text("aa"), to: text("y"), reverse: true })).toEqual(["b", "ab"]);
      expect(keysOf(reader, "a", { reverse: true, limit: 2 })).toEqual(["zz", "z"]);
      expect(keysOf(reader, "a", { from: text("b"), limit: 1 })).toEqual(["b"]);
      expect(keysOf(reader, "a", { limit: 0 })).toEqual([]);
      expect(keysOf(reader, "a", { from: text("z"), to: text("a") })).toEqual([]);
      expect(keysOf(reader, "a", { from: text("z"), to: text("a"), reverse: true })).toEqual([]);
    });
  });

  it("survives ranges that are left early and ranges that run side by side", () => {
    store.write((writer) => {
      for (let key = 0; key < 100; key += 1) writer.put("a", u32Key(key), u32Key(key));
    });
    for (let round = 0; round < 300; round += 1) {
      store.read((reader) => {
        for (const _ of reader.range("a", {})) break;
        reader.range("a", {})[Symbol.iterator]().next();
        const [left, right] = [reader.range("a", {}), reader.range("a", { reverse: true })];
        const rights = right[Symbol.iterator]();
        for (const entry of left) {
          const other = rights.next();
          if (other.done === true) throw new Error("the ranges differ in length");
          const sum = Buffer.from(entry.key).readUInt32BE(0) + Buffer.from(other.value.key).readUInt32BE(0);
          expect(sum).toBe(99);
        }
      });
    }
    store.write((writer) => {
      for (const _ of writer.range("a", {})) break;
      writer.range("a", {})[Symbol.iterator]().next();
      writer.put("a", u32Key(100), u32Key(100));
    });
    expect(store.read((reader) => [...reader.range("a", {})].length)).toBe(101);
  });

  it("holds a value of 5 MB and reads it in its own transaction", () => {
    const big = Buffer.alloc(5_000_000, "0123456789abcdef");
    store.write((writer) => {
      writer.put("a", text("big"), big);
      expect(Buffer.compare(writer.get("a", text("big")) ?? new Uint8Array(0), big)).toBe(0);
    });
    const found = store.read((reader) => reader.get("a", text("big")));
    const [entry] = store.read((reader) => [...reader.range("a", {})]);
    expect(Buffer.compare(found ?? new Uint8Array(0), big)).toBe(0);
    expect(Buffer.compare(entry?.value ?? new Uint8Array(0), big)).toBe(0);
  });

  it("holds 100,000 keys, inserted out of order", () => {
    const count = 100_000;
    // 7,919 has no factor in common with the count, so its multiples visit every number below it.
    store.write((writer) => {
      for (let step = 0; step < count; step += 1) {
        const key = (step * 7919) % count;
        writer.put("a", u32Key(key), u32Key(key + 1));
      }
    });
    let expected = 0;
    store.read((reader) => {
      for (const { key, value } of reader.range("a", {})) {
        if (Buffer.from(key).readUInt32BE(0) !== expected) throw new Error(`key ${expected} is not next`);
        if (Buffer.from(value).readUInt32BE(0) !== expected + 1) throw new Error(`value of ${expected}`);
        expected += 1;
      }
    });
    expect(expected).toBe(count);
    store.read((reader) => {
      for (const { key } of reader.range("a", { reverse: true })) {
        expected -= 1;
        if (Buffer.from(key).readUInt32BE(0) !== expected) throw new Error(`key ${expected} is not next`);
      }
    });
    expect(expected).toBe(0);
  });

  it("flushes: at once when nothing is new, and many callers together", async () => {
    await store.flushed();
    store.write((writer) => writer.put("a", text("k"), text("v")));
    const flushes = Array.from({ length: 50 }, () => store.flushed());
    store.write((writer) => writer.put("a", text("k"), text("w")));
    await expect(Promise.all([...flushes, store.flushed()])).resolves.toHaveLength(51);
  });

  it("is not used after its end; a second close is no error", async () => {
    await store.close();
    await store.close();
    expect(() => store.read(() => 1)).toThrow(/open/);
    expect(() => store.write(() => 1)).toThrow(/open/);
  });
});

type Change =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: Uint8Array };

const keyArbitrary = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 });
const changeArbitrary: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    type: fc.constant("put" as const),
    key: keyArbitrary,
    value: fc.uint8Array({ maxLength: 8 }),
  }),
  fc.record({ type: fc.constant("delete" as const), key: keyArbitrary }),
);
const transactionArbitrary = fc.record({ changes: fc.array(changeArbitrary), fails: fc.boolean() });
const rangeArbitrary: fc.Arbitrary<RangeOptions> = fc.record(
  { from: keyArbitrary, to: keyArbitrary, limit: fc.nat({ max: 5 }), reverse: fc.boolean() },
  { requiredKeys: [] },
);

function apply(store: Store, changes: readonly Change[], fails: boolean): void {
  try {
    store.write((writer) => {
      for (const change of changes) {
        if (change.type === "put") writer.put("t", change.key, change.value);
        else writer.delete("t", change.key);
      }
      if (fails) throw new Error("on purpose");
    });
  } catch (error) {
    if (!(error instanceof Error && error.message === "on purpose")) throw error;
  }
}

const show = (store: Store, range: RangeOptions): readonly string[] =>
  store.read((reader) =>
    [...reader.range("t", range)].map(
      ({ key, value }) => `${Buffer.from(key).toString("hex")}=${Buffer.from(value).toString("hex")}`,
    ),
  );

describe("memory and lmdb", () => {
  it("cannot be told apart by random transactions and ranges", async () => {
    const lmdb = openLmdbStore(path.join(folder, "store"));
    try {
      fc.assert(
        fc.property(
          fc.array(transactionArbitrary, { maxLength: 6 }),
          fc.array(rangeArbitrary, { maxLength: 8 }),
          (transactions, ranges) => {
            const memory = openMemoryStore();
            for (const entry of show(lmdb, {})) {
              const key = Buffer.from(entry.slice(0, entry.indexOf("=")), "hex");
              lmdb.write((writer) => writer.delete("t", key));
            }
            for (const { changes, fails } of transactions) {
              apply(memory, changes, fails);
              apply(lmdb, changes, fails);
            }
            for (const range of [{}, ...ranges]) expect(show(lmdb, range)).toEqual(show(memory, range));
          },
        ),
        { numRuns: 100 },
      );
    } finally {
      await lmdb.close();
    }
  });
});

describe("memory: a power cut", () => {
  it("takes back what was not flushed, as whole transactions, and nothing else", async () => {
    const store = openMemoryStore();
    store.write((writer) => {
      writer.put("a", text("1"), text("old"));
      writer.put("a", text("2"), text("old"));
    });
    await store.flushed();
    store.write((writer) => {
      writer.put("a", text("1"), text("new"));
      writer.delete("a", text("2"));
    });
    store.write((writer) => writer.put("a", text("3"), text("new")));
    store.crash();
    store.crash();
    store.read((reader) => {
      expect(keysOf(reader, "a")).toEqual(["1", "2"]);
      expect(Buffer.from(reader.get("a", text("1")) ?? []).toString()).toBe("old");
    });
  });
});
