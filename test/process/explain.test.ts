import { afterAll, beforeAll, expect, it } from "vitest";
import { submitJob, tasksOf, type WorkflowEntry } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { startedDaemon } from "./startedDaemon.ts";

let qrew: QrewFolder;
beforeAll(async () => {
  qrew = await startedDaemon("--cpus", "2", "--resource", "licence=1");
});
afterAll(() => qrew.close());

async function explained(job: number, task?: string) {
  const result = await qrew.call("explain", String(job), ...(task === undefined ? [] : [task]), "--json");
  if (result.code !== 0) throw new Error(result.stderr);
  const { reasons } = readJson(shapes.explained, result.stdout);
  expect(JSON.stringify(reasons)).not.toContain("unknown");
  return reasons;
}

const reasonOf = async (job: number, task?: string) => (await explained(job, task))[0];

async function running(document: WorkflowEntry, name: string, task: string): Promise<number> {
  const job = await submitJob(qrew, document, ["--name", name]);
  await until(`${task} runs`, async () => (await tasksOf(qrew, job)).get(task)?.state === "running");
  return job;
}

const sleep = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  name,
  command: "exec sleep 1000",
  ...more,
});

it("names the task that a task waits for, what it needs, and who holds it", async () => {
  const holder = await running(
    [sleep("a"), sleep("b", { resources: { licence: 1, cpus: 0 } }), sleep("c", { depends: ["a", "b"] })],
    "holder",
    "a",
  );
  const first = await reasonOf(holder, "a");
  expect(first).toMatchObject({ code: "running", state: "running" });
  expect(first?.text).toMatch(/^Attempt 1 runs on \S+ since \d\d:\d\d:\d\d \(\d+s ago\)\.$/);
  expect((await reasonOf(holder, "c"))?.text).toBe("It waits for a, which is running, and for 1 more.");

  const wide = await submitJob(qrew, [sleep("w", { resources: { cpus: 2 } })]);
  await until("it is ready", async () => (await tasksOf(qrew, wide)).get("w")?.state === "ready");
  const waits = await until("its QWorker has it", async () => {
    const found = await reasonOf(wide, "w");
    return found?.code === "slots" && found;
  });
  expect(waits.text).toBe("It waits for 2 cpus (free: 1 cpu of 2 cpus); job 1 (holder) holds 1 cpu.");

  const licensed = await submitJob(qrew, [sleep("l", { resources: { licence: 1, cpus: 0 } })]);
  const scarce = await until("it waits for the licence", async () => {
    const found = await reasonOf(licensed, "l");
    return found?.code === "slots" && found.text.includes("holds") && found;
  });
  expect(scarce.text).toBe(
    "It waits for 1 licence (free: nothing of 1 licence); job 1 (holder) holds 1 licence.",
  );
  await qrew.call("cancel", String(holder), String(wide), String(licensed));
});

it("says that the document allows no more, that the job is paused, and how what has ended ended", async () => {
  const few = await running({ maxRunning: 1, tasks: [sleep("a"), sleep("b")] }, "few", "a");
  const capped = await until("b is ready", async () => {
    const found = await reasonOf(few, "b");
    return found?.code === "maxRunning" && found;
  });
  expect(capped.text).toBe("Its job runs as many tasks as its document allows at a time (maxRunning: 1).");
  await qrew.call("pause", "--stop", String(few));
  expect(await reasonOf(few, "b")).toMatchObject({ code: "paused" });
  expect((await reasonOf(few, "a"))?.text).toContain("it is suspended, since the job is paused");
  expect((await reasonOf(few))?.text).toBe(
    `It is paused; what runs is suspended: \`qrew resume ${few}\` lets it go on.`,
  );
  await qrew.call("cancel", String(few));
  expect(await reasonOf(few, "a")).toMatchObject({
    code: "ended",
    text: "It has ended: cancelled: cancelled.",
  });
});

it("says until when a repetition is waited for, in the QWorker or parked", async () => {
  const flaky = (backoff: string) => [
    { name: "f", command: "exit 3", retry: { limit: 1, backoff, max: backoff } },
    { name: "g", depends: "f", command: "true" },
  ];
  const short = await submitJob(qrew, flaky("14s"));
  const long = await submitJob(qrew, flaky("2h"));
  const repeated = await until("it is in backoff", async () => {
    const found = await reasonOf(short, "f");
    return found?.code === "backoff" && found;
  });
  expect(repeated.text).toMatch(
    /^Attempt 1 of 2 failed \(exit code 3\); it is repeated at \d\d:\d\d:\d\d \(in \d+s\)\.$/,
  );
  const parked = await until("it is parked", async () => {
    const found = await reasonOf(long);
    return found?.code === "parked" && found;
  });
  expect(parked.text).toMatch(/is parked until the first is due, at .*\(in 2h|in 1\d\dm\)\.$/);
  expect((await reasonOf(long, "g"))?.text).toBe("It waits for f, which is in backoff: exit code 3.");
  expect((await qrew.call("daemon", "stop", "--now")).code).toBe(0);
  expect(await reasonOf(long)).toMatchObject({ code: "noDaemon" });
  const nobody = await qrew.call("explain", String(long), "h");
  expect(nobody).toMatchObject({ code: 3 });
  const text = await qrew.call("explain", String(long));
  expect(text.stdout).toContain("No daemon runs");
});
