/** `qrew store`: what is kept is looked at, copied, put back and made small. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { daemonProcesses, outputText, runJob, showJob, submitJob, writeDocument } from "../support/jobs.ts";
import { processesNaming, type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { expectRefusal } from "./refusals.ts";

/** More than stays in the store. */
const LONG = { name: "long", command: "head -c 100000 /dev/zero | tr '\\0' x" };

/** A job that waits for the file `go`, and writes a line for each attempt. */
const waiting = (qrew: QrewFolder) => [
  {
    name: "wait",
    command: `echo $QREW_ATTEMPT >> ${qrew.work}/began; until [ -e ${qrew.work}/go ]; do sleep 0.05; done`,
  },
];

const began = (qrew: QrewFolder): string[] => {
  const file = path.join(qrew.work, "began");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
};

async function expectSound(qrew: QrewFolder): Promise<string> {
  const verified = await qrew.run(["store", "verify"]);
  expect(verified).toMatchObject({ code: 0, stderr: "" });
  return verified.stdout;
}

async function killDaemon(qrew: QrewFolder): Promise<void> {
  for (const { pid } of await daemonProcesses(qrew)) process.kill(pid, "SIGKILL");
  await until("nothing is left of it", () => processesNaming(qrew.home).length === 0);
}

describe("a backup", () => {
  it("of a working daemon is restored in its place: what had ended is there, what ran is repeated", {
    timeout: 120_000,
  }, async () => {
    await withQrew(async (qrew) => {
      const backup = path.join(qrew.folder, "backup");
      const { job: ended } = await runJob(qrew, [LONG, { name: "short", command: "echo short" }]);
      const running = await submitJob(qrew, waiting(qrew), ["--key", "night"]);
      await until("it runs", () => began(qrew).length === 1);
      expect(await expectSound(qrew)).toMatch(/manager: 2 jobs.*sound\nworker-00: 2 jobs/);
      expect((await qrew.run(["store", "backup", backup])).stdout).toMatch(/backed up 2 stores/);
      expect(expectRefusal(await qrew.run(["store", "backup", backup]), 2)).toMatch(/never overwritten/);
      // Everything after the backup is lost with its state, but its number is not given again.
      const { job: later } = await runJob(qrew, [{ name: "later", command: "echo later" }]);
      for (const command of [
        ["store", "restore", backup],
        ["store", "restore", backup, "--replace"],
        ["store", "compact"],
      ]) {
        expect(expectRefusal(await qrew.run(command), 2)).toMatch(/--replace|daemon stop --now/);
      }
      expect((await qrew.run(["daemon", "stop", "--now"])).code).toBe(0);
      truncateSync(path.join(qrew.home, "manager", "data.mdb"), 10_000);
      const damaged = await qrew.run(["store", "verify"]);
      expect(damaged.code).toBe(1);
      expect(damaged.stdout).toMatch(/manager: .*1 fault\n.*cut off|data\.mdb cannot be read/);
      expect((await qrew.run(["jobs"])).stderr).toMatch(/qrew store restore/);
      const restored = await qrew.run(["store", "restore", backup, "--replace"]);
      expect(restored).toMatchObject({ code: 0, stderr: "" });
      const aside = readdirSync(qrew.home).filter((name) => name.startsWith("replaced-"));
      expect(aside).toHaveLength(1);
      expect(statSync(path.join(qrew.home, aside[0] ?? "", "manager", "data.mdb")).size).toBe(10_000);
      await expectSound(qrew);
      expect((await outputText(qrew, ended, "long")).length).toBe(100_000);
      expect(await outputText(qrew, ended, "short")).toBe("short\n");
      expect((await qrew.run(["show", String(later)])).code).toBe(3);
      expect((await qrew.run(["daemon", "start", "--cpus", "2"])).code).toBe(0);
      await until("what ran is repeated", () => began(qrew).length === 2);
      writeFileSync(path.join(qrew.work, "go"), "");
      expect((await qrew.run(["wait", String(running)])).code).toBe(0);
      expect((await qrew.run(["submit", writeDocument(qrew, waiting(qrew)), "--key", "night"])).stdout).toBe(
        `${running}\n`,
      );
      const { job: next } = await runJob(qrew, [{ name: "next", command: "echo next" }]);
      expect(next).toBeGreaterThan(later);
      expect(await outputText(qrew, next, "next")).toBe("next\n");
      await expectSound(qrew);
    });
  });

  it("is restored into another folder, not while the first is in use, and is an instance of its own", {
    timeout: 90_000,
  }, async () => {
    await withQrew(async (qrew) => {
      const backup = path.join(qrew.folder, "backup");
      const other = { env: { QREW_HOME: path.join(qrew.folder, "other") } };
      const { job } = await runJob(qrew, [LONG]);
      expect((await qrew.run(["store", "backup", backup])).code).toBe(0);
      const refused = await qrew.run(["store", "restore", backup], other);
      expect(expectRefusal(refused, 2)).toMatch(/still live/);
      expect((await qrew.run(["daemon", "stop"])).code).toBe(0);
      expect((await qrew.run(["store", "restore", backup], other)).code).toBe(0);
      // The output is the other folder's, too.
      rmSync(path.join(qrew.home, "output"), { recursive: true });
      const written = await qrew.run(["logs", String(job), "long"], other);
      expect(written.stdout.length).toBe(100_000);
      expect((await qrew.run(["store", "verify"], other)).code).toBe(0);
      const lost = await qrew.run(["store", "verify"]);
      expect(lost.stdout).toMatch(/output of task 0 of job 1 is gone/);
      expect(expectRefusal(await qrew.run(["store", "restore", qrew.work], other), 3)).toMatch(
        /is no backup/,
      );
    });
  });

  it("that is interrupted when it is put back holds off the daemon until it is repeated", async () => {
    await withQrew(async (qrew) => {
      await runJob(qrew, [{ name: "one", command: "true" }]);
      const backup = path.join(qrew.folder, "backup");
      expect((await qrew.run(["store", "backup", backup])).code).toBe(0);
      expect((await qrew.run(["daemon", "stop"])).code).toBe(0);
      mkdirSync(path.join(qrew.home, "offline"));
      const owner = { pid: 1, startTime: "0", bootId: "", work: "restore", isHalfway: true };
      writeFileSync(path.join(qrew.home, "offline", "owner.json"), JSON.stringify(owner));
      const document = writeDocument(qrew, [{ name: "one", command: "true" }]);
      expect(expectRefusal(await qrew.run(["submit", document]), 2)).toMatch(/restore.*interrupted/);
      expect(expectRefusal(await qrew.run(["store", "compact"]), 2)).toMatch(/restore.*interrupted/);
      expect((await qrew.run(["store", "restore", backup, "--replace"])).code).toBe(0);
      expect((await qrew.run(["run", document])).code).toBe(0);
    });
  });
});

