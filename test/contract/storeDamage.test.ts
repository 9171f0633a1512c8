/** Files that are not what a writer left: whatever is wrong, the store says so and nobody crashes. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { u32Key } from "../../src/store/keys.ts";
import { openLmdbStore } from "../../src/store/lmdb.ts";
import { damageOf, surveyPages } from "../../src/store/pageSurvey.ts";
import type { Store } from "../../src/store/port.ts";
import { failureOf } from "../support/failure.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const CHILD = path.join(import.meta.dirname, "storeChild.ts");
const require = createRequire(import.meta.url);
const PAGE_BYTES = 4096;

let base = "";
let folder = "";
let stores: Store[] = [];

beforeEach(() => {
  base = mkdtempSync(path.join(os.tmpdir(), "qrew-lmdb-"));
  folder = path.join(base, "store");
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  rmSync(base, { recursive: true, force: true });
});

function openHere(options: { readonly readOnly?: boolean } = {}): Store {
  const store = openLmdbStore(folder, options);
  stores.push(store);
  return store;
}

const data = (): string => path.join(folder, "data.mdb");
const codeOf = (action: () => unknown): string => failureOf(action).code;

function get(store: Store, key: number): number | undefined {
  const value = store.read((reader) => reader.get("rounds", u32Key(key)));
  return value === undefined ? undefined : Buffer.from(value).readUInt32BE(0);
}

/** Three levels of pages, and values that have pages of their own. */
async function makeStore(): Promise<void> {
  const store = openLmdbStore(folder);
  store.write((writer) => {
    for (let key = 0; key < 8_000; key += 1) writer.put("rounds", u32Key(key), new Uint8Array(100).fill(key));
    for (let key = 0; key < 10; key += 1) writer.put("big", u32Key(key), new Uint8Array(30_000).fill(key));
  });
  store.write((writer) => {
    for (let key = 0; key < 8_000; key += 5) writer.delete("rounds", u32Key(key));
  });
  await store.close();
}

function expectDamaged(): void {
  for (const readOnly of [false, true]) {
    const failure = failureOf(() => openHere({ readOnly }));
    expect(failure.code).toBe("storeDamaged");
    expect(failure.message).toMatch(/qrew store verify.*qrew store restore/);
  }
}

describe("a file that is no store", () => {
  const writeData = (content: Uint8Array): void => {
    mkdirSync(folder);
    writeFileSync(data(), content);
  };

  it.each([
    ["garbage", Buffer.alloc(20_000, 7)],
    ["text", Buffer.from("not a store")],
    ["zeros", Buffer.alloc(20_000)],
    ["nothing", Buffer.alloc(0)],
  ])("of %s is storeDamaged for a writer and a reader", (_, content) => {
    writeData(content);
    expectDamaged();
  });

  it("of another format is storeDamaged", async () => {
    await openHere().close();
    const content = readFileSync(data());
    content.writeUInt32LE(1, 28);
    writeFileSync(data(), content);
    expectDamaged();
  });

  it("of nothing is a new store where its writer was killed while it made it", () => {
    writeData(new Uint8Array(0));
    writeFileSync(path.join(folder, "begun"), "");
    expect(codeOf(() => openHere({ readOnly: true }))).toBe("notFound");
    const store = openHere();
    store.write((writer) => writer.put("rounds", u32Key(1), u32Key(1)));
    expect(get(store, 1)).toBe(1);
  });

  it("is one again when it was emptied later", async () => {
    await openHere().close();
    truncateSync(data(), 0);
    expectDamaged();
  });

  it("with a damaged lock file is opened: the lock file holds nothing that outlives its processes", async () => {
    const store = openHere();
    store.write((writer) => writer.put("rounds", u32Key(1), u32Key(7)));
    await store.close();
    writeFileSync(path.join(folder, "lock.mdb"), Buffer.alloc(70_000, 9));
    expect(get(openHere(), 1)).toBe(7);
  });
});

