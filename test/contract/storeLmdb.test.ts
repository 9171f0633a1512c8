/** What only real files and other processes can show of the store on LMDB. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { createInterface, type Interface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { u32Key } from "../../src/store/keys.ts";
import { type LmdbOptions, openLmdbStore } from "../../src/store/lmdb.ts";
import type { Store } from "../../src/store/port.ts";
import { failureOf } from "../support/failure.ts";
import { inOwnMounts, skipUnless } from "../support/requires.ts";
import { KEYS_PER_TRANSACTION } from "./storeChild.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const CHILD = path.join(import.meta.dirname, "storeChild.ts");
const require = createRequire(import.meta.url);
const CHILD_ARGS = ["--import", require.resolve("tsx"), CHILD];

let base = "";
let folder = "";
let children: ChildProcess[] = [];
let stores: Store[] = [];

beforeEach(() => {
  base = mkdtempSync(path.join(os.tmpdir(), "qrew-lmdb-"));
  folder = path.join(base, "store");
  children = [];
  stores = [];
});
afterEach(async () => {
  for (const child of children) await kill(child);
  for (const store of stores) await store.close();
  rmSync(base, { recursive: true, force: true });
});

function openHere(options: LmdbOptions = {}): Store {
  const store = openLmdbStore(folder, options);
  stores.push(store);
  return store;
}

const put = (store: Store, key: number, value: number): void =>
  store.write((writer) => writer.put("rounds", u32Key(key), u32Key(value)));

function get(store: Store, key: number): number | undefined {
  const value = store.read((reader) => reader.get("rounds", u32Key(key)));
  return value === undefined ? undefined : Buffer.from(value).readUInt32BE(0);
}

interface Child {
  readonly process: ChildProcess;
  readonly lines: Interface;
  nextLine(): Promise<string>;
}

function startChild(mode: string): Child {
  const child = spawn(process.execPath, [...CHILD_ARGS, mode, folder], {
    cwd: ROOT,
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const iterator = lines[Symbol.asyncIterator]();
  return {
    process: child,
    lines,
    nextLine: async () => {
      const next = await iterator.next();
      if (next.done === true) throw new Error(`the child in mode ${mode} ended early`);
      return next.value;
    },
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

const codeOf = (action: () => unknown): string => failureOf(action).code;

describe("reopen", () => {
  it("finds everything again, in folders that only the owner may enter", async () => {
    const store = openHere();
    put(store, 1, 7);
    await store.close();
    expect(get(openHere(), 1)).toBe(7);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(path.join(folder, "data.mdb")).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(folder, "lock.mdb")).mode & 0o777).toBe(0o600);
  });

  it("says notFound to a reader where nothing is, and makes nothing there", () => {
    expect(codeOf(() => openLmdbStore(folder, { readOnly: true }))).toBe("notFound");
    expect(existsSync(folder)).toBe(false);
  });

  it("does not let a reader write", async () => {
    await openHere().close();
    const reader = openHere({ readOnly: true });
    expect(() => put(reader, 1, 1)).toThrow(/only the writer/);
  });

  it("refuses to open a store twice in one process", () => {
    openHere();
    expect(() => openHere({ readOnly: true })).toThrow(/once/);
  });
});

describe("SIGKILL", () => {
  it("keeps every transaction whose write had returned, each as a whole", async () => {
    const child = startChild("write");
    let said = 0;
    while (said < 40) said = Number(await child.nextLine());
    child.process.kill("SIGKILL");
    for await (const line of child.lines) said = Number(line);
    const store = openHere();
    const rounds = new Set<number | undefined>();
    for (let key = 0; key < KEYS_PER_TRANSACTION; key += 1) rounds.add(get(store, key));
    expect(rounds.size).toBe(1);
    const [round] = rounds;
    // The last one may have been committed and not yet said.
    expect([said, said + 1]).toContain(round);
    put(store, 0, 1);
  });

  it("inside a transaction: nothing of it is there, and the next writer writes", async () => {
    const child = startChild("stopInside");
    expect(await child.nextLine()).toBe("inside");
    await kill(child.process);
    const store = openHere();
    expect(get(store, 0)).toBe(1);
    expect(get(store, 1)).toBeUndefined();
    put(store, 1, 2);
    expect(get(store, 1)).toBe(2);
  });

  it("of readers: their places in the table of readers are free again", async () => {
    const store = openHere();
    put(store, 0, 1);
    const readers = Array.from({ length: 3 }, () => startChild("read"));
    for (const reader of readers) {
      await reader.nextLine();
      reader.process.stdin?.write("\n");
      expect(await reader.nextLine()).toBe("1");
    }
    for (const reader of readers) await kill(reader.process);
    await store.close();
    expect(get(openHere({ readOnly: true }), 0)).toBe(1);
  });
});

describe("a reader that is killed in its snapshot", () => {
  it("does not keep pages from being used again, though its writer goes on", async () => {
    const store = openHere({ readerCheckMs: 0 });
    put(store, 0, 1);
    const reader = startChild("stopReading");
    expect(await reader.nextLine()).toBe("reading");
    const fill = async (): Promise<void> => {
      for (let round = 0; round < 100; round += 1) {
        store.write((writer) => writer.put("big", u32Key(0), new Uint8Array(50_000)));
        await store.flushed();
      }
    };
    await fill();
    const { size } = statSync(path.join(folder, "data.mdb"));
    // While it lives each round takes pages of its own.
    expect(size).toBeGreaterThan(4_000_000);
    await kill(reader.process);
    await fill();
    await fill();
    expect(statSync(path.join(folder, "data.mdb")).size).toBeLessThan(size + 1_000_000);
  });
});

describe("a reader in another process", () => {
  it("sees each commit at once, also when the file has outgrown its map", async () => {
    const store = openHere();
    put(store, 0, 1);
    const reader = startChild("read");
    expect(await reader.nextLine()).toBe("open");
    for (let round = 2; round < 40; round += 1) {
      put(store, 0, round);
      reader.process.stdin?.write("\n");
      expect(await reader.nextLine()).toBe(String(round));
    }
    // The first map has 64 MiB.
    for (let part = 0; part < 20; part += 1) {
      store.write((writer) => writer.put("big", u32Key(part), new Uint8Array(4 * 1024 * 1024)));
    }
    put(store, 0, 99);
    reader.process.stdin?.write("\n");
    expect(await reader.nextLine()).toBe("99");
    reader.process.stdin?.end();
  });

  it("keeps its snapshot while the writer commits, and does not hold it after its end", async () => {
    const writer = startChild("write");
    await writer.nextLine();
    const store = openHere({ readOnly: true });
    const seenLooks = new Set<number>();
    let last = 0;
    const deadlineMs = performance.now() + 20_000;
    for (let look = 0; look < 50 || (seenLooks.size <= 10 && performance.now() < deadlineMs); look += 1) {
      const seen = store.read((reader) => {
        const first = reader.get("rounds", u32Key(0));
        const end = performance.now() + 2;
        while (performance.now() < end);
        const later = reader.get("rounds", u32Key(KEYS_PER_TRANSACTION - 1));
        return [first, later].map((value) => Buffer.from(value ?? []).readUInt32BE(0));
      });
      expect(seen[0]).toBe(seen[1]);
      expect(seen[0]).toBeGreaterThanOrEqual(last);
      last = seen[0] ?? 0;
      seenLooks.add(last);
    }
    // All in one turn of the event loop: each look sees what was committed since the one before, on a loaded machine little.
    expect(seenLooks.size).toBeGreaterThan(1);
    await kill(writer.process);
    // 10,000s of rounds rewrote the same few pages; an old snapshot would have kept each of them.
    expect(statSync(path.join(folder, "data.mdb")).size).toBeLessThan(16 * 1024 * 1024);
  });
});

describe("a range that was left open", () => {
  it("holds no snapshot after its transaction: pages are used again", async () => {
    const store = openHere();
    put(store, 0, 1);
    put(store, 1, 1);
    for (let round = 0; round < 200; round += 1) {
      store.read((reader) => reader.range("rounds", {})[Symbol.iterator]().next());
      store.write((writer) => {
        writer.range("rounds", {})[Symbol.iterator]().next();
        writer.put("big", u32Key(0), new Uint8Array(50_000));
      });
      await store.flushed();
    }
    expect(statSync(path.join(folder, "data.mdb")).size).toBeLessThan(1024 * 1024);
  });
});

describe("a power cut", () => {
  it("finds what was flushed in the journal, and pages on disk before their checkpoint; a commit waits for neither", (ctx) => {
    skipUnless(ctx, "strace");
    const tracer = "strace";
    const trace = path.join(base, "trace");
    const calls = "trace=write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range,msync";
    const strace = ["-f", "-y", "-e", calls, "-o", trace, process.execPath, ...CHILD_ARGS, "flush", folder];
    const { status } = spawnSync(tracer, strace, { cwd: ROOT, timeout: 50_000 });
    expect(status).toBe(0);
    const seen = readFileSync(trace, "utf8").split("\n").map(stepOf).filter(Boolean);
    const begin = seen.indexOf("begin");
    expect(seen.slice(begin)).toEqual([
      "begin",
      "pages",
      "meta",
      "committed",
      "entry",
      "sync of the journal",
      "flushed",
      "sync",
      "checkpoint",
      "sync",
    ]);
  });

  /** What a line of the trace means for the store; empty for all else. */
  function stepOf(line: string): string {
    const said = /\bwrite\(1<[^>]*>, "(begin|committed|flushed)\\n"/.exec(line);
    if (said?.[1] !== undefined) return said[1];
    if (line.includes("/journal>")) return line.includes("sync(") ? "sync of the journal" : "entry";
    if (!line.includes("data.mdb>") || line.includes("resumed>")) return "";
    if (/\b(fdatasync|fsync)\(/.test(line)) return "sync";
    // The meta pages are the first two of the file, and written with their offset; pages that follow each other are not.
    const offset = /\bpwrite64\(.*, (\d+)\)\s+= \d+$/.exec(line)?.[1];
    if (offset !== undefined && Number(offset) >= 2 * 4096) return "pages";
    if (offset !== undefined) return Number(offset) % 4096 < 512 ? "meta" : "checkpoint";
    if (/\bwritev\(/.test(line)) return "pages";
    return line;
  }
});

describe("a full disk", () => {
  const run = (command: string, args: readonly string[]): readonly string[] => {
    const { stdout, status, signal, stderr } = spawnSync(command, args, {
      cwd: ROOT,
      encoding: "utf8",
      timeout: 50_000,
    });
    // liblmdb says some of it itself.
    const said = stderr.replaceAll(/^mdb_page_spill .*\n/gm, "");
    expect({ status, signal, said }).toEqual({ status: 0, signal: null, said: "" });
    return stdout.trim().split("\n");
  };
  const quote = (args: readonly string[]): string => args.map((arg) => `'${arg}'`).join(" ");
  const FULL_TWICE_THEN_USABLE = ["storeFull", "storeFull", "all there", "usable again"];

  it("is storeFull under a limit of file size, and usable again when something is deleted", () => {
    const child = quote([process.execPath, ...CHILD_ARGS, "fill", folder]);
    // In units of 1,024 bytes; soft, and only for this shell.
    expect(run("bash", ["-c", `ulimit -S -f 4096 && ${child}`])).toEqual(FULL_TWICE_THEN_USABLE);
  });

  it("is storeFull on a small tmpfs, and usable again when space is freed", (ctx) => {
    skipUnless(ctx, "mount");
    mkdirSync(folder);
    const ballast = path.join(folder, "ballast");
    const child = quote([process.execPath, ...CHILD_ARGS, "fill", path.join(folder, "store"), ballast]);
    const script = `mount -t tmpfs -o size=3m none '${folder}' && head -c 500000 /dev/zero > '${ballast}' && ${child}`;
    expect(run("unshare", [...inOwnMounts(), "sh", "-c", script])).toEqual(FULL_TWICE_THEN_USABLE);
  });

  it("refuses to make a new store on a full tmpfs, and opens one that is there", (ctx) => {
    skipUnless(ctx, "mount");
    mkdirSync(folder);
    const there = path.join(folder, "there");
    const child = (name: string): string => quote([process.execPath, ...CHILD_ARGS, "open", name]);
    const half = path.join(folder, "half");
    const script =
      `mount -t tmpfs -o size=2m none '${folder}' && ${child(there)} && ` +
      `mkdir '${half}' && head -c 65536 /dev/zero > '${half}/lock.mdb' && ` +
      `! head -c 9000000 /dev/zero > '${folder}/ballast' 2> /dev/null && ` +
      `${child(there)} && ${child(path.join(folder, "new"))} && ${child(half)}`;
    const said = run("unshare", [...inOwnMounts(), "sh", "-c", script]);
    expect(said).toEqual(["opened", "opened", "storeFull", "storeFull"]);
  });
});
