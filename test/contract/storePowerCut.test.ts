/** What a power cut may leave of an LMDB file, and what is made of it: any mixture of the pages before and after. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { u32Key } from "../../src/store/keys.ts";
import { openLmdbStore } from "../../src/store/lmdb.ts";
import { surveyPages } from "../../src/store/pageSurvey.ts";
import type { Store } from "../../src/store/port.ts";
import { randomFrom } from "../support/layeredDag.ts";

let base = "";
let folder = "";

beforeEach(() => {
  base = mkdtempSync(path.join(os.tmpdir(), "qrew-cut-"));
  folder = path.join(base, "store");
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** Commits that are not flushed: pages are freed, used, and taken from the end of the file. */
function scribble(store: Store, random: () => number, commits: number): void {
  for (let commit = 0; commit < commits; commit += 1) {
    store.write((writer) => {
      for (let change = 0; change < 20; change += 1) {
        const key = u32Key(Math.floor(random() * 500));
        if (random() < 0.4) writer.delete("rounds", key);
        else writer.put("rounds", key, new Uint8Array(Math.floor(random() * 6000)).fill(random() * 256));
      }
    });
  }
}

const contentOf = (store: Store): string =>
  store.read((reader) => {
    const hash = createHash("sha256");
    for (const { key, value } of reader.range("rounds", {})) hash.update(key).update(value);
    return hash.digest("hex");
  });

/** Each sector of the first two pages, and each other page, as it was before or after. */
function torn(before: Buffer, after: Buffer, random: () => number): Buffer {
  const file = Buffer.alloc(after.length);
  before.copy(file);
  for (let at = 0; at < after.length; ) {
    const end = at + (at < 2 * 4096 ? 512 : 4096);
    if (random() < 0.5) after.copy(file, at, at, end);
    at = end;
  }
  return file;
}

async function openTorn(file: Buffer, bootId: string): Promise<string> {
  const place = mkdtempSync(path.join(base, "torn-"));
  writeFileSync(path.join(place, "data.mdb"), file);
  const store = openLmdbStore(place, { bootId });
  const content = contentOf(store);
  surveyPages(path.join(place, "data.mdb"));
  await store.close();
  return content;
}

function openCopy(name: string): Store {
  const place = path.join(base, name);
  mkdirSync(place);
  copyFileSync(path.join(folder, "data.mdb"), path.join(place, "data.mdb"));
  return openLmdbStore(place, { readOnly: true, bootId: "second" });
}

describe("after a power cut", () => {
  it("takes the file back to what was flushed, whatever of the rest has reached the disk", async () => {
    const random = randomFrom(7);
    const data = path.join(folder, "data.mdb");
    const store = openLmdbStore(folder, { bootId: "first" });
    for (let flush = 0; flush < 8; flush += 1) {
      scribble(store, random, 20);
      await store.flushed();
      const before = readFileSync(data);
      const flushed = contentOf(store);
      scribble(store, random, 20);
      const after = readFileSync(data);
      const committed = contentOf(store);
      for (let cut = 0; cut < 4; cut += 1) {
        expect(await openTorn(torn(before, after, random), "second")).toBe(flushed);
      }
      // The death of a process takes nothing back.
      expect(await openTorn(after, "first")).toBe(committed);
    }
    await store.close();
  });

  it("leaves a reader in no doubt: it reads what was flushed, or is told that the writer has to restore it", async () => {
    const store = openLmdbStore(folder, { bootId: "first" });
    scribble(store, randomFrom(3), 5);
    await store.flushed();
    const flushed = contentOf(store);
    const quiet = openCopy("quiet");
    expect(contentOf(quiet)).toBe(flushed);
    await quiet.close();
    scribble(store, randomFrom(4), 5);
    expect(() => openCopy("busy")).toThrow(/qrew daemon start/);
    await store.close();
  });

  it("keeps what was committed after the machine was started anew, though nothing is flushed yet", async () => {
    await openLmdbStore(folder, { bootId: "first" }).close();
    const store = openLmdbStore(folder, { bootId: "second" });
    scribble(store, randomFrom(8), 5);
    const committed = contentOf(store);
    const killed = readFileSync(path.join(folder, "data.mdb"));
    await store.close();
    expect(await openTorn(killed, "second")).toBe(committed);
  });

  it("is told from a machine that was shut down in order, whatever has reached the disk", async () => {
    const store = openLmdbStore(folder, { bootId: "first" });
    scribble(store, randomFrom(5), 5);
    await store.flushed();
    const cut = path.join(base, "cut");
    mkdirSync(cut);
    copyFileSync(path.join(folder, "data.mdb"), path.join(cut, "data.mdb"));
    await store.close();
    for (const [place, bootId, wasCut] of [
      [cut, "first", false],
      [folder, "second", false],
    ] as const) {
      const again = openLmdbStore(place, { bootId });
      expect(again.wasCut).toBe(wasCut);
      await again.close();
    }
    writeFileSync(path.join(cut, "data.mdb"), readFileSync(path.join(folder, "data.mdb")));
    const open = openLmdbStore(cut, { bootId: "third" });
    scribble(open, randomFrom(6), 5);
    const torn = path.join(base, "torn");
    mkdirSync(torn);
    copyFileSync(path.join(cut, "data.mdb"), path.join(torn, "data.mdb"));
    await open.close();
    const after = openLmdbStore(torn, { bootId: "fourth" });
    expect(after.wasCut).toBe(true);
    await after.close();
  });
});
