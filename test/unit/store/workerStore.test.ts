import { beforeEach, describe, expect, it } from "vitest";
import { type JobSeq, jobSeq, taskIndex } from "../../../protocol/ids.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import type { Store } from "../../../src/store/port.ts";
import {
  STREAM_STDERR,
  STREAM_STDOUT,
  type TaskRecord,
  type WorkerJobRecord,
} from "../../../src/store/workerRecords.ts";
import {
  deleteWorkerJob,
  eachTask,
  listAttempts,
  listWorkerJobs,
  putAttempt,
  putExecutor,
  putOutput,
  putTask,
  putWorkerJob,
  readEpoch,
  readExecutor,
  readOutput,
  readTask,
  readTasks,
  readWorkerJob,
  takeSeat,
  writeFenced,
} from "../../../src/store/workerStore.ts";

const task = (attempt: number): TaskRecord => ({
  state: "running",
  attempt,
  failures: 0,
  readySeq: 1,
  startedSeq: 2,
  finishedSeq: null,
  startedAtMs: 1.5,
  finishedAtMs: null,
  startedMonoMs: 2.5,
  endedMonoMs: null,
  exitCode: null,
  signal: null,
  usage: null,
  node: "n",
  reason: null,
  retryAtMs: null,
  losses: 0,
});

const jobRecord = (job: JobSeq): WorkerJobRecord => ({
  job,
  round: 1,
  planRound: 1,
  attemptFloor: 0,
  priority: 0,
  state: "running",
  cancelRequested: false,
  pause: "off",
  parked: false,
  suspendedMs: 0,
  suspendedSinceMs: null,
  seq: 9,
  tasks: {
    total: 0,
    waiting: 0,
    ready: 0,
    running: 0,
    backoff: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  },
  finishedAtMs: null,
  detail: null,
});

const JOB = jobSeq(5);
const OTHER = jobSeq(6);

let store: Store;
const HOLDER = { pid: 7, startTime: "70", bootId: "b" };
let epoch = 0;
beforeEach(() => {
  store = openMemoryStore();
  epoch = 1;
  takeSeat(store, epoch, HOLDER);
});

describe("the fence", () => {
  it("gives the seat to later epochs only, and names who held it before", () => {
    const later = { pid: 8, startTime: "80", bootId: "b" };
    expect(takeSeat(store, 4, later)).toEqual(HOLDER);
    for (const tooLate of [1, 3, 4]) {
      expect(() => takeSeat(store, tooLate, HOLDER)).toThrow(expect.objectContaining({ code: "fenced" }));
    }
    expect(store.read((reader) => readEpoch(reader))).toBe(4);
    expect(takeSeat(store, 5, HOLDER)).toEqual(later);
  });

  it("lets only the holder write, and runs nothing of the others", () => {
    expect(writeFenced(store, epoch, () => "written")).toBe("written");
    takeSeat(store, epoch + 1, HOLDER);
    for (const wrong of [epoch, epoch + 2]) {
      expect(() =>
        writeFenced(store, wrong, (writer) => putTask(writer, JOB, taskIndex(1), task(1))),
      ).toThrow(expect.objectContaining({ code: "fenced" }));
    }
    expect(store.read((reader) => readTask(reader, JOB, taskIndex(1)))).toBeNull();
  });
});

