import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { jobSeq, taskIndex } from "../../../protocol/ids.ts";
import { u32Key } from "../../../src/store/keys.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import { decodeNoopEnds, encodeNoopEnds, NOOP_ENDS, putNoopEnds } from "../../../src/store/noopEnds.ts";
import type { Store } from "../../../src/store/port.ts";
import {
  type NoopEnds,
  noopRecord,
  NOTHING_RECORDED,
  type TaskRecord,
} from "../../../src/store/workerRecords.ts";
import {
  deleteWorkerJob,
  eachTask,
  putTask,
  readTask,
  readTasks,
  spreadNoopEnds,
  takeSeat,
  writeFenced,
} from "../../../src/store/workerStore.ts";

const JOB = jobSeq(5);
const OTHER = jobSeq(6);
const EPOCH = 1;
const PLACE = { table: NOOP_ENDS, key: u32Key(5, 9) };

/** Ends of these tasks, which ascend; their sequence numbers begin with `seq`. */
const endsOf = (tasks: readonly number[], seq: number): NoopEnds => ({
  node: "näher",
  atMs: 1_700_000_000_000.5 + seq,
  monoMs: 17.25 + seq,
  tasks: Uint32Array.from(tasks),
  attempts: Uint32Array.from(tasks, (_, index) => 1 + index),
  readySeqs: Uint32Array.from(tasks, (_, index) => seq + index),
  finishedSeqs: Uint32Array.from(tasks, (_, index) => seq + tasks.length + 1 + 2 * index),
});

const waiting: TaskRecord = { ...NOTHING_RECORDED, state: "waiting", attempt: 7 };

let store: Store;
beforeEach(() => {
  store = openMemoryStore();
  takeSeat(store, EPOCH, { pid: 7, startTime: "70", bootId: "b" });
});

const statesOf = (all: Iterable<{ readonly task: number; readonly record: TaskRecord }>): string[] =>
  [...all].map(({ task, record }) => `${task} ${record.state} ${record.finishedSeq ?? "-"}`);

