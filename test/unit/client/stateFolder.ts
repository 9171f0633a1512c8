/**
 * A state folder with jobs in it, written as the actors would, to be read by what is under test. One process opens a store
 * once, so each change opens and closes it.
 */
import path from "node:path";
import { jobSeq, type SeatNumber, seatNumber, taskIndex } from "../../../protocol/ids.ts";
import { openLmdbStore } from "../../../src/store/lmdb.ts";
import type { HolderRecord, JobRecord } from "../../../src/store/managerRecords.ts";
import { putHolder, putJob } from "../../../src/store/managerStore.ts";
import { putPlan } from "../../../src/store/plans.ts";
import type { Store } from "../../../src/store/port.ts";
import { MANAGER_SCHEMA, prepareSchema, WORKER_SCHEMA } from "../../../src/store/schema.ts";
import {
  STREAM_STDERR,
  STREAM_STDOUT,
  type TaskRecord,
  type WorkerJobRecord,
} from "../../../src/store/workerRecords.ts";
import {
  putAttempt,
  putOutput,
  putTask,
  putWorkerJob,
  readEpoch,
  takeSeat,
  writeFenced,
} from "../../../src/store/workerStore.ts";
import { compileWorkflow } from "../../../src/workflow/compile.ts";
import { encodePlan } from "../../../src/workflow/encodePlan.ts";
import type { Plan } from "../../../src/workflow/plan.ts";
import { jobRecord } from "./records.ts";

export const SEAT: SeatNumber = seatNumber(0);

export interface WrittenTask {
  readonly name: string;
  readonly record: TaskRecord;
  /** Records of the attempts before. */
  readonly earlier?: readonly TaskRecord[];
  readonly stdout?: string | Uint8Array;
  readonly stderr?: string | Uint8Array;
}

export interface StateFolder {
  addJob(
    record: Partial<JobRecord> & { readonly job: JobRecord["job"] },
    document: object,
    tasks?: readonly WrittenTask[],
  ): Promise<void>;
  setWorkerJob(record: WorkerJobRecord): Promise<void>;
  setHolder(record: HolderRecord): Promise<void>;
}

export function stateFolder(folder: string): StateFolder {
  return {
    addJob: async (record, document, tasks = []) => {
      const plan = planOf(document);
      await inStore(folder, "manager", (store) =>
        store.write((writer) => {
          putPlan(writer, record.job, encodePlan(plan));
          putJob(writer, jobRecord({ seat: SEAT, ...record }));
        }),
      );
      await inStore(folder, "worker-00", (store) => {
        const epoch = nextEpoch(store);
        for (const task of tasks) writeTask(store, epoch, record.job, plan, task);
      });
    },
    setWorkerJob: (record) =>
      inStore(folder, "worker-00", (store) =>
        writeFenced(store, nextEpoch(store), (writer) => putWorkerJob(writer, record)),
      ),
    setHolder: (record) =>
      inStore(folder, "manager", (store) => store.write((writer) => putHolder(writer, record))),
  };
}

function nextEpoch(store: Store): number {
  const epoch = store.read(readEpoch) + 1;
  takeSeat(store, epoch, { pid: 1, startTime: "1", bootId: "" });
  return epoch;
}

async function inStore(folder: string, name: string, write: (store: Store) => void): Promise<void> {
  const store = openLmdbStore(path.join(folder, name));
  try {
    prepareSchema(store, name, name === "manager" ? MANAGER_SCHEMA : WORKER_SCHEMA);
    write(store);
  } finally {
    await store.close();
  }
}

function planOf(document: object) {
  const compiled = compileWorkflow(Buffer.from(JSON.stringify(document)), "flow.json", { capacity: null });
  if (compiled.type === "plan") return compiled.plan;
  throw new Error(compiled.faults.map(({ message }) => message).join(" "));
}

function writeTask(worker: Store, epoch: number, job: number, plan: Plan, written: WrittenTask): void {
  const task = taskIndex(plan.findTask(written.name) ?? Number.NaN);
  writeFenced(worker, epoch, (writer) => {
    putTask(writer, jobSeq(job), task, written.record);
    for (const record of written.earlier ?? []) {
      putAttempt(writer, { job: jobSeq(job), task, attempt: record.attempt }, record);
    }
    for (const [stream, text] of [
      [STREAM_STDOUT, written.stdout],
      [STREAM_STDERR, written.stderr],
    ] as const) {
      if (text === undefined) continue;
      const key = { job: jobSeq(job), task, attempt: written.record.attempt, stream };
      putOutput(writer, key, { type: "inline", bytes: Buffer.from(text), cutBytes: 0 });
    }
  });
}
