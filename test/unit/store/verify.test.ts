/** Records that do not fit are found and named, one by one. */
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { jobSeq, taskIndex } from "../../../protocol/ids.ts";
import { u32Key, u32KeyWithByte, wordKey } from "../../../src/store/keys.ts";
import { openLmdbStore } from "../../../src/store/lmdb.ts";
import { putEnvironment, putJob, raiseNextJob, readJob } from "../../../src/store/managerStore.ts";
import type { StoreWriter } from "../../../src/store/port.ts";
import { packRecord, packU32 } from "../../../src/store/record.ts";
import { putSubmissionKey } from "../../../src/store/submissionKeys.ts";
import { verifyStores } from "../../../src/store/upkeep/verify.ts";
import type { NoopEnds, WorkerJobRecord } from "../../../src/store/workerRecords.ts";
import { putNoopEnds } from "../../../src/store/noopEnds.ts";
import { putAttempt, putTask, putWorkerJob } from "../../../src/store/workerStore.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { counts, jobRecord, taskRecord } from "../client/records.ts";
import { stateFolder } from "../client/stateFolder.ts";

let home: TestHome;

beforeEach(async () => {
  home = makeHome();
  const tasks = counts({ succeeded: 1, failed: 1 });
  const state = stateFolder(home.folder);
  await state.addJob(
    { job: JOB, state: "failed", finishedAtMs: 5_000, tasks },
    [
      { name: "a", command: "true" },
      { name: "b", command: "false" },
    ],
    [
      { name: "a", record: taskRecord({}), stdout: "fine" },
      {
        name: "b",
        record: taskRecord({ state: "failed", attempt: 2 }),
        earlier: [taskRecord({ state: "failed" })],
      },
    ],
  );
  await state.setWorkerJob(worker);
  await change("manager", (writer) => {
    putEnvironment(writer, JOB, { env: {}, directory: "/data", umask: 0o022 });
    raiseNextJob(writer, 2);
    putSubmissionKey(writer, "night", { job: JOB, digest: "d" });
  });
});
afterEach(() => home.remove());

const JOB = jobSeq(1);

/** Task 0, with this number. */
const endedAt = (seq: number): NoopEnds => ({
  node: "n",
  atMs: 1,
  monoMs: 1,
  tasks: Uint32Array.of(0),
  attempts: Uint32Array.of(1),
  readySeqs: Uint32Array.of(1),
  finishedSeqs: Uint32Array.of(seq),
});

const worker: WorkerJobRecord = {
  job: JOB,
  round: 1,
  priority: 0,
  state: "failed",
  planRound: 1,
  attemptFloor: 0,
  cancelRequested: false,
  pause: "off",
  parked: false,
  suspendedMs: 0,
  suspendedSinceMs: null,
  seq: 9,
  tasks: counts({ succeeded: 1, failed: 1 }),
  finishedAtMs: 5_000,
  detail: null,
};

async function change(name: string, body: (writer: StoreWriter) => void): Promise<void> {
  const store = openLmdbStore(path.join(home.folder, name));
  try {
    store.write(body);
  } finally {
    await store.close();
  }
}

it("a sound state has no faults", async () => {
  const reports = await verifyStores(home.folder);
  expect(reports.map(({ name, jobs, faults, strayPlans }) => ({ name, jobs, faults, strayPlans }))).toEqual([
    { name: "manager", jobs: 1, faults: [], strayPlans: 0 },
    { name: "worker-00", jobs: 1, faults: [], strayPlans: 0 },
  ]);
  expect(reports.every(({ records, usedBytes }) => records > 3 && usedBytes > 4096)).toBe(true);
});

const manager = "manager";
const seat = "worker-00";

