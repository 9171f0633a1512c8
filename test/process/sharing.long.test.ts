/** Sharing of a node: fairly between jobs, by priority, wide tasks in their turn, and never more than there is. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Client, JobSeq } from "../../src/client/index.ts";
import { type TaskEntry, tasksOf, type WorkflowEntry, writeDocument } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { type HeldSlot, heldSlots, peakOf, slotsOfJob } from "./attempts.ts";
import { watchReports } from "./reportWatch.ts";
import { startedDaemon } from "./startedDaemon.ts";

const CPUS_MILLI = 2000;
const MEMORY_BYTES = 1024 ** 3;

let qrew: QrewFolder;
let client: Client;

beforeAll(async () => {
  qrew = await startedDaemon("--cpus", "2", "--memory", "1G", "--resource", "licence=1");
  client = await qrew.client({ start: "never" });
});

afterAll(async () => {
  await client?.close();
  await qrew?.close();
});

afterEach(async () => expectNeverTooMuch(await heldSlots(qrew.home)));

/** For all attempts of all jobs so far, by the stamps of the forkservers. */
function expectNeverTooMuch(slots: readonly HeldSlot[]): void {
  const peak = peakOf(slots);
  expect(peak.cpusMilli).toBeLessThanOrEqual(CPUS_MILLI);
  expect(peak.memoryBytes).toBeLessThanOrEqual(MEMORY_BYTES);
  expect(peak.named["licence"] ?? 0).toBeLessThanOrEqual(1000);
}

const sleep = (seconds: number): readonly string[] => ["sleep", String(seconds)];
const array = (count: number, fields: TaskEntry): WorkflowEntry => [
  { name: "t", foreach: { i: { range: [1, count] } }, ...fields },
];

function submit(document: WorkflowEntry, options: { readonly priority?: number } = {}) {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return client.submit(bytes, { source: "w.json", directory: qrew.work, ...options });
}

async function succeeds(...jobs: readonly JobSeq[]): Promise<void> {
  for (const job of jobs) expect((await client.wait(job)).state).toBe("succeeded");
}

/** Ends a stream of tasks that was only there to be in the way. */
async function cancel(job: JobSeq): Promise<void> {
  await client.cancel([job]);
  expect((await client.wait(job)).state).toBe("cancelled");
}

const succeededOf = (job: JobSeq): number => client.job(job).tasks.succeeded;
const slotsOf = async (job: JobSeq): Promise<readonly HeldSlot[]> =>
  slotsOfJob(await heldSlots(qrew.home), job);

it("gives two jobs the same share, and never more cpus than there are", async () => {
  const watch = watchReports(client.home.runFolder);
  const document = array(70, { command: sleep(0.08) });
  const [a, b] = await Promise.all([submit(document), submit(document)]);
  const status = readJson(shapes.daemonStatus, (await qrew.call("daemon", "status", "--json")).stdout);
  expect(status.lent.cpus).toBeLessThanOrEqual(2);
  await succeeds(a.job, b.job);
  const { samples, peakCpusMilli } = await watch.stop();
  expect(samples).toBeGreaterThan(20);
  expect(peakCpusMilli).toBe(CPUS_MILLI);

  const times = await Promise.all([timesOf(a.job), timesOf(b.job)]);
  const fromMs = Math.max(...times.map(({ starts }) => Math.min(...starts)));
  const toMs = Math.min(...times.map(({ ends }) => Math.max(...ends)));
  const [less = 0, more = 0] = times
    .map(({ ends }) => ends.filter((atMs) => atMs > fromMs && atMs <= toMs).length)
    .toSorted((x, y) => x - y);
  expect(less).toBeGreaterThan(30);
  expect((more - less) / more).toBeLessThan(0.25);
});

async function timesOf(job: JobSeq) {
  const tasks = [...(await tasksOf(qrew, job)).values()];
  const at = (text: string | null): number => Date.parse(text ?? "");
  return {
    starts: tasks.map(({ startedAt }) => at(startedAt)),
    ends: tasks.map(({ finishedAt }) => at(finishedAt)),
  };
}

it("starts the ready tasks of a job of higher priority before the rest of a lower one", async () => {
  const low = await submit(array(2000, { command: sleep(0.05) }));
  await until("the first tasks", () => succeededOf(low.job) >= 4);
  const high = await submit(array(12, { command: sleep(0.05) }), { priority: 10 });
  await succeeds(high.job);
  await until("the low job goes on", () => client.job(low.job).tasks.running > 0);
  await cancel(low.job);
  const starts = (await slotsOf(high.job)).map(({ startMonoMs }) => startMonoMs);
  expect(starts).toHaveLength(12);
  const between = (await slotsOf(low.job)).filter(
    ({ startMonoMs }) => startMonoMs > Math.min(...starts) && startMonoMs < Math.max(...starts),
  );
  expect(between).toEqual([]);
});

it("starts the tasks of a job by their priority", async () => {
  const priorities = [3, -2, 7, 0, 5, 7, -9, 1, 10, 4];
  const tasks = priorities.map((priority, i) => ({ name: `t${i}`, priority, command: sleep(0.03) }));
  const { job } = await submit(tasks);
  await succeeds(job);
  const started = [...client.tasks(job)].toSorted((x, y) => (x.startedSeq ?? 0) - (y.startedSeq ?? 0));
  const found = started.map(({ task }) => priorities[task]);
  expect(found).toEqual(priorities.toSorted((x, y) => y - x));
});

