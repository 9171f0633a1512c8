import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { daemonProcesses, outputText, runJob, showJob, submitJob } from "../support/jobs.ts";
import { processesNaming, type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

async function killDaemon(qrew: QrewFolder): Promise<void> {
  for (const { pid } of await daemonProcesses(qrew)) process.kill(pid, "SIGKILL");
  await until("nothing is left of it", () => processesNaming(qrew.home).length === 0);
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

describe("a damaged state folder", () => {
  it("fails the jobs of a seat whose store cannot be read, and runs all others", {
    timeout: 90_000,
  }, async () => {
    await withQrew(async (qrew) => {
      const first = await submitJob(qrew, [{ name: "long", command: ["sleep", "300"] }]);
      await until("it runs", async () => (await showJob(qrew, first)).tasks.running === 1);
      await killDaemon(qrew);
      writeFileSync(path.join(qrew.home, "worker-00", "data.mdb"), Buffer.alloc(65_536, "garbage"));
      const second = await runJob(qrew, [{ name: "next", command: "echo fine" }]);
      expect(second).toMatchObject({ code: 0 });
      expect((await qrew.call("wait", String(first))).code).toBe(1);
      const jobs = await qrew.call("jobs");
      expect(jobs).toMatchObject({ code: 0 });
      expect(jobs.stdout).toMatch(/failed/);
      expect(jobs.stdout).toMatch(/succeeded/);
    });
  });

  it("ends the tasks of such a seat, which nobody watches any more", { timeout: 60_000 }, async () => {
    await withQrew(async (qrew) => {
      const first = await submitJob(qrew, [{ name: "long", command: "setsid sleep 300 & sleep 300" }]);
      await until("it runs", async () => (await showJob(qrew, first)).tasks.running === 1);
      for (const { role, pid } of await daemonProcesses(qrew)) {
        if (role === "manager" || role === "worker") process.kill(pid, "SIGKILL");
      }
      writeFileSync(path.join(qrew.home, "worker-00", "data.mdb"), Buffer.alloc(65_536, "garbage"));
      const second = await runJob(qrew, [{ name: "next", command: "echo fine" }]);
      expect(second).toMatchObject({ code: 0 });
      expect((await qrew.call("wait", String(first))).code).toBe(1);
      const left = processesNaming(qrew.folder).filter((pid) => commandLineOf(pid).includes("sleep"));
      expect(left).toEqual([]);
    });
  });

  it("is not begun anew beside the stores of a manager's that is lost, and goes on when that is put back", async () => {
    await withQrew(async (qrew) => {
      const { job } = await runJob(qrew, [{ name: "one", command: "echo kept" }]);
      await killDaemon(qrew);
      const [store, aside] = [path.join(qrew.home, "manager"), path.join(qrew.folder, "aside")];
      renameSync(store, aside);
      const refused = await qrew.run(["daemon", "start"]);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/worker-00.*manager, is gone.*store restore/);
      rmSync(store, { recursive: true });
      renameSync(aside, store);
      expect((await runJob(qrew, [{ name: "two", command: "true" }])).job).toBe(job + 1);
      expect(await outputText(qrew, job, "one")).toBe("kept\n");
    });
  });

  it("never gives the number of a job twice, also when a job could not be stored", async () => {
    await withQrew(async (qrew) => {
      mkdirSync(qrew.home, { mode: 0o700 });
      writeFileSync(path.join(qrew.home, "jobs"), "in the way");
      const document = path.join(qrew.work, "one.json");
      writeFileSync(document, JSON.stringify([{ name: "one", command: "echo $QREW_JOB_ID" }]));
      const refused = await qrew.run(["submit", "--fresh-dir", document]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain("fresh folder");
      const { job: kept } = await runJob(qrew, [{ name: "one", command: "echo kept" }]);
      expect((await qrew.call("daemon", "stop")).code).toBe(0);
      rmSync(path.join(qrew.home, "jobs"));
      const { job: next } = await runJob(qrew, [{ name: "one", command: "echo next" }]);
      expect(next).toBeGreaterThan(kept);
      expect(await outputText(qrew, kept, "one")).toBe("kept\n");
      expect(await outputText(qrew, next, "one")).toBe("next\n");
    });
  });
});

describe("a task that spoils its own output file", () => {
  it("ends all the same, and its output says why it is lost", async () => {
    await withQrew(async (qrew) => {
      // A file of its own name it has from 50 ms on.
      const name = 'while p=$(readlink /proc/$$/fd/1); [ "$p" = "${p%.out}" ]; do sleep 0.01; done';
      const spoil = `${name}; rm "$p"; mkdir "$p"`;
      const { code, job } = await runJob(qrew, [{ name: "spoiler", command: spoil }]);
      expect(code).toBe(0);
      expect(await outputText(qrew, job, "spoiler")).toContain("the output was lost");
    });
  });
});
