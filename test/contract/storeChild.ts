/**
 * A process on a store, for store.test.ts: `storeChild.ts MODE FOLDER [BALLAST]`. Says what it did in lines on stdout, written
 * synchronously, so that a line that was read is older than the signal that follows it.
 */
import { rmSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { QrewError } from "../../protocol/errors.ts";
import { u32Key } from "../../src/store/keys.ts";
import { openLmdbStore } from "../../src/store/lmdb.ts";
import type { Store } from "../../src/store/port.ts";

/** Keys of one transaction: enough pages that a part of one would be seen. */
export const KEYS_PER_TRANSACTION = 200;

/** A process that nobody ends by then ends itself. */
const LIFE_MS = 30_000;

const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

/** Transaction after transaction; each number is said when its `write` has returned. */
function writeForEver(store: Store): void {
  const end = Date.now() + LIFE_MS;
  for (let round = 1; Date.now() < end; round += 1) {
    store.write((writer) => {
      for (let key = 0; key < KEYS_PER_TRANSACTION; key += 1) {
        writer.put("rounds", u32Key(key), u32Key(round));
      }
    });
    say(String(round));
  }
}

/** Stands still inside a transaction. */
function stopInside(store: Store): void {
  store.write((writer) => writer.put("rounds", u32Key(0), u32Key(1)));
  store.write((writer) => {
    for (let key = 0; key < 5000; key += 1) writer.put("rounds", u32Key(key), new Uint8Array(500));
    say("inside");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LIFE_MS);
  });
}

/** Stands still inside a snapshot. */
function stopReading(store: Store): void {
  store.read((reader) => {
    reader.get("rounds", u32Key(0));
    say("reading");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LIFE_MS);
  });
}

/** For each line on stdin: the number under key 0. */
async function answerReads(store: Store): Promise<void> {
  say("open");
  for await (const _ of createInterface({ input: process.stdin })) {
    const value = store.read((reader) => reader.get("rounds", u32Key(0)));
    say(value === undefined ? "none" : String(new DataView(value.buffer, value.byteOffset).getUint32(0)));
  }
  await store.close();
}

/** Values of `fill`: one of them is more than the few pages that LMDB has free by then. */
const FILL_BYTES = 64 * 1024;

const fillOne = (store: Store, key: number): void =>
  store.write((writer) => writer.put("filled", u32Key(key), new Uint8Array(FILL_BYTES)));

/**
 * Writes until the store is full, twice, to see that it stays usable; then frees space (`ballast` is a file on the same
 * disk, or what was written is deleted) and writes again.
 */
function fill(store: Store, ballast: string | undefined): void {
  let written = 0;
  for (let times = 0; times < 2; times += 1) {
    try {
      for (; written < 10_000; written += 1) fillOne(store, written);
      say("never full");
    } catch (error) {
      say(QrewError.from(error).code);
    }
  }
  const found = store.read((reader) => [...reader.range("filled", {})].length);
  say(found === written ? "all there" : `${found} of ${written}`);
  if (ballast !== undefined) {
    rmSync(ballast);
    fillOne(store, written);
  } else {
    for (let key = 0; key < written; key += 1) {
      store.write((writer) => writer.delete("filled", u32Key(key)));
    }
    fillOne(store, 0);
  }
  say("usable again");
}

/** Opens each folder and reads every entry; a line for each. */
async function readAll(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    try {
      const store = openLmdbStore(folder, { readOnly: true });
      const count = store.read((reader) => {
        const tables = ["big", "rounds"].map((table) => [...reader.range(table, {})]);
        return tables.flat().filter(({ value }) => value.length > 0).length;
      });
      say(String(count));
      await store.close();
    } catch (error) {
      say(QrewError.from(error).code);
    }
  }
}

/** One transaction and one flush, with lines around them. */
async function commitAndFlush(folder: string, first: Store): Promise<void> {
  first.write((writer) => writer.put("rounds", u32Key(0), u32Key(1)));
  await first.flushed();
  await first.close();
  const store = openLmdbStore(folder);
  say("begin");
  store.write((writer) => writer.put("rounds", u32Key(0), u32Key(2)));
  say("committed");
  await store.flushed();
  say("flushed");
  await store.close();
}

async function main(args: readonly string[]): Promise<void> {
  const [mode, folder, ballast] = args;
  if (folder === undefined) throw new Error("usage: storeChild.ts MODE FOLDER [BALLAST]");
  if (mode === "readAll") return readAll(args.slice(1));
  let store: Store;
  try {
    store = openLmdbStore(folder, { readOnly: mode === "read" || mode === "stopReading" });
  } catch (error) {
    say(QrewError.from(error).code);
    return;
  }
  if (mode === "write") writeForEver(store);
  if (mode === "stopInside") stopInside(store);
  if (mode === "stopReading") stopReading(store);
  if (mode === "read") await answerReads(store);
  if (mode === "fill") fill(store, ballast);
  if (mode === "rival") process.exit(0);
  if (mode === "flush") await commitAndFlush(folder, store);
  if (mode === "open") {
    store.read((reader) => reader.get("rounds", u32Key(0)));
    say("opened");
  }
}

if (process.argv[1]?.endsWith("storeChild.ts") === true) await main(process.argv.slice(2));