it.each<[name: string, store: string, body: (writer: StoreWriter) => void, fault: RegExp]>([
  ["a job that is no record", manager, (w) => w.put("jobs", u32Key(1), packRecord({})), /table jobs, key 1/],
  ["a job without plan", manager, (w) => w.delete("plans", u32Key(1, 0)), /Job 1 has no plan/],
  ["a plan that is none", manager, (w) => w.put("plans", u32Key(1, 0), new Uint8Array(99)), /plan/],
  [
    "a job without environment",
    manager,
    (w) => w.delete("environments", u32Key(1)),
    /Job 1 has no environment/,
  ],
  [
    "a number given too early",
    manager,
    (w) => w.put("meta", wordKey("nextJob"), packU32(1)),
    /still to be given/,
  ],
  [
    "a plan with other tasks",
    manager,
    (w) => putJob(w, { ...(readJob(w, JOB) ?? jobRecord({})), tasks: counts({ failed: 3 }) }),
    /plan of job 1 has 2 tasks, its record 3/,
  ],
  [
    "a job without end",
    manager,
    (w) => putJob(w, { ...(readJob(w, JOB) ?? jobRecord({})), finishedAtMs: null }),
    /has no end/,
  ],
  [
    "a key without job",
    manager,
    (w) => putSubmissionKey(w, "day", { job: jobSeq(7), digest: "" }),
    /"day" is of job 7/,
  ],
  [
    "a seat that is no record",
    manager,
    (w) => w.put("seats", u32Key(0), packRecord(1)),
    /table seats, key 0/,
  ],
  [
    "another kind of holder",
    manager,
    (w) => w.put("meta", wordKey("holder"), packRecord(1)),
    /table meta, key holder/,
  ],
  [
    "a task that is no record",
    seat,
    (w) => w.put("tasks", u32Key(1, 0), packRecord([99])),
    /table tasks, key 1\/0/,
  ],
  ["a task beyond the plan", seat, (w) => putTask(w, JOB, taskIndex(2), taskRecord({})), /record of task 2/],
  [
    "a task of no job",
    seat,
    (w) => putTask(w, jobSeq(5), taskIndex(0), taskRecord({})),
    /of job 5, which has no record/,
  ],
  [
    "a task that ended twice",
    seat,
    (w) => {
      putNoopEnds(w, JOB, endedAt(5));
      putNoopEnds(w, JOB, endedAt(9));
    },
    /Task 0 of job 1 has ended twice/,
  ],
  [
    "ended tasks of no job",
    seat,
    (w) => putNoopEnds(w, jobSeq(5), endedAt(5)),
    /of job 5, which has no record/,
  ],
  [
    "ended tasks that are none",
    seat,
    (w) => w.put("noopEnds", u32Key(1, 3), packRecord([99])),
    /table noopEnds, key 1\/3/,
  ],
  [
    "a lost task",
    seat,
    (w) => w.delete("tasks", u32Key(1, 0)),
    /ended with 1 tasks succeeded, and 0 are recorded/,
  ],
  [
    "a task that runs after the end",
    seat,
    (w) => putTask(w, JOB, taskIndex(0), taskRecord({ state: "running" })),
    /1 of its tasks have not/,
  ],
  [
    "an attempt of another number",
    seat,
    (w) => putAttempt(w, { job: JOB, task: taskIndex(0), attempt: 3 }, taskRecord({})),
    /says that it is attempt 1/,
  ],
  [
    "an output that is gone",
    seat,
    (w) =>
      w.put(
        "outputs",
        u32KeyWithByte([1, 0, 1], 1),
        packRecord({ type: "file", path: "/nowhere/x", sizeBytes: 1, cutBytes: 0 }),
      ),
    /no file \/nowhere\/x/,
  ],
  ["a job that is gone", seat, (w) => w.delete("jobs", u32Key(1)), /tasks of job 1 are not in the store/],
  [
    "another end than in the queue",
    seat,
    (w) => putWorkerJob(w, { ...worker, state: "succeeded" }),
    /in the queue failed/,
  ],
  [
    "an epoch that nobody gave",
    seat,
    (w) => w.put("meta", wordKey("epoch"), new Uint8Array(3)),
    /3 bytes in place of 4/,
  ],
])("finds %s", async (_, store, body, fault) => {
  await change(store, body);
  const reports = await verifyStores(home.folder);
  const report = reports.find(({ name }) => name === store);
  expect(report?.faults.join("\n")).toMatch(fault);
  expect(report?.faults.join("\n")).not.toContain("qrew store");
});

it("lists a hundred faults, and counts the rest", async () => {
  await change(seat, (writer) => {
    for (let task = 10; task < 160; task += 1)
      putTask(writer, JOB, taskIndex(task), taskRecord({ state: "skipped" }));
  });
  const report = (await verifyStores(home.folder))[1];
  expect(report?.faults).toHaveLength(100);
  expect(report?.faultsTotal).toBe(150);
});

it("goes on with the seats where the queue cannot be read", async () => {
  rmSync(path.join(home.folder, "manager", "lock.mdb"));
  const file = path.join(home.folder, "manager", "data.mdb");
  rmSync(file);
  writeFileSync(file, "garbage");
  const reports = await verifyStores(home.folder);
  expect(reports[0]?.faults[0]).toMatch(/cannot be read/);
  expect(reports[1]).toMatchObject({ name: "worker-00", jobs: 1, faultsTotal: 0 });
});
