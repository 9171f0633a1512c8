/**
 * Walks the pages of an LMDB file without LMDB. LMDB trusts its file: a page beyond the end is a SIGBUS, a wrong length in a page a
 * SIGSEGV or another's bytes, and its values have no checksums. What passes here can be read without either; whether values make
 * sense is for the decoders of the records.
 */
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import type { QrewError } from "../../protocol/errors.ts";
import { lmdbFailure } from "./lmdbErrors.ts";
import {
  dataFileOf,
  type FileExtent,
  fileExtent,
  type Meta,
  META_PAGES,
  PAGE_BRANCH,
  PAGE_HEADER_BYTES,
  PAGE_KIND,
  PAGE_LEAF,
  PAGE_OVERFLOW,
  readLatestMeta,
  type Tree,
  unreadable,
} from "./lmdbMeta.ts";

export interface PageSurvey {
  readonly entries: number;
  readonly bytes: number;
  /** Bytes of the pages that hold something; the others are free and used again. */
  readonly usedBytes: number;
}

/** A writer commits while an unlocked file is read: what looks damaged then is looked at again, so often. */
const LOOKS_MAX = 5;

/**
 * Reads every page of the state that was committed last. Throws `storeDamaged` with the page and what is wrong there. While a writer
 * is at work the caller holds a snapshot of the store, or the pages of the state that is surveyed may be used again.
 */
export function surveyPages(file: string): PageSurvey {
  return lookAgain(file, (descriptor, meta) => {
    const survey = new Survey(descriptor, meta, file);
    survey.walk(meta.free, false);
    survey.walk(meta.main, true);
    const { bytes } = fileExtent(descriptor, meta);
    const usedBytes = (survey.pages + META_PAGES) * meta.pageBytes;
    return { entries: meta.main.entries, bytes, usedBytes };
  });
}

/** What is wrong with the pages of a store that nobody writes; null where nothing is, or no store is there. */
export function damageOf(folder: string): QrewError | null {
  const file = dataFileOf(folder);
  if (!existsSync(file)) return null;
  try {
    surveyPages(file);
    return null;
  } catch (error) {
    return lmdbFailure(error, folder);
  }
}

/** Only the metas and the roots: what can be afforded at each opening. */
export function surveyRoots(file: string): FileExtent {
  return lookAgain(file, (descriptor, meta) => {
    const survey = new Survey(descriptor, meta, file);
    for (const tree of [meta.free, meta.main]) {
      if (tree.root !== null) survey.readPage(tree.root, 1, tree.depth);
    }
    return fileExtent(descriptor, meta);
  });
}