describe("tasks that ended together", () => {
  it("come back as they were", () => {
    const lists = fc.uniqueArray(fc.nat(0xffff_ffff), { maxLength: 50 });
    fc.assert(
      fc.property(lists, fc.string(), fc.integer({ min: 0, max: 7 }), (tasks, node, offset) => {
        const ends = {
          ...endsOf(
            tasks.toSorted((a, b) => a - b),
            3,
          ),
          node: Buffer.from(node).toString(),
        };
        const bytes = encodeNoopEnds(ends);
        // Wherever it lies in its buffer.
        const moved = new Uint8Array(bytes.length + offset).subarray(offset);
        moved.set(bytes);
        expect(decodeNoopEnds(moved, PLACE)).toEqual(ends);
      }),
    );
  });

  it.each([
    ["cut", (bytes: Uint8Array) => bytes.slice(0, -1)],
    ["cut within its head", (bytes: Uint8Array) => bytes.slice(0, 20)],
    ["too long", (bytes: Uint8Array) => Uint8Array.from([...bytes, 0, 0, 0, 0])],
    ["of another format", (bytes: Uint8Array) => Uint8Array.from([9, ...bytes.subarray(1)])],
    ["of tasks in no order", () => encodeNoopEnds(endsOf([2, 1], 1))],
    ["of a task twice", () => encodeNoopEnds(endsOf([2, 2], 1))],
  ])("are refused when the value is %s", (_, damage) => {
    expect(() => decodeNoopEnds(damage(encodeNoopEnds(endsOf([1, 2], 1))), PLACE)).toThrow(
      expect.objectContaining({ code: "storeDamaged" }),
    );
  });

  it("are each a record, which counts before what the table of tasks says", () => {
    const first = endsOf([1, 300], 10);
    writeFenced(store, EPOCH, (writer) => {
      putTask(writer, JOB, taskIndex(1), waiting);
      putTask(writer, JOB, taskIndex(2), waiting);
      putNoopEnds(writer, JOB, first);
      putNoopEnds(writer, JOB, endsOf([0, 299], 20));
      putNoopEnds(writer, OTHER, endsOf([2, 3], 30));
    });
    store.read((reader) => {
      const found = readTask(reader, JOB, taskIndex(300));
      expect(found).toEqual(noopRecord(first, 1));
      expect(found).toEqual({
        ...NOTHING_RECORDED,
        state: "succeeded",
        attempt: 2,
        readySeq: 11,
        startedSeq: 14,
        finishedSeq: 15,
        startedAtMs: 1_700_000_000_010.5,
        finishedAtMs: 1_700_000_000_010.5,
        startedMonoMs: 27.25,
        endedMonoMs: 27.25,
        exitCode: 0,
        node: "näher",
      });
      expect(readTask(reader, JOB, taskIndex(1))?.state).toBe("succeeded");
      expect(readTask(reader, JOB, taskIndex(2))).toEqual(waiting);
      expect(readTask(reader, JOB, taskIndex(3))).toBeNull();
    });
    const all = ["0 succeeded 23", "1 succeeded 13", "2 waiting -", "299 succeeded 25", "300 succeeded 15"];
    for (const page of [1, 2, 3, 100]) expect(statesOf(eachTask(store, JOB, page))).toEqual(all);
  });

  it("are paged through with the others", () => {
    const recorded = fc.uniqueArray(fc.nat(60));
    const batches = fc.array(fc.uniqueArray(fc.nat(60), { minLength: 1 }), { maxLength: 4 });
    fc.assert(
      fc.property(
        recorded,
        batches,
        fc.nat(60),
        fc.integer({ min: 1, max: 9 }),
        (rows, ended, from, limit) => {
          const one = openMemoryStore();
          const taken = new Set<number>();
          one.write((writer) => {
            for (const row of rows) putTask(writer, JOB, taskIndex(row), waiting);
            for (const [number, batch] of ended.entries()) {
              const fresh = batch.filter((task) => !taken.has(task)).toSorted((a, b) => a - b);
              for (const task of fresh) taken.add(task);
              if (fresh.length > 0) putNoopEnds(writer, JOB, endsOf(fresh, 1000 * (number + 1)));
            }
          });
          const expected = [...new Set([...rows, ...taken])].toSorted((a, b) => a - b);
          const found = [...eachTask(one, JOB, limit)];
          expect(found.map(({ task }) => task)).toEqual(expected);
          for (const { task, record } of found)
            expect(record.state).toBe(taken.has(task) ? "succeeded" : "waiting");
          const page = one.read((reader) => readTasks(reader, JOB, taskIndex(from), limit));
          expect(page.map(({ task }) => task)).toEqual(
            expected.filter((task) => task >= from).slice(0, limit),
          );
        },
      ),
    );
  });

  it("can be given records of their own", () => {
    writeFenced(store, EPOCH, (writer) => {
      putTask(writer, JOB, taskIndex(1), waiting);
      putTask(writer, JOB, taskIndex(2), waiting);
      putNoopEnds(writer, JOB, endsOf([1, 300], 10));
      putNoopEnds(writer, OTHER, endsOf([2, 3], 30));
    });
    const before = [...eachTask(store, JOB)];
    writeFenced(store, EPOCH, (writer) => spreadNoopEnds(writer, JOB));
    expect([...eachTask(store, JOB)]).toEqual(before);
    const left = store.read((reader) => [...reader.range(NOOP_ENDS, {})]);
    expect(left).toHaveLength(1);
    writeFenced(store, EPOCH, (writer) => putTask(writer, JOB, taskIndex(1), waiting));
    expect(store.read((reader) => readTask(reader, JOB, taskIndex(1)))).toEqual(waiting);
  });

  it("are deleted with their job", async () => {
    writeFenced(store, EPOCH, (writer) => {
      putNoopEnds(writer, JOB, endsOf([1, 300], 10));
      putNoopEnds(writer, OTHER, endsOf([2], 30));
    });
    await deleteWorkerJob(store, EPOCH, JOB);
    expect([...eachTask(store, JOB)]).toEqual([]);
    expect([...eachTask(store, OTHER)]).toHaveLength(1);
  });
});
