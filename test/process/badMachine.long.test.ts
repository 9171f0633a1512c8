/** Machines that qrew cannot work on, or not any more: it says so, and goes on when it can. */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { WHOLE_DOCUMENT_BYTES_MAX } from "../../protocol/limits.ts";
import { daemonProcesses, runJob, submitJob, writeDocument } from "../support/jobs.ts";
import { OwnMounts } from "../support/ownMounts.ts";
import { type CommandOptions, processesNaming, type QrewFolder, withQrew } from "../support/qrew.ts";
import { MOUNT_FUSE, skipUnless } from "../support/requires.ts";
import { until } from "../support/until.ts";
import { expectRefusal, expectUnbroken, managerPid } from "./refusals.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const GOOD = [{ name: "good", command: "true" }];
/** Comes in pieces, which are files until it is planned. */
const LONG = [{ name: "long", command: ["true", "x".repeat(WHOLE_DOCUMENT_BYTES_MAX)] }];
/** More than the free pages of a small store hold. */
const LARGE = Object.fromEntries(["A", "B", "C", "D", "E", "F"].map((name) => [name, name.repeat(120_000)]));

/** Room for the stores of a few small jobs. */
const MOUNT_SMALL = 'mount -t tmpfs -o size=6m,mode=700 none "$1"';

async function onSmallDisk(
  ctx: { skip(note?: string): never },
  body: (qrew: QrewFolder, inside: CommandOptions, disk: string) => Promise<void>,
): Promise<void> {
  skipUnless(ctx, "mount");
  await withQrew(async (qrew) => {
    mkdirSync(qrew.home);
    const mounts = await OwnMounts.make(MOUNT_SMALL, qrew.home);
    const inside = { through: mounts.through(qrew.work) };
    try {
      expect((await qrew.run(["daemon", "start", "--cpus", "1"], inside)).code).toBe(0);
      await body(qrew, inside, path.join(`/proc/${mounts.pid}/root`, qrew.home));
    } finally {
      await qrew.run(["daemon", "stop", "--now"], inside);
      await mounts.close();
    }
  });
}

/** Takes what is left, to the last block. */
function fill(disk: string): void {
  for (let bytes = 64 * 1024; bytes >= 1; ) {
    try {
      writeFileSync(path.join(disk, "filler"), Buffer.alloc(bytes), { flag: "a" });
    } catch {
      bytes = Math.floor(bytes / 2);
    }
  }
}
const empty = (disk: string): void => writeFileSync(path.join(disk, "filler"), "");

