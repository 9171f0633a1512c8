/** What a power cut may leave of an LMDB file, and what is made of it: any mixture of the pages before and after. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ownName } from "../../src/node/process.ts";
import { u32Key } from "../../src/store/keys.ts";
import { type LmdbOptions, openLmdbStore } from "../../src/store/lmdb.ts";
import { latestMark } from "../../src/store/lmdbCheckpoint.ts";
import { prepareForWriting } from "../../src/store/lmdbFile.ts";
import { CHECKPOINT_AFTER_MS } from "../../src/store/lmdbFlush.ts";
import { surveyPages } from "../../src/store/pageSurvey.ts";
import type { Store } from "../../src/store/port.ts";
import { randomFrom } from "../support/layeredDag.ts";
import { until } from "../support/until.ts";

const CHILD = path.join(import.meta.dirname, "storeChild.ts");
const CHILD_ARGS = ["--import", createRequire(import.meta.url).resolve("tsx"), CHILD];

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

/** Null: there is none. */
type Journal = Buffer | "folder" | null;

/** Returns a store with these files, opened after a power cut. */
function openCut(file: Buffer, journal: Journal, options: LmdbOptions): [Store, string] {
  const place = mkdtempSync(path.join(base, "torn-"));
  writeFileSync(path.join(place, "data.mdb"), file);
  if (journal === "folder") mkdirSync(path.join(place, "journal"));
  else if (journal !== null) writeFileSync(path.join(place, "journal"), journal);
  return [openLmdbStore(place, { bootId: "second", ...options }), place];
}

async function openTorn(file: Buffer, bootId: string, journal: Journal = null): Promise<string> {
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

describe("the end of a store", () => {
  it("waits for a checkpoint that is under way, whose descriptor may soon be another file's", async () => {
    const own = path.join(base, "own");
    for (let round = 0; round < 5; round += 1) {
      const store = openLmdbStore(folder, { bootId: "first" });
      scribble(store, randomFrom(40 + round), 1, SMALL);
      // The store's own timer has been set before this one, and goes off before it.
      const closed = new Promise<void>((resolve, reject) => {
        setTimeout(() => void store.close().then(resolve, reject), CHECKPOINT_AFTER_MS);
      });
      await store.flushed();
      await closed;
      const others = Array.from({ length: 8 }, (_, n) => openSync(`${own}-${n}`, "w"));
      // As many as the thread pool may still have to do.
      for (let turn = 0; turn < 8; turn += 1) await stat(base);
      for (const other of others) {
        expect(fstatSync(other).size).toBe(0);
        closeSync(other);
      }
    }
    const after = openLmdbStore(folder, { bootId: "second" });
    expect(after.wasCut).toBe(false);
    await after.close();
  });
});

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
      // What one leaves that is killed on the way, and one that is killed even sooner.
      const guard = path.join(place, "data.mdb.restoring");
      writeFileSync(guard, death === 0 ? JSON.stringify({ ...ownName(), startTime: "1" }) : "");
      if (death === 1) utimesSync(guard, 0, 0);
    }
    const again = openLmdbStore(place, { bootId: "second" });
    expect(contentOf(again)).toBe(flushed);
    await again.close();
    expect(prepareForWriting(place, "second").takenBack).toBe(null);
  });

  it("finds what one writer has flushed though others have opened the store beside it", async () => {
    const store = openLmdbStore(folder);
    scribble(store, randomFrom(23), 1, SMALL);
    await store.flushed();
    for (let rivals = 1; rivals <= 3; rivals += 1) {
      for (let rival = 0; rival < rivals; rival += 1) {
        const { status } = spawnSync(process.execPath, [...CHILD_ARGS, "rival", folder]);
        expect(status).toBe(0);
      }
      scribble(store, randomFrom(24 + rivals), 1, SMALL);
      await store.flushed();
      const [flushed, journal] = [contentOf(store), journalOf()];
      const before = readFileSync(path.join(folder, "data.mdb"));
      scribble(store, randomFrom(30 + rivals), 3, SMALL);
      const after = readFileSync(path.join(folder, "data.mdb"));
      expect(await openTorn(torn(before, after, randomFrom(34)), "second", journal)).toBe(flushed);
    }
    await store.close();
  });

  it("finds what was flushed into a journal that somebody removed, and what came after it", async () => {
    const data = path.join(folder, "data.mdb");
    const store = openLmdbStore(folder, { bootId: "first" });
    const before = readFileSync(data);
    scribble(store, randomFrom(50), 1, SMALL);
    await store.flushed();
    rmSync(path.join(folder, "journal"));
    // So long without a turn of the event loop that the store looks again whether all is in its place.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * CHECKPOINT_AFTER_MS);
    scribble(store, randomFrom(51), 1, SMALL);
    await store.flushed();
    const [flushed, written] = [contentOf(store), readFileSync(data)];
    const synced = checkpointOf(data) > 1 ? written : before;
    const journal = existsSync(path.join(folder, "journal")) ? journalOf() : null;
    expect(await openTorn(synced, "second", journal)).toBe(flushed);
    await store.close();
  });

  it("takes nothing from the journal of a store whose data file somebody has removed", async () => {
    const old = openLmdbStore(folder, { bootId: "first" });
    old.write((writer) => writer.put("rounds", u32Key(1), u32Key(1)));
    await old.flushed();
    const journal = journalOf();
    await old.close();
    rmSync(path.join(folder, "data.mdb"));
    const store = openLmdbStore(folder, { bootId: "first" });
    const empty = readFileSync(path.join(folder, "data.mdb"));
    expect(await openTorn(empty, "second", journal)).toBe(contentOf(store));
    await store.close();
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
    expect(await openTorn(torn(before, after, randomFrom(18)), "second", "folder")).toBe(flushed);
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