it("lets a task that wants all cpus have its turn among the narrow ones of its job", async () => {
  const lanes = [0, 1, 2, 3];
  const narrow = lanes.flatMap((lane) =>
    Array.from({ length: 12 }, (_, i) => ({
      name: `lane ${lane} ${i}`,
      depends: i === 0 ? [] : [`lane ${lane} ${i - 1}`],
      // The two cpus are out of step: without a reservation they are never free at the same time.
      command: sleep(lane === 1 && i === 0 ? 0.09 : 0.06),
    })),
  );
  const wide = { name: "wide", resources: { cpus: 2 }, depends: ["lane 0 0"], command: sleep(0.02) };
  const { job } = await submit([...narrow, wide]);
  await succeeds(job);
  const slots = await slotsOf(job);
  const at = slots.findIndex(({ name }) => name === "wide");
  expect(at).toBeGreaterThan(0);
  // After those that were ready before it, not when two ends happen to fall together.
  expect(at).toBeLessThan(12);
  expect(slots).toHaveLength(49);
});

it("lets a task that wants all cpus have its turn beside the stream of another job", async () => {
  const stream = await submit(array(2000, { command: sleep(0.06) }));
  await until("the stream", () => succeededOf(stream.job) >= 4);
  const wide = await submit([{ name: "wide", resources: { cpus: 2 }, command: sleep(0.1) }]);
  await succeeds(wide.job);
  const [slot] = await slotsOf(wide.job);
  await until("the stream goes on", async () => {
    const last = (await slotsOf(stream.job)).at(-1)?.startMonoMs ?? 0;
    return last > (slot?.endMonoMs ?? Number.POSITIVE_INFINITY);
  });
  await cancel(stream.job);
  const beside = (await slotsOf(stream.job)).filter(
    ({ startMonoMs, endMonoMs }) =>
      startMonoMs < (slot?.endMonoMs ?? 0) && endMonoMs > (slot?.startMonoMs ?? 0),
  );
  expect(beside).toEqual([]);
});

it("runs four tasks of half a cpu at a time on two", async () => {
  const { job } = await submit(array(12, { resources: { cpus: 0.5 }, command: sleep(0.2) }));
  await succeeds(job);
  expect(peakOf(await slotsOf(job))).toMatchObject({ attempts: 4, cpusMilli: CPUS_MILLI });
});

it("runs one task at a time that holds the only licence, and others beside it", async () => {
  const { job } = await submit([
    { name: "licensed", foreach: { i: { range: [1, 5] } }, resources: { licence: 1 }, command: sleep(0.1) },
    { name: "free", foreach: { i: { range: [1, 5] } }, command: sleep(0.1) },
  ]);
  await succeeds(job);
  const slots = await slotsOf(job);
  expect(peakOf(slots.filter(({ name }) => name.startsWith("licensed"))).attempts).toBe(1);
  expect(peakOf(slots).attempts).toBe(2);
});

it("holds the licence across jobs", async () => {
  const document = array(4, { resources: { licence: 1, cpus: 0.5 }, command: sleep(0.08) });
  const [a, b] = await Promise.all([submit(document), submit(document)]);
  await succeeds(a.job, b.job);
  const slots = [...(await slotsOf(a.job)), ...(await slotsOf(b.job))];
  expect(slots).toHaveLength(8);
  expect(peakOf(slots).attempts).toBe(1);
});

it("keeps to the same bounds with short tasks, which are sent ahead of their turn", async () => {
  const command = ["true"];
  const each = (count: number) => ({ foreach: { i: { range: [1, count] } }, command });
  const document = [
    { name: "licensed", ...each(60), resources: { licence: 1, cpus: 0.5 } },
    { name: "large", ...each(60), resources: { memory: "600M", cpus: 0.25 } },
    { name: "wide", ...each(10), resources: { cpus: 2 } },
    { name: "narrow", ...each(200) },
  ];
  const watch = watchReports(client.home.runFolder);
  const jobs = await Promise.all([submit(document), submit(document.toReversed())]);
  await succeeds(...jobs.map(({ job }) => job));
  expect((await watch.stop()).peakCpusMilli).toBeLessThanOrEqual(CPUS_MILLI);
  const slots = (await heldSlots(qrew.home)).filter(({ job }) =>
    jobs.some((accepted) => accepted.job === job),
  );
  expect(slots).toHaveLength(660);
  for (const kind of ["licensed", "large", "wide"]) {
    expect(peakOf(slots.filter(({ name }) => name.startsWith(kind))).attempts).toBe(1);
  }
});

it("counts memory: two tasks of 600M never run together on 1G", async () => {
  const { job } = await submit(array(4, { resources: { memory: "600M", cpus: 0.5 }, command: sleep(0.1) }));
  const small = await submit(array(4, { resources: { memory: "300M", cpus: 0.5 }, command: sleep(0.1) }));
  await succeeds(job, small.job);
  expect(peakOf(await slotsOf(job)).attempts).toBe(1);
});

describe("what this node can never offer is refused at once", () => {
  it.each([
    ["cpus", { cpus: 3 }, "The task needs 3 cpus, but this node has 2"],
    ["memory", { memory: "2G" }, "The task needs 2048M of memory, but this node has 1024M"],
    ["licences", { licence: 2 }, 'The task needs 2 of "licence", but this node has 1'],
    ["other things", { licences: 1 }, 'This node offers no resource "licences"'],
  ])("%s", async (_, resources, message) => {
    const file = writeDocument(qrew, [{ name: "a", command: "true", resources }]);
    const refused = await qrew.run(["submit", file]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(message);
  });
});
