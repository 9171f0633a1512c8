import { beforeEach, describe, expect, it } from "vitest";
import { jobSeq, seatNumber } from "../../../protocol/ids.ts";
import { u32Key, wordKey } from "../../../src/store/keys.ts";
import type { HolderRecord, JobRecord } from "../../../src/store/managerRecords.ts";
import {
  ensureInstance,
  listJobs,
  listSeats,
  putEnvironment,
  putHolder,
  putJob,
  putSeat,
  readEnvironment,
  readHolder,
  readInstance,
  readJob,
  readNextJob,
  readSeat,
  reserveJobNumbers,
} from "../../../src/store/managerStore.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import { deletePlan, PLAN_CHUNK_BYTES, putPlan, readPlan, writePlan } from "../../../src/store/plans.ts";
import type { Store } from "../../../src/store/port.ts";
import { failureOf } from "../../support/failure.ts";

const job = (seq: number, over: Partial<JobRecord> = {}): JobRecord => ({
  job: jobSeq(seq),
  name: `job ${seq}`,
  state: "queued",
  round: 1,
  planRound: 1,
  priority: 0,
  directory: "/data",
  source: "a.yaml",
  createdAtMs: 1000.25 + seq,
  startedAtMs: null,
  finishedAtMs: null,
  seat: null,
  cancelRequested: false,
  pause: "off",
  parked: null,
  tasks: {
    total: 1,
    waiting: 1,
    ready: 0,
    running: 0,
    backoff: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  },
  detail: null,
  ...over,
});

let store: Store;
beforeEach(() => {
  store = openMemoryStore();
});

describe("jobs", () => {
  it("come back as they were written; absent is null", () => {
    const record = job(7, { state: "running", seat: seatNumber(3), startedAtMs: 2000.5 });
    store.write((writer) => putJob(writer, record));
    expect(store.read((reader) => readJob(reader, jobSeq(7)))).toEqual(record);
    expect(store.read((reader) => readJob(reader, jobSeq(8)))).toBeNull();
  });

  it("are listed newest first, by page and by state", () => {
    store.write((writer) => {
      for (const seq of [1, 2, 3, 300, 70_000]) {
        putJob(writer, job(seq, { state: seq % 2 === 1 ? "running" : "queued" }));
      }
    });
    const list = (options: Parameters<typeof listJobs>[1]): readonly number[] =>
      store.read((reader) => listJobs(reader, options).map((record) => record.job));
    expect(list({ limit: 10 })).toEqual([70_000, 300, 3, 2, 1]);
    expect(list({ limit: 2 })).toEqual([70_000, 300]);
    expect(list({ limit: 2, before: jobSeq(300) })).toEqual([3, 2]);
    expect(list({ limit: 1, states: ["running"] })).toEqual([3]);
    expect(list({ limit: 9, before: jobSeq(3), states: ["running", "queued"] })).toEqual([2, 1]);
    expect(list({ limit: 0 })).toEqual([]);
    expect(list({ limit: 9, states: [] })).toEqual([]);
  });

  it.each([
    ["bytes that are no msgpack", new Uint8Array([0xc1])],
    ["another record", Buffer.from([0x81, 0xa1, 0x61, 0x01])],
    ["nothing", new Uint8Array(0)],
  ])("of %s are storeDamaged, named", (_, bytes) => {
    store.write((writer) => writer.put("jobs", u32Key(7), bytes));
    for (const action of [
      () => store.read((reader) => readJob(reader, jobSeq(7))),
      () => store.read((reader) => listJobs(reader, { limit: 1 })),
    ]) {
      const failure = failureOf(action);
      expect(failure.code).toBe("storeDamaged");
      expect(failure.message).toMatch(/jobs, key 7/);
    }
  });
});