describe("a full disk", () => {
  it("refuses submissions, survives, and works again when there is room", async (ctx) => {
    await onSmallDisk(ctx, async (qrew, inside, disk) => {
      const manager = await managerPid(qrew, inside);
      await expectUnbroken(qrew, manager, inside);
      fill(disk);
      for (const command of ["run", "submit"]) {
        const refused = await qrew.run([command, writeDocument(qrew, LONG)], inside);
        expect(expectRefusal(refused, 4)).toMatch(/ENOSPC.*make room on the disk/);
        // A short one may find room in the store, one with a large environment does not.
        const filled = await qrew.run([command, writeDocument(qrew, GOOD)], { ...inside, env: LARGE });
        expect(expectRefusal(filled, 4)).toMatch(/cannot be written.*free space on its disk/);
      }
      const shown = await qrew.run(["show", "last"], inside);
      expect(shown.stdout).toContain("succeeded");
      expect(await managerPid(qrew, inside)).toBe(manager);
      empty(disk);
      await expectUnbroken(qrew, manager, inside);
    });
  });

  it("loses no end of a task that writes into it; jobs are deleted when there is room, or refused to be", async (ctx) => {
    await onSmallDisk(ctx, async (qrew, inside, disk) => {
      const manager = await managerPid(qrew, inside);
      const old = String(await submitJob(qrew, GOOD, [], inside));
      expect((await qrew.run(["wait", old], inside)).code).toBe(0);
      const go = path.join(qrew.work, "go");
      const command = `until [ -e ${go} ]; do sleep 0.02; done; head -c 3000000 /dev/zero; echo $? > ${qrew.work}/ran`;
      const job = String(await submitJob(qrew, [{ name: "loud", command }], [], inside));
      await until("it runs", async () =>
        /^loud\s+running/m.test((await qrew.run(["tasks", job], inside)).stdout),
      );
      fill(disk);
      writeFileSync(go, "");
      await until("its end", () => existsSync(path.join(qrew.work, "ran")));
      const pruned = await qrew.run(["prune", old], inside);
      // Where a few pages were free, it may go through.
      expect(`${pruned.code} ${pruned.stderr}`).toMatch(/^(0|4 .*No space left.*free space on its disk)/);
      expect(await managerPid(qrew, inside)).toBe(manager);
      empty(disk);
      expect((await qrew.run(["wait", job], { ...inside, timeoutMs: 30_000 })).code).toBe(0);
      await qrew.run(["prune", old], inside);
      expect((await qrew.run(["show", old], inside)).code).not.toBe(0);
      await expectUnbroken(qrew, manager, inside);
    });
  });

  it("refuses a document that does not fit, in the middle of its pieces", async (ctx) => {
    await onSmallDisk(ctx, async (qrew, inside) => {
      const manager = await managerPid(qrew, inside);
      const tasks = Array.from({ length: 8000 }, (_, i) => ({
        name: `t${i}`,
        command: `true ${"x".repeat(1000)}`,
      }));
      // Each piece on the way is answered; one that is not would be waited for, for 10 s.
      const refused = await qrew.run(["run", writeDocument(qrew, tasks)], { ...inside, timeoutMs: 9000 });
      expect(expectRefusal(refused, 4)).toMatch(/ENOSPC.*make room on the disk/);
      // What had come is gone, so the next one fits.
      await expectUnbroken(qrew, manager, inside);
    });
  });

  it("waits with what it cannot record, and loses nothing", async (ctx) => {
    await onSmallDisk(ctx, async (qrew, inside, disk) => {
      const manager = await managerPid(qrew, inside);
      const go = path.join(qrew.work, "go");
      const wait = `until [ -e ${go} ]; do sleep 0.02; done; echo $QREW_TASK >> ${qrew.work}/ran`;
      const tasks = Array.from({ length: 40 }, (_, i) => ({
        name: `t${i}`,
        command: i === 0 ? wait : `echo $QREW_TASK >> ${qrew.work}/ran`,
      }));
      const job = String(await submitJob(qrew, tasks, [], inside));
      await until("the first task", async () => {
        const shown = await qrew.run(["tasks", job], inside);
        return /^t0\s+running/m.test(shown.stdout);
      });
      fill(disk);
      writeFileSync(go, "");
      await until("its end", () => existsSync(path.join(qrew.work, "ran")));
      empty(disk);
      expect((await qrew.run(["wait", job], { ...inside, timeoutMs: 30_000 })).code).toBe(0);
      const ran = readFileSync(path.join(qrew.work, "ran"), "utf8").trimEnd().split("\n");
      expect(ran.toSorted()).toEqual(tasks.map(({ name }) => name).toSorted());
      await expectUnbroken(qrew, manager, inside);
    });
  });
});

describe("a full disk on which processes die", () => {
  it("loses nothing, runs nothing twice, has no room for a line of a log, and lets the daemon be stopped", async (ctx) => {
    await onSmallDisk(ctx, async (qrew, inside, disk) => {
      const ran = path.join(qrew.work, "ran");
      const linesOf = () => (existsSync(ran) ? readFileSync(ran, "utf8").trimEnd().split("\n") : []);
      const go = path.join(qrew.work, "go");
      const gate = { name: "gate", command: `until [ -e ${go} ]; do sleep 0.02; done` };
      const range = [1, 1000];
      const t = {
        name: "t",
        depends: ["gate"],
        foreach: { i: { range } },
        command: `echo $QREW_TASK >> ${ran}`,
      };
      const job = String(await submitJob(qrew, [gate, t], [], inside));
      await until("the gate", async () =>
        /^gate\s+running/m.test((await qrew.run(["tasks", job], inside)).stdout),
      );
      fill(disk);
      writeFileSync(go, "");
      await until("ends that find no room", () => linesOf().length > 4);
      for (const role of ["executor", "worker", "manager"]) {
        const processes = await daemonProcesses(qrew, inside);
        for (const { role: other, pid } of processes) if (other === role) process.kill(pid, "SIGKILL");
        expect((await qrew.run(["daemon", "start", "--cpus", "1"], inside)).code).toBe(0);
      }
      empty(disk);
      expect((await qrew.run(["wait", job], { ...inside, timeoutMs: 60_000 })).code).toBe(0);
      expect(linesOf()).toHaveLength(1000);
      expect(new Set(linesOf()).size).toBe(1000);
      fill(disk);
      expect((await qrew.run(["daemon", "stop"], inside)).code).toBe(0);
      await until("nothing of it is left", () => processesNaming(qrew.home).length === 0);
      empty(disk);
    });
  }, 120_000);
});

