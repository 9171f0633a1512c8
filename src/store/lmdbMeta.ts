/**
 * The first two pages of an LMDB file (the format of lmdb-js 3, little-endian, as the machine itself writes it): which state was
 * committed last, and how large the file has to be for it. Read without LMDB, which trusts what it maps.
 */
import { fstatSync, readSync } from "node:fs";
import path from "node:path";
import { damagedStore } from "./storeDamage.ts";

const DATA_FILE = "data.mdb";

export const dataFileOf = (folder: string): string => path.join(folder, DATA_FILE);

/** The root of one of the two trees: of free pages, and of entries. */
export interface Tree {
  /** Levels; 0 for an empty tree. */
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Page; null for an empty tree. */
  readonly root: number | null;
}

export interface Meta {
  readonly pageBytes: number;
  /** The committed state has no page beyond it. */
  readonly lastPage: number;
  readonly transaction: number;
  readonly free: Tree;
  readonly main: Tree;
}

export const PAGE_HEADER_BYTES = 24;
export const PAGE_BRANCH = 0x01;
export const PAGE_LEAF = 0x02;
export const PAGE_OVERFLOW = 0x04;
const PAGE_META = 0x08;
export const PAGE_KIND = PAGE_BRANCH | PAGE_LEAF | PAGE_OVERFLOW | PAGE_META;
/** The first two pages of the file. */
export const META_PAGES = 2;

/** The meta record behind the header of a meta page. */
export const META_BYTES = 144;
/** Of the transaction in it. */
export const META_TRANSACTION_AT = 128;
const META_MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const FREE_TREE = 24;
const MAIN_TREE = 72;
/** A tree of this depth would have more pages than a disk has bytes. */
const DEPTH_MAX = 32;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

/** The state that was committed last. Throws `storeDamaged` for what is no store of ours. */
export function readLatestMeta(descriptor: number, file: string): Meta {
  const first = readMeta(descriptor, 0, file);
  const second = readMeta(descriptor, first.pageBytes, file);
  const latest = first.transaction >= second.transaction ? first : second;
  checkTree(latest.free, latest, file);
  checkTree(latest.main, latest, file);
  return latest;
}

function readMeta(descriptor: number, position: number, file: string): Meta {
  const page = readMetaPage(descriptor, position, file);
  const isMeta = (page.readUInt16LE(18) & PAGE_META) !== 0;
  const meta = page.subarray(PAGE_HEADER_BYTES);
  if (!isMeta || meta.readUInt32LE(0) !== META_MAGIC) throw unreadable(file, "it is no LMDB file");
  const version = meta.readUInt16LE(4);
  if (version !== DATA_VERSION) throw unreadable(file, `its format is ${version}, not ${DATA_VERSION}`);
  const pageBytes = meta.readUInt32LE(FREE_TREE);
  const isPowerOfTwo = (pageBytes & (pageBytes - 1)) === 0;
  if (pageBytes < 512 || pageBytes > 65_536 || !isPowerOfTwo)
    throw unreadable(file, `its page size is ${pageBytes}`);
  return {
    pageBytes,
    lastPage: Number(meta.readBigUInt64LE(120)),
    transaction: Number(meta.readBigUInt64LE(META_TRANSACTION_AT)),
    free: readTree(meta.subarray(FREE_TREE)),
    main: readTree(meta.subarray(MAIN_TREE)),
  };
}

function readMetaPage(descriptor: number, position: number, file: string): Buffer {
  const page = Buffer.alloc(PAGE_HEADER_BYTES + META_BYTES);
  const read = readSync(descriptor, page, 0, page.length, position);
  if (read < page.length) throw unreadable(file, "it is cut off");
  return page;
}

/** The bytes of the meta record of the state that was committed last. Throws `storeDamaged` for what is no store of ours. */
export function readLatestRecord(
  descriptor: number,
  file: string,
): { readonly record: Buffer; readonly pageBytes: number } {
  const first = readMetaPage(descriptor, 0, file).subarray(PAGE_HEADER_BYTES);
  const pageBytes = first.readUInt32LE(FREE_TREE);
  const second = readMetaPage(descriptor, pageBytes, file).subarray(PAGE_HEADER_BYTES);
  const isFirst = first.readBigUInt64LE(META_TRANSACTION_AT) >= second.readBigUInt64LE(META_TRANSACTION_AT);
  return { record: isFirst ? first : second, pageBytes };
}

function readTree(bytes: Buffer): Tree {
  const root = bytes.readBigUInt64LE(40);
  return {
    depth: bytes.readUInt16LE(6),
    branchPages: Number(bytes.readBigUInt64LE(8)),
    leafPages: Number(bytes.readBigUInt64LE(16)),
    overflowPages: Number(bytes.readBigUInt64LE(24)),
    entries: Number(bytes.readBigUInt64LE(32)),
    root: root === NO_PAGE ? null : Number(root),
  };
}

function checkTree({ root, depth }: Tree, { lastPage }: Meta, file: string): void {
  const isSound =
    root === null ? depth === 0 : root >= META_PAGES && root <= lastPage && depth >= 1 && depth <= DEPTH_MAX;
  if (!isSound) throw unreadable(file, `its root is page ${root}, ${depth} deep, of ${lastPage}`);
}

export interface FileExtent {
  readonly bytes: number;
  /** That the committed state may refer to. The file may have fewer: free pages at its end are not always written. */
  readonly expectedBytes: number;
}

export const fileExtent = (descriptor: number, meta: Meta): FileExtent => ({
  bytes: fstatSync(descriptor).size,
  expectedBytes: (meta.lastPage + 1) * meta.pageBytes,
});

export const unreadable = (file: string, why: string): Error =>
  damagedStore(`The store ${file} cannot be read`, why);