describe("environments, seats, holder, instance, numbers", () => {
  it("of a job comes back, also with strange names and values", () => {
    const environment = {
      env: { PATH: "/bin", "": "x", __proto__x: "é\n", A: "" },
      directory: "/d",
      umask: 0o22,
    };
    store.write((writer) => putEnvironment(writer, jobSeq(1), environment));
    expect(store.read((reader) => readEnvironment(reader, jobSeq(1)))).toEqual(environment);
    expect(store.read((reader) => readEnvironment(reader, jobSeq(2)))).toBeNull();
  });

  it("of seats are listed in order", () => {
    const seat = (number: number) => ({
      seat: seatNumber(number),
      epoch: 4,
      pid: 9,
      startTime: "123",
      bootId: "b",
    });
    store.write((writer) => {
      for (const number of [10, 2, 0]) putSeat(writer, seat(number));
    });
    expect(store.read((reader) => listSeats(reader))).toEqual([seat(0), seat(2), seat(10)]);
    expect(store.read((reader) => readSeat(reader, seatNumber(2)))).toEqual(seat(2));
    expect(store.read((reader) => readSeat(reader, seatNumber(3)))).toBeNull();
  });

  it("keep the holder", () => {
    const holder: HolderRecord = {
      pid: 1,
      startTime: "2",
      bootId: "b",
      epoch: 3,
      packageVersion: "0.1.0",
      startedAtMs: 4.5,
      leaving: false,
    };
    expect(store.read((reader) => readHolder(reader))).toBeNull();
    store.write((writer) => putHolder(writer, holder));
    expect(store.read((reader) => readHolder(reader))).toEqual(holder);
  });

  it("give each job number once, from 1 on", () => {
    expect(store.read((reader) => readNextJob(reader))).toBe(1);
    store.write((writer) => reserveJobNumbers(writer, [jobSeq(1)]));
    store.write((writer) => reserveJobNumbers(writer, [jobSeq(3)]));
    store.write((writer) => reserveJobNumbers(writer, [jobSeq(2)]));
    expect(store.read(readNextJob)).toBe(4);
    expect(store.read((reader) => readNextJob(reader))).toBe(4);
  });

  it("keep the first instance", () => {
    const [first, second] = ["11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"];
    expect(store.read((reader) => readInstance(reader))).toBeNull();
    expect(store.write((writer) => ensureInstance(writer, first ?? ""))).toBe(first);
    expect(store.write((writer) => ensureInstance(writer, second ?? ""))).toBe(first);
    store.write((writer) => writer.put("meta", wordKey("instance"), Buffer.from("x")));
    expect(() => store.read((reader) => readInstance(reader))).toThrow(/meta, key instance/);
  });
});

describe("plans", () => {
  const plan = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, index) => index * 7);

  it.each([0, 1, PLAN_CHUNK_BYTES - 1, PLAN_CHUNK_BYTES, PLAN_CHUNK_BYTES + 1, 2 * PLAN_CHUNK_BYTES])(
    "of %d bytes come back alone in a buffer that starts at 0",
    (bytes) => {
      store.write((writer) => putPlan(writer, jobSeq(1), plan(bytes)));
      const found = store.read((reader) => readPlan(reader, jobSeq(1)));
      expect(found?.byteOffset).toBe(0);
      expect(found?.buffer.byteLength).toBe(bytes);
      expect(Buffer.compare(found ?? Buffer.from("none"), plan(bytes))).toBe(0);
    },
  );

  it("are replaced as a whole and do not touch each other", async () => {
    store.write((writer) => putPlan(writer, jobSeq(1), plan(3 * PLAN_CHUNK_BYTES)));
    store.write((writer) => putPlan(writer, jobSeq(2), plan(5)));
    await writePlan(store, jobSeq(1), plan(10));
    expect(store.read((reader) => readPlan(reader, jobSeq(1)))).toEqual(plan(10));
    store.write((writer) => putPlan(writer, jobSeq(1), plan(2 * PLAN_CHUNK_BYTES)));
    store.write((writer) => putPlan(writer, jobSeq(1), plan(11)));
    expect(store.read((reader) => readPlan(reader, jobSeq(1)))).toEqual(plan(11));
    store.write((writer) => deletePlan(writer, jobSeq(1)));
    expect(store.read((reader) => readPlan(reader, jobSeq(1)))).toBeNull();
    expect(store.read((reader) => readPlan(reader, jobSeq(2)))).toEqual(plan(5));
  });

  it("of many chunks are written in turns of the event loop", async () => {
    let turns = 0;
    const count = (): void => {
      turns += 1;
      if (turns < 1000) setImmediate(count);
    };
    setImmediate(count);
    await writePlan(store, jobSeq(1), plan(20 * PLAN_CHUNK_BYTES));
    expect(turns).toBeGreaterThan(1);
    turns = 1000;
    expect(store.read((reader) => readPlan(reader, jobSeq(1)))?.length).toBe(20 * PLAN_CHUNK_BYTES);
  });

  it.each([0, 1, 2])("without chunk %d are storeDamaged", (chunk) => {
    store.write((writer) => {
      putPlan(writer, jobSeq(1), plan(2 * PLAN_CHUNK_BYTES + 1));
      writer.delete("plans", u32Key(1, chunk));
    });
    const failure = failureOf(() => store.read((reader) => readPlan(reader, jobSeq(1))));
    expect(failure.code).toBe("storeDamaged");
    expect(failure.message).toMatch(/plans, key 1/);
  });
});