describe("too few file descriptors", () => {
  const limited = (command: string): readonly string[] => ["sh", "-c", `${command} && exec "$@"`, "sh"];

  it.each(["run", "daemon start"])("%s refuses, and says how to get more", async (command) => {
    await withQrew(async (qrew) => {
      const args = command === "run" ? ["run", writeDocument(qrew, GOOD)] : ["daemon", "start"];
      const refused = await qrew.run(args, { through: limited("ulimit -n 256") });
      expect(expectRefusal(refused, 2)).toMatch(/only 256 files and needs 1024: .*administrator/);
      await until("its manager is gone", () => processesNaming(qrew.folder).length === 0);
      expect((await runJob(qrew, GOOD)).code).toBe(0);
    });
  });

  it("raises a soft limit by itself", async () => {
    await withQrew(async (qrew) => {
      expect((await runJob(qrew, GOOD, [], { through: limited("ulimit -S -n 256") })).code).toBe(0);
    });
  });
});

describe("a network file system", () => {
  async function onNetwork(
    ctx: { skip(note?: string): never },
    body: (qrew: QrewFolder, mount: string, inside: CommandOptions) => Promise<void>,
  ): Promise<void> {
    skipUnless(ctx, "mount", "fuse");
    await withQrew(async (qrew) => {
      const mount = path.join(qrew.folder, "net");
      mkdirSync(mount);
      // The folder that is fallen back to belongs to everybody: here it is the test's own.
      const script = `mount -t tmpfs -o mode=1777 none /var/tmp && ${MOUNT_FUSE}`;
      const mounts = await OwnMounts.make(script, mount);
      try {
        // Nobody serves this mount: a command that touched it would hang, and be killed.
        await body(qrew, mount, { through: mounts.through(qrew.work), timeoutMs: 20_000 });
      } finally {
        await mounts.close();
      }
    });
  }

  it("is refused for the state folder without being touched", async (ctx) => {
    await onNetwork(ctx, async (qrew, mount, inside) => {
      const document = writeDocument(qrew, GOOD);
      symlinkSync(mount, path.join(qrew.folder, "link"));
      for (const home of [mount, path.join(mount, "deep", "home"), path.join(qrew.folder, "link", "home")]) {
        for (const args of [["run", document], ["daemon", "start"], ["jobs"]]) {
          const refused = await qrew.run(args, { ...inside, env: { QREW_HOME: home } });
          expect(expectRefusal(refused, 2)).toMatch(/network file system \(fuse\.sshfs\).*set QREW_HOME/);
        }
      }
    });
  });

  it("is left for a local folder, with a notice, where it is the home of the user", async (ctx) => {
    await onNetwork(ctx, async (qrew, mount, inside) => {
      const asUser = { ...inside, env: { HOME: mount, QREW_HOME: "" } };
      const notice = /network file system \(fuse\.sshfs\): the state is kept in \/var\/tmp\/qrew-\d+/;
      try {
        const { code, stderr } = await runJob(qrew, GOOD, [], asUser);
        expect(code).toBe(0);
        expect(stderr).toMatch(notice);
      } finally {
        expect((await qrew.run(["daemon", "stop", "--now"], asUser)).stderr).toMatch(notice);
      }
    });
  });
});

describe("a daemon of another version", () => {
  const OTHER = "0.0.9-other";

  /** A copy of the build that says it is of another version. */
  function otherBuild(qrew: QrewFolder): string {
    const copy = path.join(qrew.folder, "other");
    cpSync(path.join(ROOT, "dist"), path.join(copy, "dist"), { recursive: true });
    writeFileSync(path.join(copy, "package.json"), '{"type": "module"}');
    symlinkSync(path.join(ROOT, "node_modules"), path.join(copy, "node_modules"));
    const version = path.join(copy, "dist", "protocol", "version.js");
    const text = readFileSync(version, "utf8");
    const edited = text.replace(/(QREW_VERSION = ")[^"]+"/, `$1${OTHER}"`);
    expect(edited).not.toBe(text);
    writeFileSync(version, edited);
    return path.join(copy, "dist", "src", "cli", "main.js");
  }

  it("is not spoken to, but can be stopped", async () => {
    await withQrew(async (qrew) => {
      const main = otherBuild(qrew);
      expect((await qrew.run(["daemon", "start"], { main })).code).toBe(0);
      const before = await managerPid(qrew, { main });
      for (const args of [
        ["run", writeDocument(qrew, GOOD)],
        ["daemon", "status"],
      ]) {
        const refused = await qrew.run(args);
        expect(expectRefusal(refused, 4)).toMatch(
          new RegExp(`is qrew ${OTHER}, this command is qrew \\S+: stop it with \`qrew daemon stop\``),
        );
      }
      await expectUnbroken(qrew, before, { main });
      expect((await qrew.run(["daemon", "stop"])).code).toBe(0);
      expect((await runJob(qrew, GOOD)).code).toBe(0);
    });
  });
});