function lookAgain<Result>(file: string, look: (descriptor: number, meta: Meta) => Result): Result {
  const descriptor = openSync(file, "r");
  try {
    for (let looks = 1; ; looks += 1) {
      const meta = readLatestMeta(descriptor, file);
      try {
        return look(descriptor, meta);
      } catch (error) {
        const isStill = readLatestMeta(descriptor, file).transaction === meta.transaction;
        if (isStill || looks >= LOOKS_MAX) throw error;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

const NODE_HEADER_BYTES = 8;
const OVERFLOW_REFERENCE_BYTES = 24;
const NODE_IN_OVERFLOW = 0x01;
/** Sub-databases and duplicates, which our stores have none of. */
const NODE_OTHER = 0x06;

/** Free pages at the end of a file that were never written: at most what one transaction has taken and freed. */
const FREE_TAIL_BYTES_MAX = 1024 * 1024 * 1024;

class Survey {
  pages = 0;
  readonly #descriptor: number;
  readonly #meta: Meta;
  readonly #file: string;
  readonly #reached: Uint8Array;
  readonly #buffers: Buffer[] = [];
  #lastKey: Buffer | null = null;
  #branchPages = 0;
  #leafPages = 0;
  #overflowPages = 0;
  #entries = 0;

  constructor(descriptor: number, meta: Meta, file: string) {
    this.#descriptor = descriptor;
    this.#meta = meta;
    this.#file = file;
    // A damaged number of pages must not ask for more memory than the file could need.
    const { bytes, expectedBytes } = fileExtent(descriptor, meta);
    if (expectedBytes > bytes + FREE_TAIL_BYTES_MAX)
      throw unreadable(file, `it has ${bytes} bytes of ${expectedBytes}`);
    this.#reached = new Uint8Array(meta.lastPage + 1);
  }

  walk(tree: Tree, isOrdered: boolean): void {
    this.#lastKey = null;
    this.#branchPages = 0;
    this.#leafPages = 0;
    this.#overflowPages = 0;
    this.#entries = 0;
    if (tree.root !== null) this.#walkPage(tree.root, 1, tree, isOrdered);
    const isWhole =
      this.#branchPages === tree.branchPages &&
      this.#leafPages === tree.leafPages &&
      this.#overflowPages === tree.overflowPages &&
      this.#entries === tree.entries;
    if (!isWhole) throw unreadable(this.#file, `it has ${this.#entries} entries of ${tree.entries}`);
  }

  #walkPage(page: number, level: number, tree: Tree, isOrdered: boolean): void {
    const bytes = this.readPage(page, level, tree.depth);
    this.#reach(page, 1);
    const isLeaf = level === tree.depth;
    if (isLeaf) this.#leafPages += 1;
    else this.#branchPages += 1;
    for (let index = 0; index < bytes.readUInt16LE(20) >> 1; index += 1) {
      const node = this.#node(bytes, page, index);
      if (isLeaf) this.#checkEntry(node, page, isOrdered);
      else this.#walkPage(this.#childOf(node, page), level + 1, tree, isOrdered);
    }
  }

  /** A branch or leaf page whose header fits its place; in a buffer of its level, valid until the next of that level. */
  readPage(page: number, level: number, depth: number): Buffer {
    const kind = level < depth ? PAGE_BRANCH : PAGE_LEAF;
    const bytes = this.#read(page, level);
    if ((bytes.readUInt16LE(18) & PAGE_KIND) !== kind) throw this.#damage(page, "it is of the wrong kind");
    const lower = bytes.readUInt16LE(20);
    const upper = bytes.readUInt16LE(22);
    const room = this.#meta.pageBytes - PAGE_HEADER_BYTES;
    if (lower === 0 || lower % 2 !== 0 || lower > upper || upper > room)
      throw this.#damage(page, "its bounds are wrong");
    return bytes;
  }

  #read(page: number, level: number): Buffer {
    const { pageBytes, lastPage, transaction } = this.#meta;
    if (page < META_PAGES || page > lastPage) throw this.#damage(page, "it is not in the file");
    const bytes = (this.#buffers[level] ??= Buffer.allocUnsafe(pageBytes));
    const read = readSync(this.#descriptor, bytes, 0, pageBytes, page * pageBytes);
    if (read < pageBytes) throw this.#damage(page, "the file is cut off before it");
    if (Number(bytes.readBigUInt64LE(0)) !== page) throw this.#damage(page, "it says that it is another");
    if (Number(bytes.readBigUInt64LE(8)) > transaction) throw this.#damage(page, "it is from the future");
    return bytes;
  }

  #reach(page: number, count: number): void {
    for (let next = page; next < page + count; next += 1) {
      if (this.#reached[next] !== 0) throw this.#damage(next, "two places lead to it");
      this.#reached[next] = 1;
    }
    this.pages += count;
  }

  #node(bytes: Buffer, page: number, index: number): Buffer {
    const upper = bytes.readUInt16LE(22);
    const offset = bytes.readUInt16LE(PAGE_HEADER_BYTES + index * 2);
    const start = PAGE_HEADER_BYTES + offset;
    if (offset < upper || start + NODE_HEADER_BYTES > bytes.length)
      throw this.#damage(page, `entry ${index} is outside`);
    const node = bytes.subarray(start);
    if (NODE_HEADER_BYTES + keyBytes(node) > node.length)
      throw this.#damage(page, `the key of entry ${index} is outside`);
    return node;
  }

  #childOf(node: Buffer, page: number): number {
    const child = node.readUInt32LE(0) + node.readUInt16LE(4) * 2 ** 32;
    if (child < META_PAGES || child > this.#meta.lastPage)
      throw this.#damage(page, `it leads to page ${child}`);
    return child;
  }

  #checkEntry(node: Buffer, page: number, isOrdered: boolean): void {
    this.#entries += 1;
    const flags = node.readUInt16LE(4);
    const key = node.subarray(NODE_HEADER_BYTES, NODE_HEADER_BYTES + keyBytes(node));
    const valueBytes = node.readUInt32LE(0);
    const isOverflow = (flags & NODE_IN_OVERFLOW) !== 0;
    const end = NODE_HEADER_BYTES + key.length + (isOverflow ? OVERFLOW_REFERENCE_BYTES : valueBytes);
    if ((flags & NODE_OTHER) !== 0 || end > node.length) throw this.#damage(page, "a value is outside");
    if (isOrdered) {
      if (this.#lastKey !== null && Buffer.compare(this.#lastKey, key) >= 0)
        throw this.#damage(page, "its keys are out of order");
      this.#lastKey = Buffer.from(key);
    }
    if (isOverflow) this.#checkOverflow(node.subarray(NODE_HEADER_BYTES + key.length), valueBytes);
  }

  #checkOverflow(reference: Buffer, valueBytes: number): void {
    const { pageBytes, lastPage } = this.#meta;
    const page = Number(reference.readBigUInt64LE(0));
    const bytes = this.#read(page, 0);
    if ((bytes.readUInt16LE(18) & PAGE_KIND) !== PAGE_OVERFLOW)
      throw this.#damage(page, "it is of the wrong kind");
    const needed = Math.floor((PAGE_HEADER_BYTES - 1 + valueBytes) / pageBytes) + 1;
    const count = bytes.readUInt32LE(20);
    if (count < needed || page + count - 1 > lastPage) throw this.#damage(page, "its value is outside");
    this.#reach(page, count);
    this.#overflowPages += count;
    const last = Buffer.allocUnsafe(1);
    if (readSync(this.#descriptor, last, 0, 1, (page + needed) * pageBytes - 1) < 1)
      throw this.#damage(page, "the file is cut off in it");
  }

  #damage(page: number, why: string): Error {
    return unreadable(this.#file, `page ${page}: ${why}`);
  }
}

const keyBytes = (node: Buffer): number => node.readUInt16LE(6);
