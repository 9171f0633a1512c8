import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  isNetworkFileSystem,
  type Mount,
  mountOf,
  parseMountInfo,
  placeOf,
} from "../../../src/node/filesystem.ts";

const TEXT = String.raw`22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 0:40 / /home rw shared:2 master:3 - autofs auto.home rw
31 30 0:41 /anna /home/anna rw - nfs4 server:/home rw
32 22 0:42 / /mnt/with\040space rw - tmpfs tmpfs rw
33 22 0:43 / /mnt/back\134slash rw - xfs /dev/x rw
40 22 0:50 / /scratch rw - lustre mds:/s rw
41 40 0:51 / /scratch/local rw - ext4 /dev/y rw
42 22 0:52 / /hidden/deep rw - nfs s:/d rw
43 22 0:53 / /hidden rw - ext4 /dev/z rw
50 22 0:60 / /twice rw - nfs s:/t rw
51 50 0:61 / /twice rw - tmpfs tmpfs rw

not a mount
`;

const mounts = parseMountInfo(TEXT);

describe("the table of mounts", () => {
  it("is read with and without optional fields, and with escapes", () => {
    expect(mounts).toHaveLength(12);
    expect(mounts[0]).toEqual({ id: 22, parentId: 1, mountPoint: "/", type: "ext4" });
    expect(mounts.map((mount) => mount.mountPoint)).toContain("/mnt/with space");
    expect(mounts.map((mount) => mount.mountPoint)).toContain("/mnt/back\\slash");
  });

  it.each([
    ["/", "ext4"],
    ["/var/tmp/x", "ext4"],
    ["/proc/self", "proc"],
    ["/home", "autofs"],
    ["/home/bert", "autofs"],
    ["/home/anna/.qrew", "nfs4"],
    ["/homestead", "ext4"],
    ["/mnt/with space/x", "tmpfs"],
    ["/mnt/back\\slash", "xfs"],
    ["/scratch/me", "lustre"],
    ["/scratch/local/me", "ext4"],
    ["/hidden/deep/x", "ext4"],
    ["/twice/x", "tmpfs"],
  ])("says for %s %s", (target, type) => {
    expect(mountOf(target, mounts)?.type).toBe(type);
  });

  it("has none for a path in a chroot without mounts, and does not loop over strange tables", () => {
    expect(mountOf("/x", [])).toBeNull();
    const circle: readonly Mount[] = [
      { id: 1, parentId: 2, mountPoint: "/", type: "a" },
      { id: 2, parentId: 1, mountPoint: "/", type: "b" },
    ];
    expect(mountOf("/x", circle)).toBeNull();
  });
});

describe("the place of a path", () => {
  let base = "";
  beforeEach(() => {
    base = realpathSync(mkdtempSync(path.join(os.tmpdir(), "qrew-place-")));
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  const withNetworkAt = (mountPoint: string): readonly Mount[] => [
    { id: 1, parentId: 0, mountPoint: "/", type: "ext4" },
    { id: 2, parentId: 1, mountPoint, type: "nfs" },
  ];

  it("is found through links, also of folders that do not exist", () => {
    mkdirSync(path.join(base, "a"));
    symlinkSync("../net/home", path.join(base, "a", "link"));
    symlinkSync(path.join(base, "a"), path.join(base, "b"));
    expect(placeOf(path.join(base, "b", "link", "x"), withNetworkAt(path.join(base, "net")))).toEqual({
      resolvedPath: path.join(base, "net", "home", "x"),
      type: "nfs",
    });
    expect(placeOf(path.join(base, "b", "none", "x"), withNetworkAt(path.join(base, "net")))).toEqual({
      resolvedPath: path.join(base, "a", "none", "x"),
      type: "ext4",
    });
  });

  it("is not looked for beyond the first network mount", () => {
    // On the network mount of this table there is a link to a local folder: following it would be touching it.
    mkdirSync(path.join(base, "net"));
    symlinkSync("/", path.join(base, "net", "link"));
    expect(placeOf(path.join(base, "net", "link", "x"), withNetworkAt(path.join(base, "net"))).type).toBe(
      "nfs",
    );
  });

  it("of a circle of links is found as well", () => {
    symlinkSync("two", path.join(base, "one"));
    symlinkSync("one", path.join(base, "two"));
    expect(placeOf(path.join(base, "one"), withNetworkAt("/none")).type).toBe("ext4");
  });

  it("of this machine's own folders has a type", () => {
    expect(placeOf("/proc/self").type).toBe("proc");
  });
});

describe("a network file system", () => {
  it.each([
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "9p",
    "virtiofs",
    "autofs",
    "afs",
  ])("is %s", (type) => {
    expect(isNetworkFileSystem(type)).toBe(true);
  });
  it.each(["fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.juicefs", "fuse.something-new", "fuse"])(
    "is %s",
    (type) => {
      expect(isNetworkFileSystem(type)).toBe(true);
    },
  );
  it.each([
    "ext4",
    "xfs",
    "btrfs",
    "tmpfs",
    "zfs",
    "overlay",
    "f2fs",
    "fuseblk",
    "fuse.fuse-overlayfs",
    "unknown",
  ])("is not %s", (type) => {
    expect(isNetworkFileSystem(type)).toBe(false);
  });
});
