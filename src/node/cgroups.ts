/**
 * The control groups of this process, versions 1 and 2. A limit may stand at the own group or at any above it, so all of
 * them are read.
 */
import { readFileSync } from "node:fs";
import path from "node:path";

export interface CgroupMembership {
  /** Empty for version 2, which has one tree for all. */
  readonly controllers: readonly string[];
  readonly path: string;
}

/** The text of /proc/self/cgroup: `id:controllers:path` lines. */
export function parseCgroupMembership(text: string): readonly CgroupMembership[] {
  const memberships: CgroupMembership[] = [];
  for (const line of text.split("\n")) {
    const [, controllers, ...rest] = line.split(":");
    if (controllers === undefined || rest.length === 0) continue;
    memberships.push({
      controllers: controllers === "" ? [] : controllers.split(","),
      path: rest.join(":"),
    });
  }
  return memberships;
}

export interface CgroupMount {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  /** The group that is seen at the mount point: `/`, or a container's. */
  readonly root: string;
  readonly mountPoint: string;
}

/** The cgroup lines of the text of /proc/self/mountinfo. */
export function parseCgroupMounts(text: string): readonly CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(" ");
    const separator = fields.indexOf("-", 6);
    const [, , , root, mountPoint] = fields;
    const type = fields[separator + 1];
    if (separator === -1 || root === undefined || mountPoint === undefined) continue;
    if (type === "cgroup2") mounts.push({ version: 2, controllers: [], root, mountPoint });
    const controllers = (fields[separator + 3] ?? "").split(",");
    if (type === "cgroup") mounts.push({ version: 1, controllers, root, mountPoint });
  }
  return mounts;
}

/**
 * The folders of the own group and all above it, the own first, in the tree that has `controller` (version 1), or in
 * the common one (version 2). Empty where it is not mounted.
 */
export function cgroupFolders(
  version: 1 | 2,
  controller: string,
  memberships: readonly CgroupMembership[],
  mounts: readonly CgroupMount[],
): readonly string[] {
  const ofTree = (controllers: readonly string[]): boolean =>
    version === 2 ? controllers.length === 0 : controllers.includes(controller);
  const membership = memberships.find((candidate) => ofTree(candidate.controllers));
  const mount = mounts.find((candidate) => candidate.version === version && ofTree(candidate.controllers));
  if (membership === undefined || mount === undefined) return [];
  const folders: string[] = [];
  let relative = insideOf(mount.root, membership.path);
  while (true) {
    folders.push(path.join(mount.mountPoint, relative));
    if (relative === "/") return folders;
    relative = path.dirname(relative);
  }
}

/**
 * The group's path as seen below the mount. In a container the membership may name the path outside of it, which is not
 * there: then the mount point itself is the own group.
 */
function insideOf(root: string, group: string): string {
  const normal = path.posix.normalize(`/${group}`);
  if (root === "/") return normal;
  if (normal === root) return "/";
  return normal.startsWith(`${root}/`) ? normal.slice(root.length) : "/";
}

/** Text of a small file of the system; null where it is missing or may not be read. */
export function readSystemFile(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

/** The folders for a controller of this process: version 2, then version 1; a machine may have both. */
export function ownCgroupFolders(controller: string): {
  readonly v2: readonly string[];
  readonly v1: readonly string[];
} {
  const memberships = parseCgroupMembership(readSystemFile("/proc/self/cgroup") ?? "");
  const mounts = parseCgroupMounts(readSystemFile("/proc/self/mountinfo") ?? "");
  return {
    v2: cgroupFolders(2, controller, memberships, mounts),
    v1: cgroupFolders(1, controller, memberships, mounts),
  };
}
