/**
 * Which file system holds a path, asked of the table of mounts and not of the path: a look at a folder whose server is
 * gone hangs for good, and no deadline ends it.
 */
import { readFileSync, readlinkSync } from "node:fs";
import path from "node:path";

export interface Mount {
  readonly id: number;
  readonly parentId: number;
  readonly mountPoint: string;
  /** `ext4`, `nfs4`, `fuse.sshfs`, … */
  readonly type: string;
}

/** The text of /proc/self/mountinfo, in its order. Lines that are none are left out. */
export function parseMountInfo(text: string): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(" ");
    const [id, parentId, , , mountPoint] = fields;
    // A varying number of optional fields ends with a lone hyphen; the type follows it.
    const separator = fields.indexOf("-", 6);
    const type = fields[separator + 1];
    if (separator === -1 || type === undefined || mountPoint === undefined) continue;
    mounts.push({
      id: Number(id),
      parentId: Number(parentId),
      mountPoint: unescapeOctal(mountPoint),
      type,
    });
  }
  return mounts;
}

/** Space, tab, newline and backslash are written as `\040` and so on, other bytes as they are (UTF-8). */
const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/**
 * The mount that an absolute, normalised path without symbolic links lies on; null if the table has none for it (a chroot).
 *
 * From the root mount down the tree, at each step to the child that the path meets first: the longest mount point
 * alone would also find mounts that a later one higher up hides.
 */
export function mountOf(target: string, mounts: readonly Mount[]): Mount | null {
  const above = mounts.filter((mount) => isAtOrBelow(target, mount.mountPoint));
  const ids = new Set(mounts.map((mount) => mount.id));
  const isRoot = (mount: Mount): boolean => !ids.has(mount.parentId) || mount.parentId === mount.id;
  let current = above.filter(isRoot).reduce(longestLast, null);
  for (let steps = 0; current !== null && steps < above.length; steps += 1) {
    const parent: Mount = current;
    const child = above
      .filter((mount) => mount.parentId === parent.id && mount.id !== parent.id)
      .reduce(shortestLast, null);
    if (child === null) return parent;
    current = child;
  }
  return current;
}

const longestLast = (best: Mount | null, mount: Mount): Mount =>
  best !== null && best.mountPoint.length > mount.mountPoint.length ? best : mount;
const shortestLast = (best: Mount | null, mount: Mount): Mount =>
  best !== null && best.mountPoint.length < mount.mountPoint.length ? best : mount;

const isAtOrBelow = (target: string, folder: string): boolean =>
  folder === "/" || target === folder || target.startsWith(`${folder}/`);

export interface PathPlace {
  /** The path with the symbolic links resolved that could be looked at. */
  readonly resolvedPath: string;
  /** `unknown` where the table of mounts has nothing for it. */
  readonly type: string;
}

/** Linux gives up a path after 40 links as well. */
const SYMBOLIC_LINKS_MAX = 40;

/**
 * Where a path lies, which need not exist. Symbolic links are followed, each only after its folder has been seen to be
 * local: as soon as a part lies on a network file system, that is the answer, and nothing there is touched.
 */
export function placeOf(target: string, mounts: readonly Mount[] = readMounts()): PathPlace {
  let rest = path.resolve(target).split("/").filter(Boolean);
  let resolved = "/";
  let links = 0;
  while (true) {
    const type = mountOf(resolved, mounts)?.type ?? "unknown";
    const [next, ...others] = rest;
    if (next === undefined) return { resolvedPath: resolved, type };
    if (isNetworkFileSystem(type)) return { resolvedPath: path.join(resolved, ...rest), type };
    const candidate = path.join(resolved, next);
    const mounted = mounts.some((mount) => mount.mountPoint === candidate);
    const link = mounted || links >= SYMBOLIC_LINKS_MAX ? null : readLink(candidate);
    if (link === null) {
      resolved = candidate;
      rest = others;
    } else {
      links += 1;
      rest = [...path.resolve(resolved, link).split("/").filter(Boolean), ...others];
      resolved = "/";
    }
  }
}

const readMounts = (): readonly Mount[] => parseMountInfo(readFileSync("/proc/self/mountinfo", "utf8"));

/** Null for what is no link, does not exist or may not be looked at: whoever opens the path then gets the real error. */
function readLink(candidate: string): string | null {
  try {
    return readlinkSync(candidate);
  } catch {
    return null;
  }
}

/**
 * Kernel file systems whose folders another machine can have as well, so that neither mmap nor locks hold between all
 * that see them. `9p` and `virtiofs` are a host's folders in a virtual machine: another one may have the same, and 9p
 * knows no unix sockets. `autofs` is a mount to come, in practice of NFS, and looking at it would trigger it.
 */
const NETWORK_TYPES: ReadonlySet<string> = new Set([
  "9p",
  "acfs",
  "afs",
  "autofs",
  "beegfs",
  "beegfs_nodev",
  "ceph",
  "cifs",
  "coda",
  "dvs",
  "gfs2",
  "gpfs",
  "ibrix",
  "lustre",
  "lustre_lite",
  "mmfs",
  "ncpfs",
  "nfs",
  "nfs4",
  "ocfs2",
  "orangefs",
  "panfs",
  "prl_fs",
  "pvfs2",
  "scoutfs",
  "smb2",
  "smb3",
  "smbfs",
  "stornext",
  "vboxsf",
  "virtiofs",
  "vmhgfs",
  "wekafs",
]);

/** FUSE programs that lie over a local disk. */
const LOCAL_FUSE_TYPES: ReadonlySet<string> = new Set([
  "fuseblk",
  "fuse.bindfs",
  "fuse.encfs",
  "fuse.ext2fs",
  "fuse.fuse-overlayfs",
  "fuse.fuse2fs",
  "fuse.gocryptfs",
  "fuse.mergerfs",
  "fuse.overlayfs",
  "fuse.squashfuse",
  "fuse.squashfuse_ll",
]);

/**
 * Whether a store and sockets must not lie there. Kernel types are network ones by list; a FUSE type is one unless it
 * is known as local, since most are doors to somewhere else and new ones appear every year.
 */
export function isNetworkFileSystem(type: string): boolean {
  if (type === "fuse" || type.startsWith("fuse.")) return !LOCAL_FUSE_TYPES.has(type);
  return NETWORK_TYPES.has(type);
}

/** File systems of the kernel that hold no files of users; making a folder there fails, or hangs (Node on /proc). */
const KERNEL_TYPES: ReadonlySet<string> = new Set([
  "proc",
  "sysfs",
  "cgroup",
  "cgroup2",
  "devpts",
  "debugfs",
  "tracefs",
  "securityfs",
  "configfs",
  "bpf",
]);

export const isKernelFileSystem = (type: string): boolean => KERNEL_TYPES.has(type);
