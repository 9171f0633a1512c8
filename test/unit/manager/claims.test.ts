/** What a manager asks the stores of seats, on real files: of those that a power cut has left, and where its own is lost. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { askSeats, refuseLostStore } from "../../../manager/claims.ts";
import { jobSeq, seatNumber } from "../../../protocol/ids.ts";
import { ownName } from "../../../src/node/process.ts";
import { openLmdbStore } from "../../../src/store/lmdb.ts";
import { listSeats, putHolder, putJob, readJob } from "../../../src/store/managerStore.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import type { Store } from "../../../src/store/port.ts";
import { putWorkerJob, takeSeat } from "../../../src/store/workerStore.ts";
import type { WorkerJobRecord } from "../../../src/store/workerRecords.ts";
import { counts } from "../client/records.ts";
import { jobRecord } from "./daemon.ts";

const SEAT = seatNumber(3);
const EARLIER = { pid: 7, startTime: "1", bootId: "earlier" };
let home = "";

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "qrew-claims-"));
});
afterEach(() => rmSync(home, { recursive: true }));

/** The store of the seat as `fill` has left it, which another process has open; `flushed` is what a power cut leaves of it. */
async function seatStore(flushed: (store: Store) => void, fill: (store: Store) => void): Promise<void> {
  const made = path.join(home, "made");
  const store = openLmdbStore(made, { bootId: "earlier" });
  flushed(store);
  await store.flushed();
  fill(store);
  cpSync(made, path.join(home, "worker-03"), { recursive: true });
  await store.close();
  rmSync(made, { recursive: true });
}

const workerJob = (job: number): WorkerJobRecord => ({
  job: jobSeq(job),
  round: 1,
  planRound: 1,
  attemptFloor: 0,
  priority: 0,
  state: "succeeded",
  cancelRequested: false,
  pause: "off",
  parked: false,
  suspendedMs: 0,
  suspendedSinceMs: null,
  seq: 5,
  tasks: counts({ succeeded: 1 }),
  finishedAtMs: 1,
  detail: null,
});
const nothing = (): void => undefined;
const put = (store: Store, job: number): void =>
  store.write((writer) => putWorkerJob(writer, workerJob(job)));

it("a seat's store is taken back to its checkpoint before it is asked, and tells its jobs and its epoch", async () => {
  await seatStore(
    (store) => {
      takeSeat(store, 5, EARLIER);
      put(store, 1);
    },
    (store) => put(store, 2),
  );
  const manager = openMemoryStore();
  manager.write((writer) => [1, 2].forEach((job) => putJob(writer, jobRecord(job))));
  await askSeats(home, manager, (message) => expect.unreachable(message));
  const seats = [1, 2].map((job) => manager.read((reader) => readJob(reader, jobSeq(job)))?.seat);
  expect(seats).toEqual([SEAT, null]);
  expect(manager.read(listSeats)).toEqual([{ seat: SEAT, epoch: 5, ...EARLIER }]);
});

it("a new manager's store beside seats with jobs is refused; beside a seat without any it is none that was lost", async () => {
  await seatStore((store) => void takeSeat(store, 5, EARLIER), nothing);
  await refuseLostStore(home, openMemoryStore());
  rmSync(path.join(home, "worker-03"), { recursive: true });
  await seatStore((store) => put(store, 1), nothing);
  await expect(refuseLostStore(home, openMemoryStore())).rejects.toThrow(/worker-03.*is gone.*restore/);
  const known = openMemoryStore();
  known.write((writer) =>
    putHolder(writer, { ...EARLIER, epoch: 1, packageVersion: "1", startedAtMs: 1, leaving: false }),
  );
  await refuseLostStore(home, known);
});

it("so is one beside a seat whose QWorker lives", async () => {
  await seatStore((store) => void takeSeat(store, 5, ownName()), nothing);
  await expect(refuseLostStore(home, openMemoryStore())).rejects.toThrow(/is gone/);
});