describe("records of a seat", () => {
  it("come back: job, task, executor, outputs; absent is null", () => {
    const id = { job: JOB, task: taskIndex(2), attempt: 1 };
    const inline = { type: "inline", bytes: Buffer.from([0, 255, 10]), cutBytes: 0 } as const;
    const file = { type: "file", path: "/x", sizeBytes: 10, cutBytes: 3 } as const;
    writeFenced(store, epoch, (writer) => {
      putWorkerJob(writer, jobRecord(OTHER));
      putWorkerJob(writer, jobRecord(JOB));
      putTask(writer, JOB, taskIndex(2), task(3));
      putExecutor(writer, { pid: 7, startTime: "8", bootId: "b" });
      putOutput(writer, { ...id, stream: STREAM_STDOUT }, inline);
      putOutput(writer, { ...id, stream: STREAM_STDERR }, file);
    });
    store.read((reader) => {
      expect(readWorkerJob(reader, JOB)).toEqual(jobRecord(JOB));
      expect(readWorkerJob(reader, jobSeq(1))).toBeNull();
      expect(listWorkerJobs(reader)).toEqual([jobRecord(JOB), jobRecord(OTHER)]);
      expect(readTask(reader, JOB, taskIndex(2))).toEqual(task(3));
      expect(readExecutor(reader)).toEqual({ pid: 7, startTime: "8", bootId: "b" });
      const stdout = readOutput(reader, { ...id, stream: STREAM_STDOUT });
      expect(stdout?.type === "inline" && Buffer.from(stdout.bytes).equals(inline.bytes)).toBe(true);
      expect(readOutput(reader, { ...id, stream: STREAM_STDERR })).toEqual(file);
      expect(readOutput(reader, { ...id, attempt: 2, stream: STREAM_STDOUT })).toBeNull();
    });
  });

  it("list earlier attempts in order, those of the task only", () => {
    writeFenced(store, epoch, (writer) => {
      for (const attempt of [10, 2, 1])
        putAttempt(writer, { job: JOB, task: taskIndex(2), attempt }, task(attempt));
      putAttempt(writer, { job: JOB, task: taskIndex(3), attempt: 1 }, task(1));
    });
    const attempts = store.read((reader) => listAttempts(reader, JOB, taskIndex(2)));
    expect(attempts.map((record) => record.attempt)).toEqual([1, 2, 10]);
  });

  it("page through tasks in the order of their indices", () => {
    const indices = [0, 1, 2, 255, 256, 70_000, 0xffff_ffff];
    writeFenced(store, epoch, (writer) => {
      for (const index of indices) putTask(writer, JOB, taskIndex(index), task(1));
      putTask(writer, jobSeq(4), taskIndex(9), task(1));
      putTask(writer, OTHER, taskIndex(9), task(1));
    });
    for (const page of [1, 2, 3, 7, 100]) {
      expect([...eachTask(store, JOB, page)].map((stored) => stored.task)).toEqual(indices);
    }
    const some = store.read((reader) => readTasks(reader, JOB, taskIndex(2), 2));
    expect(some.map((stored) => stored.task)).toEqual([2, 255]);
    expect([...eachTask(store, jobSeq(1))]).toEqual([]);
  });

  it("may be written while their tasks are listed", () => {
    writeFenced(store, epoch, (writer) => {
      for (let index = 0; index < 10; index += 1) putTask(writer, JOB, taskIndex(index), task(1));
    });
    const seen: number[] = [];
    for (const { task: index } of eachTask(store, JOB, 3)) {
      seen.push(index);
      writeFenced(store, epoch, (writer) => putTask(writer, JOB, index, task(2)));
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe("the deletion of a job", () => {
  const fill = (job: JobSeq, tasks: number): void =>
    writeFenced(store, epoch, (writer) => {
      putWorkerJob(writer, jobRecord(job));
      for (let index = 0; index < tasks; index += 1) {
        const id = { job, task: taskIndex(index), attempt: 1 };
        putTask(writer, job, id.task, task(2));
        putAttempt(writer, id, task(1));
        const output = { type: "inline", bytes: Buffer.from("x"), cutBytes: 0 } as const;
        putOutput(writer, { ...id, stream: STREAM_STDOUT }, output);
      }
    });
  const entries = (job: JobSeq): number =>
    store.read((reader) => {
      let count = 0;
      for (const table of ["jobs", "tasks", "attempts", "outputs"]) {
        for (const { key } of reader.range(table, {})) {
          if (Buffer.from(key).readUInt32BE(0) === job) count += 1;
        }
      }
      return count;
    });

  it("leaves nothing of it and all of the others", async () => {
    fill(JOB, 1500);
    fill(OTHER, 10);
    await deleteWorkerJob(store, epoch, JOB);
    expect(entries(JOB)).toBe(0);
    expect(entries(OTHER)).toBe(31);
    await deleteWorkerJob(store, epoch, jobSeq(99));
  });

  it("ends with the seat, with the record of the job still there for the next holder", async () => {
    fill(JOB, 1500);
    const deletion = deleteWorkerJob(store, epoch, JOB);
    takeSeat(store, epoch + 1, HOLDER);
    await expect(deletion).rejects.toMatchObject({ code: "fenced" });
    expect(store.read((reader) => readWorkerJob(reader, JOB))).not.toBeNull();
    expect(entries(JOB)).toBeGreaterThan(0);
    expect(entries(JOB)).toBeLessThan(4501);
  });
});
