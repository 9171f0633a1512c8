import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { QREW_VERSION } from "../../protocol/version.ts";
import { outputText, runJob, submitJob, tasksOf, writeDocument } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { MANAGER_MAIN, processesNaming, QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

const ROLES = ["executor", "forkserver", "manager", "worker"];

describe("qrew daemon", () => {
  it("starts also in the moment in which the one before is dying", async () => {
    await withQrew(async (qrew) => {
      for (let time = 0; time < 6; time++) {
        const started = await qrew.call("daemon", "start", "--json");
        expect(started).toMatchObject({ code: 0, stderr: "" });
        process.kill(readJson(shapes.daemonStarted, started.stdout).pid, "SIGKILL");
      }
      expect(await qrew.call("daemon", "start")).toMatchObject({ code: 0, stderr: "" });
    });
  });

  it("starts, tells its state, and stops", async () => {
    await withQrew(async (qrew) => {
      const none = await qrew.run(["daemon", "status"]);
      expect(none).toMatchObject({ code: 4, stderr: "" });
      expect(none.stdout).toContain("no daemon runs");
      readJson(shapes.noDaemon, (await qrew.call("daemon", "status", "--json")).stdout);
      const idle = await qrew.call("daemon", "stop", "--json");
      expect(idle.code).toBe(0);
      expect(readJson(shapes.daemonStopped, idle.stdout)).toMatchObject({ stopped: false, pid: null });

      const started = await qrew.run([
        "daemon",
        "start",
        "--cpus",
        "1.5",
        "--memory",
        "2G",
        "--gpus",
        "1",
        "--resource",
        "licence=3",
        "--json",
      ]);
      expect(started.code).toBe(0);
      const { pid, transient, log } = readJson(shapes.daemonStarted, started.stdout);
      expect(transient).toBe(false);
      expect(readFileSync(log, "utf8")).toContain("the manager serves");
      const again = readJson(shapes.daemonStarted, (await qrew.run(["daemon", "start", "--json"])).stdout);
      expect(again).toMatchObject({ started: false, pid });

      const { job } = await runJob(qrew, [{ name: "a", command: "true" }]);
      expect(job).toBe(1);
      const status = readJson(shapes.daemonStatus, (await qrew.call("daemon", "status", "--json")).stdout);
      expect(status).toMatchObject({
        packageVersion: QREW_VERSION,
        draining: false,
        transient: false,
        capacity: { cpus: 1.5, memoryBytes: 2 * 1024 ** 3, gpus: 1, named: { licence: 3 } },
        jobs: { queued: 0, running: 0 },
        refusedFrames: {},
      });
      expect(status.processes.map(({ role }) => role).sort()).toEqual(ROLES);
      expect(status.processes.find(({ role }) => role === "manager")?.pid).toBe(pid);
      for (const process of status.processes) {
        expect(readFileSync(`/proc/${process.pid}/stat`, "utf8")).toMatch(/^\d+ /);
        expect(process.seat === null).toBe(process.role === "manager");
        expect(process.forkserver === null).toBe(process.role !== "forkserver");
      }
      expect((await qrew.call("daemon", "status")).stdout).toMatch(/licence/);

      const stopped = await qrew.run(["daemon", "stop", "--json"]);
      expect(stopped.code).toBe(0);
      expect(readJson(shapes.daemonStopped, stopped.stdout)).toMatchObject({ stopped: true, pid });
      expect(processesNaming(qrew.home)).toEqual([]);
      expect((await qrew.call("daemon", "status")).code).toBe(4);
      // What is stored can be read without one.
      expect((await qrew.call("show", "1")).code).toBe(0);
      expect((await qrew.call("jobs")).code).toBe(0);
      expect(processesNaming(qrew.home)).toEqual([]);
    });
  });

  it("in the foreground ends with a signal", async () => {
    await withQrew(async (qrew) => {
      const child = qrew.spawn(["daemon", "start", "--foreground"]);
      let said = "";
      child.stdout?.on("data", (piece: Buffer) => (said += piece.toString()));
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      await until("it serves", () => said.includes("daemon serves"));
      expect((await runJob(qrew, [{ name: "a", command: "true" }])).code).toBe(0);
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
      expect(processesNaming(qrew.home)).toEqual([]);
    });
  });

  it("is started once by commands that race for it", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      const file = writeDocument(qrew, [{ name: "a", command: "true" }]);
      const results = await Promise.all(Array.from({ length: 5 }, () => qrew.run(["run", file, "--json"])));
      expect(results.map(({ code, stderr }) => ({ code, stderr: code === 0 ? "" : stderr }))).toEqual(
        Array.from({ length: 5 }, () => ({ code: 0, stderr: "" })),
      );
      const ids = results.map(({ stdout }) => readJson(shapes.show, stdout).id);
      expect([...ids].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
      const status = readJson(shapes.daemonStatus, (await qrew.call("daemon", "status", "--json")).stdout);
      const managers = processesNaming(qrew.home).filter((pid) => {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return command.includes("manager/main");
      });
      expect(managers).toEqual([status.processes[0]?.pid]);
      expect(status.epoch).toBe(1);
    });
  });

  it("is stopped while it works only when what runs has ended, unless told otherwise", async () => {
    await withQrew(async (qrew) => {
      const gate = "until [ -e open ]; do sleep 0.05; done; echo done";
      const document = [
        { name: "one", command: gate },
        { name: "two", depends: ["one"], command: "true" },
      ];
      const job = await submitJob(qrew, document);
      await until("it runs", async () => (await tasksOf(qrew, job)).get("one")?.state === "running");
      const late = await qrew.call("daemon", "stop", "--timeout", "100ms");
      expect(late.code).toBe(4);
      expect(late.stderr).toMatch(/still waits for running attempts/);
      // It goes on stopping, and takes nothing new meanwhile.
      const refused = await qrew.run(["submit", writeDocument(qrew, document)]);
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toContain("The daemon is stopping");
      writeFileSync(path.join(qrew.work, "open"), "");
      expect((await qrew.call("daemon", "stop")).code).toBe(0);
      const tasks = await tasksOf(qrew, job);
      expect([tasks.get("one")?.state, tasks.get("two")?.state]).toEqual(["succeeded", "ready"]);
      expect(await outputText(qrew, job, "one")).toBe("done\n");
      expect((await qrew.call("wait", String(job))).code).toBe(0);
    });
  });

  it("is stopped also while it only starts, and nobody waits for it any more", async () => {
    await withQrew(async (qrew) => {
      // Without a daemon, and with one whose place it would take.
      for (const verb of ["status", "start"]) {
        await qrew.call("daemon", verb);
        const args = [MANAGER_MAIN, "--home", qrew.home, "--transient"];
        const starting = spawn(process.execPath, args, { detached: true, stdio: "ignore" });
        starting.kill("SIGSTOP");
        const stopped = qrew.call("daemon", "stop");
        starting.kill("SIGCONT");
        expect(await stopped).toMatchObject({ code: 0, stderr: "" });
        expect(processesNaming(qrew.home)).toEqual([]);
      }
    });
  });

  it("leaves no process, also where one that should dismiss another has died", async () => {
    await withQrew(async (qrew) => {
      await runJob(qrew, [{ name: "one", command: "true" }]);
      const status = readJson(shapes.daemonStatus, (await qrew.call("daemon", "status", "--json")).stdout);
      const executor = status.processes.find(({ role }) => role === "executor");
      process.kill(executor?.pid ?? 0, "SIGKILL");
      expect((await qrew.call("daemon", "stop", "--now")).code).toBe(0);
      expect(processesNaming(qrew.folder)).toEqual([]);
    });
  });

  it("leaves the processes of another state folder alone", { timeout: 90_000 }, async () => {
    await withQrew(async (one) => {
      const other = new QrewFolder();
      try {
        const job = await submitJob(one, [{ name: "goes-on", command: "setsid sleep 600 & sleep 600" }]);
        // The actors, and what its shell becomes and starts.
        const before = await until("all of it runs", () => {
          const found = processesNaming(one.folder);
          return found.length >= 6 && found;
        });
        const second = await submitJob(other, [{ name: "stops", command: "setsid sleep 600 & sleep 600" }]);
        expect(second).toBe(job);
        await until("it runs", async () => (await tasksOf(other, second)).get("stops")?.state === "running");
        expect((await other.call("cancel", String(second))).code).toBe(0);
        expect((await other.call("daemon", "stop", "--now")).code).toBe(0);
        expect(processesNaming(other.folder)).toEqual([]);
        expect(processesNaming(one.folder)).toEqual(expect.arrayContaining(before));
        expect((await one.call("cancel", String(job))).code).toBe(0);
      } finally {
        await other.close();
      }
    });
  });

  it("says where its folder cannot be used", async () => {
    await withQrew(async (qrew) => {
      const file = path.join(qrew.folder, "a-file");
      const result = await qrew.run(["jobs"], { env: { QREW_HOME: writeDocument(qrew, [], "a-file") } });
      expect(result.code).not.toBe(0);
      expect(result.stderr).toContain(`${file}.json`);
      expect(result.stderr).not.toMatch(/\n\s+at /);
    });
  });
});
