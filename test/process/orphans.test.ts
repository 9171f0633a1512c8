import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { daemonProcesses, showJob, submitJob, tasksOf } from "../support/jobs.ts";
import { processesNaming, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { heldTask, makeDiaries, readDiaries } from "./diaries.ts";
import { writeSettings } from "./settings.ts";

it("tasks that nobody watches end in time; what had ended before is not done again", {
  timeout: 60_000,
}, async () => {
  await withQrew(async (qrew) => {
    makeDiaries(qrew);
    writeSettings(qrew, { "daemon.orphanSeconds": 4 });
    expect((await qrew.call("daemon", "start", "--cpus", "2")).code).toBe(0);
    const job = await submitJob(qrew, [
      heldTask("short", "go"),
      // Ends at once when it is repeated.
      { name: "long", command: "[ $QREW_ATTEMPT = 2 ] || sleep 300" },
    ]);
    await until("both run", async () => (await showJob(qrew, job)).tasks.running === 2);
    for (const { role, pid } of await daemonProcesses(qrew)) {
      if (role === "manager" || role === "worker") process.kill(pid, "SIGKILL");
    }
    writeFileSync(path.join(qrew.work, "go"), "");
    await until("nothing is left of it", () => processesNaming(qrew.folder).length === 0);
    const kept = path.join(qrew.home, "spool", "00.ends-0");
    expect(existsSync(kept)).toBe(true);
    expect((await qrew.call("wait", String(job))).code).toBe(0);
    const tasks = await tasksOf(qrew, job);
    expect(tasks.get("short")).toMatchObject({ state: "succeeded", attempt: 1 });
    expect(tasks.get("long")).toMatchObject({ state: "succeeded", attempt: 2 });
    expect(readDiaries(qrew).get("short")).toHaveLength(2);
    await until("the ends are forgotten", () => !existsSync(kept));
    expect(readdirSync(path.join(qrew.home, "spool"))).toEqual(["00"]);
  });
});