describe("a file that is cut", () => {
  it.each([1, 100, 4096, 4097, 8192, 12_288, 40_960, 200_000, -1, -4096, -100_000])(
    "to %d bytes is storeDamaged",
    async (bytes) => {
      await makeStore();
      const { size } = statSync(data());
      truncateSync(data(), bytes > 0 ? bytes : size + bytes);
      if (bytes === -1 || bytes === -4096) {
        // The last page may be a free one: then nothing is missing.
        if (damageOf(folder) === null) return void openHere();
      }
      expectDamaged();
    },
  );

  it("because its last page is free, which LMDB itself leaves behind, is opened", async () => {
    let store = openHere();
    const put = (value: number): void =>
      store.write((writer) => writer.put("rounds", u32Key(1), u32Key(value)));
    put(7);
    store.write((writer) => writer.put("big", u32Key(0), new Uint8Array(4 * 1024 * 1024)));
    store.write((writer) => writer.delete("big", u32Key(0)));
    for (let round = 0; round < 10; round += 1) {
      // A checkpoint, after which pages are used again.
      await store.close();
      store = openHere();
      put(7);
    }
    await store.close();
    truncateSync(data(), statSync(data()).size - PAGE_BYTES);
    const reader = openHere({ readOnly: true });
    expect(get(reader, 1)).toBe(7);
    await reader.close();
    const again = openHere();
    expect(get(again, 1)).toBe(7);
    again.write((writer) => writer.put("rounds", u32Key(1), u32Key(8)));
    expect(get(again, 1)).toBe(8);
  });
});

describe("a file with wrong bytes", () => {
  it("whose pages are all zeros but for the first two is storeDamaged", async () => {
    await makeStore();
    const content = readFileSync(data());
    writeFileSync(data(), content.fill(0, 2 * PAGE_BYTES));
    expectDamaged();
  });

  it("where a leaf is gone is storeDamaged when it is read", async () => {
    await makeStore();
    const content = readFileSync(data());
    for (let page = 2; page < content.length / PAGE_BYTES; page += 1) {
      const bytes = content.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
      if (bytes.readUInt16LE(18) === 2 && bytes.includes("rounds")) bytes.fill(0);
    }
    writeFileSync(data(), content);
    expect(damageOf(folder)?.message).toMatch(/page \d+: it says that it is another/);
    const store = openHere();
    expect(codeOf(() => get(store, 1))).toBe("storeDamaged");
    expect(codeOf(() => store.write((writer) => writer.put("rounds", u32Key(1), u32Key(1))))).toBe(
      "storeDamaged",
    );
    expect(codeOf(() => store.read((reader) => [...reader.range("rounds", {})]))).toBe("storeDamaged");
  });

  it("in the structure of any page is found by the survey, or does no harm", {
    timeout: 120_000,
  }, async () => {
    await makeStore();
    const whole = readFileSync(data());
    expect(surveyPages(data()).entries).toBe(6_410);
    const pages = whole.length / PAGE_BYTES;
    const sound: string[] = [];
    let found = 0;
    for (let round = 0; round < 150; round += 1) {
      // Deterministic: pages in turn, each at another place of its header and table of entries.
      const page = (round * 37) % pages;
      const offset = round % 3 === 0 ? (round * 5) % 24 : 24 + ((round * 13) % 64);
      const content = Buffer.from(whole);
      const place = page * PAGE_BYTES + offset;
      content.writeUInt8(content.readUInt8(place) ^ (1 << (round % 8)), place);
      const copy = path.join(base, `copy-${round}`);
      mkdirSync(copy);
      writeFileSync(path.join(copy, "data.mdb"), content);
      const damage = damageOf(copy);
      expect(["storeDamaged", undefined]).toContain(damage?.code);
      if (damage === null) sound.push(copy);
      else {
        found += 1;
        rmSync(copy, { recursive: true });
      }
    }
    // The others are in free pages, in unused parts, and in what LMDB does not heed.
    expect(found).toBeGreaterThan(40);
    const child = spawnSync(
      process.execPath,
      ["--import", require.resolve("tsx"), CHILD, "readAll", ...sound],
      {
        cwd: ROOT,
        encoding: "utf8",
        timeout: 60_000,
      },
    );
    expect({ signal: child.signal, stderr: child.stderr }).toEqual({ signal: null, stderr: "" });
    expect(child.stdout.trim().split("\n")).toHaveLength(sound.length);
  });
});

describe("a survey", () => {
  it("of a store that is being written finds nothing wrong in a snapshot", async () => {
    const store = openHere();
    for (let round = 0; round < 40; round += 1) {
      store.write((writer) => {
        for (let key = 0; key < 300; key += 1)
          writer.put("rounds", u32Key((key * 7919 * (round + 1)) % 5000), new Uint8Array(90));
        writer.put("big", u32Key(round % 4), new Uint8Array(round * 3000));
        writer.delete("rounds", u32Key(round * 13));
      });
      const entries = store.read(
        (reader) => [...reader.range("rounds", {}), ...reader.range("big", {})].length,
      );
      expect(surveyPages(data()).entries).toBe(entries);
    }
    const copy = path.join(base, "copy");
    mkdirSync(copy);
    cpSync(data(), path.join(copy, "data.mdb"));
    expect(damageOf(copy)).toBeNull();
  });
});
