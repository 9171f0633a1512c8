import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { seatNumber } from "../../protocol/ids.ts";
import { Stores } from "../../src/client/stores.ts";
import { listDeletions } from "../../src/store/deletions.ts";
import { listWorkerJobs } from "../../src/store/workerStore.ts";
import { daemonProcesses, runJob, submitJob } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

const long = [{ name: "t", command: "seq 1 20000" }];

/** What is left on disk of the jobs that have ended: their records at the seat, and deletions that are not done. */
async function left(
  qrew: QrewFolder,
): Promise<{ readonly jobs: readonly number[]; readonly deletions: number }> {
  const stores = new Stores(qrew.home);
  try {
    const jobs =
      stores
        .seat(seatNumber(0))
        ?.read(listWorkerJobs)
        .map(({ job }) => Number(job)) ?? [];
    return { jobs, deletions: stores.manager()?.read(listDeletions).length ?? 0 };
  } finally {
    await stores.close();
  }
}

const prune = async (qrew: QrewFolder, ...args: readonly string[]): Promise<readonly number[]> => {
  const result = await qrew.call("prune", ...args, "--json");
  if (result.code !== 0) throw new Error(result.stderr);
  return readJson(shapes.pruned, result.stdout).jobs.map(({ id }) => id);
};

it("deletes jobs that have ended with all that is theirs, never a live one, also if its actors die meanwhile", {
  timeout: 60_000,
}, async () => {
  await withQrew(async (qrew) => {
    expect(await qrew.call("daemon", "start", "--cpus", "1")).toMatchObject({ code: 0 });
    for (let i = 0; i < 3; i++) await runJob(qrew, long, ["--fresh-dir"]);
    const live = await submitJob(qrew, [{ name: "t", command: "exec sleep 1000" }]);
    const outputs = path.join(qrew.home, "output");
    expect(readdirSync(outputs).sort()).toEqual(["1", "2", "3"]);

    expect((await qrew.call("prune")).code).toBe(2);
    expect(await prune(qrew, "--older-than", "1h")).toEqual([]);
    expect(await prune(qrew, "--keep", "1", "--dry-run")).toEqual([2, 1]);
    expect(await prune(qrew, "--keep", "2")).toEqual([1]);
    expect((await qrew.call("show", "1")).code).toBe(3);
    await until("all of it is gone", () => !existsSync(path.join(outputs, "1")));
    expect(existsSync(path.join(qrew.home, "jobs", "1"))).toBe(true);

    const before = await daemonProcesses(qrew);
    expect(await prune(qrew, "all", "--folders")).toEqual([3, 2]);
    for (const { role, pid } of before)
      if (role === "manager" || role === "worker") process.kill(pid, "SIGKILL");
    await until(
      "the next manager",
      async () => (await qrew.call("daemon", "start", "--cpus", "1")).code === 0,
    );
    await until("nothing is left to delete", async () => (await left(qrew)).deletions === 0);
    expect((await left(qrew)).jobs).toEqual([live]);
    expect(readdirSync(outputs)).toEqual([]);
    expect(readdirSync(path.join(qrew.home, "jobs"))).toEqual(["1"]);
    const listed = readJson(shapes.jobs, (await qrew.call("jobs", "--json")).stdout);
    expect(listed.jobs.map(({ id, state }) => `${id} ${state}`)).toEqual([`${live} running`]);
  });
});

it("deletes by itself what the settings say, when a daemon starts", { timeout: 60_000 }, async () => {
  await withQrew(async (qrew) => {
    for (let i = 0; i < 3; i++) await runJob(qrew, long, ["--fresh-dir"]);
    // Alone these two are no policy.
    for (const [key = "", value = ""] of [
      ["prune.folders", "yes"],
      ["prune.state", "succeeded"],
    ])
      expect(await qrew.call("config", "set", key, value)).toMatchObject({ code: 0 });
    const restart = async () => {
      for (const what of ["stop", "start"])
        expect(await qrew.call("daemon", what)).toMatchObject({ code: 0 });
    };
    const ids = async () =>
      readJson(shapes.jobs, (await qrew.call("jobs", "--json")).stdout).jobs.map(({ id }) => id);
    await restart();
    expect(await ids()).toEqual([3, 2, 1]);
    const set = await qrew.call("config", "set", "prune.keep", "2");
    expect(set.code).toBe(0);
    expect(set.stderr).toContain("the next daemon");
    await restart();
    await until("the oldest is gone", async () => (await ids()).join() === "3,2");
    await until("nothing is left to delete", async () => (await left(qrew)).deletions === 0);
    expect((await left(qrew)).jobs).toEqual([2, 3]);
    for (const folder of ["output", "jobs"])
      expect(readdirSync(path.join(qrew.home, folder)).sort()).toEqual(["2", "3"]);
  });
});