describe("a compaction", () => {
  it("gives free pages back, and loses nothing", async () => {
    await withQrew(async (qrew) => {
      const many = { name: "n", foreach: { i: { range: [1, 3000] } }, executor: "noop" };
      const { job } = await runJob(qrew, [many]);
      await killDaemon(qrew);
      const file = path.join(qrew.home, "worker-00", "data.mdb");
      const before = statSync(file).size;
      const compacted = await qrew.run(["store", "compact"]);
      expect(compacted).toMatchObject({ code: 0, stderr: "" });
      expect(compacted.stdout).toMatch(/worker-00: .* before, .* now\n.* saved/);
      expect(statSync(file).size).toBeLessThan(before);
      await expectSound(qrew);
      expect((await showJob(qrew, job)).tasks.succeeded).toBe(3000);
      const { code } = await runJob(qrew, [{ name: "next", command: "true" }]);
      expect(code).toBe(0);
      await expectSound(qrew);
    });
  });
});

describe("reading without a daemon", () => {
  it("shows jobs, tasks and output of a daemon that was killed", async () => {
    await withQrew(async (qrew) => {
      const { job } = await runJob(qrew, [{ name: "said", command: "echo said" }]);
      const running = await submitJob(qrew, waiting(qrew));
      await until("it runs", () => began(qrew).length === 1);
      await killDaemon(qrew);
      expect((await qrew.run(["jobs"])).stdout).toMatch(/succeeded/);
      expect((await qrew.run(["tasks", String(running)])).stdout).toMatch(/^wait\s+running/m);
      expect(await outputText(qrew, job, "said")).toBe("said\n");
      await expectSound(qrew);
      expect((await qrew.run(["daemon", "status"])).code).toBe(4);
    });
  });
});
