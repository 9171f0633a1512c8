/** What a power cut may leave of an LMDB file, and what is made of it: any mixture of the pages before and after. */
import { createHash } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { u32Key } from "../../src/store/keys.ts";
import { type LmdbOptions, openLmdbStore } from "../../src/store/lmdb.ts";
import { latestMark } from "../../src/store/lmdbCheckpoint.ts";
import { prepareForWriting } from "../../src/store/lmdbFile.ts";
import { surveyPages } from "../../src/store/pageSurvey.ts";
import type { Store } from "../../src/store/port.ts";
import { randomFrom } from "../support/layeredDag.ts";
import { until } from "../support/until.ts";

let base = "";
let folder = "";

beforeEach(() => {
  base = mkdtempSync(path.join(os.tmpdir(), "qrew-cut-"));
  folder = path.join(base, "store");
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** More than the journal takes. */
const LARGE = 6000;
const SMALL = 60;

/** Commits that are not flushed: pages are freed, used, and taken from the end of the file. */
function scribble(store: Store, random: () => number, commits: number, valueBytes = LARGE): void {
  for (let commit = 0; commit < commits; commit += 1) {
    store.write((writer) => {
      for (let change = 0; change < 20; change += 1) {
        const key = u32Key(Math.floor(random() * 500));
        if (random() < 0.4) writer.delete("rounds", key);
        else
          writer.put("rounds", key, new Uint8Array(Math.floor(random() * valueBytes)).fill(random() * 256));
      }
    });
    // Of a transaction that has failed nothing is done again.
    expect(() =>
      store.write((writer) => {
        writer.put("rounds", u32Key(1), new Uint8Array(9));
        throw new Error("no");
      }),
    ).toThrow("no");
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

/** Each sector as it was before or after. */
function tornSectors(before: Buffer, after: Buffer, random: () => number): Buffer {
  const file = Buffer.from(before);
  for (let at = 0; at < after.length; at += 512) {
    if (random() < 0.5) after.copy(file, at, at, at + 512);
  }
  return file;
}

const journalOf = (): Buffer => readFileSync(path.join(folder, "journal"));

const checkpointOf = (file: string): number => {
  const descriptor = openSync(file, "r");
  try {
    return latestMark(descriptor, file)?.sequence ?? 0;
  } finally {
    closeSync(descriptor);
  }
};

/** Returns a store with these files, opened after a power cut. */
function openCut(file: Buffer, journal: Buffer | null, options: LmdbOptions): [Store, string] {
  const place = mkdtempSync(path.join(base, "torn-"));
  writeFileSync(path.join(place, "data.mdb"), file);
  if (journal !== null) writeFileSync(path.join(place, "journal"), journal);
  return [openLmdbStore(place, { bootId: "second", ...options }), place];
}

async function openTorn(file: Buffer, bootId: string, journal: Buffer | null = null): Promise<string> {
  const [store, place] = openCut(file, journal, { bootId });
  const content = contentOf(store);
  surveyPages(path.join(place, "data.mdb"));
  await store.close();
  return content;
}

function openCopy(name: string): Store {
  const place = path.join(base, name);
  mkdirSync(place);
  for (const file of ["data.mdb", "journal"]) {
    if (existsSync(path.join(folder, file))) copyFileSync(path.join(folder, file), path.join(place, file));
  }
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

  it("does again what was flushed after the checkpoint, and of a flush that was under way all or nothing", async () => {
    const random = randomFrom(11);
    const data = path.join(folder, "data.mdb");
    const store = openLmdbStore(folder, { bootId: "first" });
    scribble(store, random, 1, SMALL);
    await store.flushed();
    let [checkpoint, synced] = [0, readFileSync(data)];
    let entries = 0;
    for (let flush = 0; flush < 30; flush += 1) {
      scribble(store, random, 1 + (flush % 3), SMALL);
      const before = checkpoint;
      // After a while one is made by itself, and the journal begins anew.
      if (flush % 8 === 7) await until("a checkpoint is made", () => checkpointOf(data) > before);
      scribble(store, random, 1, SMALL);
      await store.flushed();
      const [flushed, journal] = [contentOf(store), journalOf()];
      scribble(store, random, 2, SMALL);
      let written = readFileSync(data);
      if (checkpointOf(data) !== checkpoint) {
        [checkpoint, synced] = [checkpointOf(data), readFileSync(data)];
        continue;
      }
      entries += 1;
      expect(() => openCut(synced, journal, { readOnly: true })).toThrow(/qrew daemon start/);
      expect(await openTorn(torn(synced, written, random), "second", journal)).toBe(flushed);
      await store.flushed();
      const [next, after] = [contentOf(store), journalOf()];
      written = readFileSync(data);
      if (checkpointOf(data) !== checkpoint) continue;
      const pages = torn(synced, written, random);
      expect(await openTorn(pages, "second", after)).toBe(next);
      expect([flushed, next]).toContain(await openTorn(pages, "second", tornSectors(journal, after, random)));
    }
    // Whatever the machine does beside it, most flushes find room in the journal.
    expect(entries).toBeGreaterThan(3);
    await store.close();
  });

  it("takes nothing from the journal that is of an earlier checkpoint", async () => {
    const data = path.join(folder, "data.mdb");
    const store = openLmdbStore(folder, { bootId: "first" });
    scribble(store, randomFrom(12), 3, SMALL);
    await store.flushed();
    await store.close();
    const journal = journalOf();
    const next = openLmdbStore(folder, { bootId: "first" });
    scribble(next, randomFrom(22), 9);
    await next.flushed();
    const committed = contentOf(next);
    const before = readFileSync(data);
    scribble(next, randomFrom(13), 3, SMALL);
    expect(await openTorn(torn(before, readFileSync(data), randomFrom(14)), "second", journal)).toBe(
      committed,
    );
    await next.close();
  });

  it("is got over once more by the next writer, when the first one dies on the way", async () => {
    const store = openLmdbStore(folder, { bootId: "first" });
    scribble(store, randomFrom(15), 3, SMALL);
    await store.flushed();
    const flushed = contentOf(store);
    const place = path.join(base, "again");
    mkdirSync(place);
    for (const file of ["data.mdb", "journal"]) copyFileSync(path.join(folder, file), path.join(place, file));
    await store.close();
    for (let death = 0; death < 2; death += 1) {
      const { takenBack } = prepareForWriting(place, "second");
      expect(takenBack?.entries).toHaveLength(1);
      takenBack?.end();
    }
    const again = openLmdbStore(place, { bootId: "second" });
    expect(contentOf(again)).toBe(flushed);
    await again.close();
    expect(prepareForWriting(place, "second").takenBack).toBe(null);
  });

  it("finds all that was flushed also where no journal can be made", async () => {
    mkdirSync(path.join(folder, "journal"), { recursive: true });
    const store = openLmdbStore(folder, { bootId: "first" });
    scribble(store, randomFrom(16), 2, SMALL);
    await store.flushed();
    const flushed = contentOf(store);
    const before = readFileSync(path.join(folder, "data.mdb"));
    scribble(store, randomFrom(17), 2, SMALL);
    const after = readFileSync(path.join(folder, "data.mdb"));
    expect(await openTorn(torn(before, after, randomFrom(18)), "second")).toBe(flushed);
    await store.close();
  });

  it("finds a journal again after somebody has removed it", async () => {
    const data = path.join(folder, "data.mdb");
    const store = openLmdbStore(folder, { bootId: "first" });
    scribble(store, randomFrom(19), 1, SMALL);
    await store.flushed();
    rmSync(path.join(folder, "journal"));
    const checkpoint = checkpointOf(data);
    scribble(store, randomFrom(20), 1, SMALL);
    await until("the next checkpoint is made", () => checkpointOf(data) > checkpoint);
    scribble(store, randomFrom(21), 1, SMALL);
    await store.flushed();
    expect(existsSync(path.join(folder, "journal"))).toBe(true);
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
    await store.flushed();
    scribble(store, randomFrom(4), 1, SMALL);
    await store.flushed();
    expect(() => openCopy("journal")).toThrow(/qrew daemon start/);
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
