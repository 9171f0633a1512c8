import { expect, it } from "vitest";
import { jobSeq, seatNumber } from "../../../protocol/ids.ts";
import { u32Key } from "../../../src/store/keys.ts";
import type { JobRecord } from "../../../src/store/managerRecords.ts";
import { listJobs, putJob, readJob } from "../../../src/store/managerStore.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import { packRecord } from "../../../src/store/record.ts";
import type { WorkerJobRecord } from "../../../src/store/workerRecords.ts";
import { listWorkerJobs, putWorkerJob, readWorkerJob } from "../../../src/store/workerStore.ts";

const tasks = {
  total: 36,
  waiting: 1,
  ready: 2,
  running: 3,
  backoff: 4,
  succeeded: 5,
  failed: 6,
  cancelled: 7,
  skipped: 8,
};

/** No two fields are alike. */
const job: JobRecord = {
  job: jobSeq(7),
  name: "montage",
  state: "paused",
  round: 3,
  planRound: 2,
  priority: -5,
  directory: "/data",
  source: "montage.json",
  createdAtMs: 1001,
  startedAtMs: 1002,
  finishedAtMs: 1003,
  seat: seatNumber(4),
  cancelRequested: true,
  pause: "stop",
  parked: { untilMs: 1004 },
  tasks,
  detail: "a sentence",
};

const workerJob: WorkerJobRecord = {
  job: jobSeq(7),
  round: 3,
  planRound: 2,
  attemptFloor: 9,
  priority: -5,
  state: "paused",
  cancelRequested: true,
  pause: "stop",
  parked: false,
  suspendedMs: 1005,
  suspendedSinceMs: 1006,
  seq: 11,
  tasks,
  finishedAtMs: 1003,
  detail: "a sentence",
};

it("keeps every field of a job in the manager's store", () => {
  const store = openMemoryStore();
  store.write((writer) => putJob(writer, job));
  expect(store.read((reader) => readJob(reader, job.job))).toEqual(job);
  expect(store.read((reader) => listJobs(reader, { limit: 1 }))).toEqual([job]);
});

it("keeps every field of a job in the store of a seat", () => {
  const store = openMemoryStore();
  store.write((writer) => putWorkerJob(writer, workerJob));
  expect(store.read((reader) => readWorkerJob(reader, job.job))).toEqual(workerJob);
  expect(store.read(listWorkerJobs)).toEqual([workerJob]);
});

it("reads what an older qrew has written, by the names of the fields", () => {
  const { planRound: _, ...oldest } = job;
  const store = openMemoryStore();
  store.write((writer) => writer.put("jobs", u32Key(7), packRecord(oldest)));
  expect(store.read((reader) => readJob(reader, job.job))).toEqual({ ...job, planRound: 1 });
  store.write((writer) => writer.put("jobs", u32Key(7), packRecord(workerJob)));
  expect(store.read((reader) => readWorkerJob(reader, job.job))).toEqual(workerJob);
});

it("takes no shorter array for a record", () => {
  const store = openMemoryStore();
  store.write((writer) => writer.put("jobs", u32Key(7), packRecord([7, "montage"])));
  expect(() => store.read((reader) => readJob(reader, job.job))).toThrow(/table jobs, key 7/);
  expect(() => store.read((reader) => readWorkerJob(reader, job.job))).toThrow(/table jobs, key 7/);
});
