import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { daemonProcesses, showJob, submitJob, tasksOf } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

/** All that one QWorker takes, and then some. */
const WAITING_JOBS = 70;

const hopeless = [
  { name: "t", executor: "shell", command: "exit 1", retry: { limit: 1, backoff: "1h", max: "1h" } },
];

async function daemonStatus(qrew: QrewFolder) {
  return readJson(shapes.daemonStatus, (await qrew.call("daemon", "status", "--json")).stdout);
}

async function submitWaiting(qrew: QrewFolder): Promise<void> {
  const client = await qrew.client();
  try {
    for (let i = 0; i < WAITING_JOBS; i++) {
      const source = "hopeless.json";
      await client.submit(Buffer.from(JSON.stringify(hopeless)), { source, directory: qrew.work });
    }
    await until(
      "all of them wait for an hour",
      async () => (await daemonStatus(qrew)).jobs.parked === WAITING_JOBS,
    );
  } finally {
    await client.close();
  }
}

it("jobs in a long backoff keep nobody waiting, are there after a restart, and can be cancelled", {
  timeout: 90_000,
}, async () => {
  await withQrew(async (qrew) => {
    expect(await qrew.call("daemon", "start", "--cpus", "1")).toMatchObject({ code: 0 });
    await submitWaiting(qrew);
    const job = await submitJob(qrew, [{ name: "now", command: "echo ran > ran" }], ["--priority", "5"]);
    expect((await qrew.call("wait", String(job))).code).toBe(0);
    expect(readFileSync(path.join(qrew.work, "ran"), "utf8")).toBe("ran\n");

    for (const { role, pid } of await daemonProcesses(qrew))
      if (role === "manager" || role === "worker") process.kill(pid, "SIGKILL");
    const after = await until("the next manager", async () => {
      const found = await qrew.call("daemon", "start", "--cpus", "1");
      return found.code === 0 && (await daemonStatus(qrew));
    });
    expect(after.jobs).toEqual({ queued: 0, running: 0, parked: WAITING_JOBS });

    expect((await qrew.call("cancel", "1", String(WAITING_JOBS))).code).toBe(0);
    expect(await showJob(qrew, 1)).toMatchObject({ state: "cancelled", tasks: { cancelled: 1 } });
    expect((await tasksOf(qrew, WAITING_JOBS)).get("t")).toMatchObject({ state: "cancelled", attempt: 1 });
    expect((await daemonStatus(qrew)).jobs.parked).toBe(WAITING_JOBS - 2);
  });
});
