import { describe, expect, it } from "vitest";
import { jobSeq, type SeatNumber, seatNumber } from "../../../protocol/ids.ts";
import { claimSeats, readSeatJobs } from "../../../src/store/claims.ts";
import type { JobRecord } from "../../../src/store/managerRecords.ts";
import { listSeats, putJob, putSeat, readJob } from "../../../src/store/managerStore.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import type { Store } from "../../../src/store/port.ts";
import type { WorkerJobRecord } from "../../../src/store/workerRecords.ts";
import { putWorkerJob, takeSeat } from "../../../src/store/workerStore.ts";
import { counts } from "../client/records.ts";
import { jobRecord } from "../manager/daemon.ts";

const SEAT = seatNumber(0);
const OTHER = seatNumber(1);

function managerWith(...records: readonly JobRecord[]): Store {
  const store = openMemoryStore();
  store.write((writer) => records.forEach((record) => putJob(writer, record)));
  return store;
}

const progress = (job: number, others: Partial<WorkerJobRecord> = {}): WorkerJobRecord => ({
  job: jobSeq(job),
  round: 1,
  planRound: 1,
  attemptFloor: 0,
  priority: 3,
  state: "running",
  cancelRequested: false,
  pause: "off",
  parked: false,
  suspendedMs: 0,
  suspendedSinceMs: null,
  seq: 5,
  tasks: counts({ waiting: 1 }),
  finishedAtMs: null,
  detail: null,
  ...others,
});

function seatWith(...records: readonly WorkerJobRecord[]): Store {
  const store = openMemoryStore();
  store.write((writer) => records.forEach((record) => putWorkerJob(writer, record)));
  return store;
}

describe("what a QWorker finds in its seat's store", () => {
  const running = jobRecord(1, { state: "running", seat: SEAT });

  it("is what it goes on with, where the manager says that it is the seat's; paused if the manager says so", () => {
    const manager = managerWith(running, { ...running, job: jobSeq(2), state: "paused", pause: "hold" });
    const seat = seatWith(progress(1), progress(2), progress(3));
    const unfinished = [
      { job: 1, round: 1, priority: 3, pause: "off" },
      { job: 2, round: 1, priority: 3, pause: "hold" },
    ];
    expect(readSeatJobs(manager, seat, SEAT, false)).toEqual({ unfinished, stale: [3] });
  });

  it.each([
    ["of another seat", jobRecord(1, { state: "running", seat: OTHER }), true],
    ["of nobody, since it was cancelled there", jobRecord(1, { state: "cancelled" }), true],
    ["queued: it may come here", jobRecord(1), false],
    ["ended", jobRecord(1, { state: "failed", seat: SEAT }), false],
    ["parked", jobRecord(1, { state: "running", seat: SEAT, parked: { untilMs: 5 } }), false],
    ["in another round", jobRecord(1, { state: "running", seat: SEAT, round: 2 }), false],
  ] as const)("is left alone, or stale, where the manager says: %s", (_, record, isStale) => {
    const found = readSeatJobs(managerWith(record), seatWith(progress(1)), SEAT, false);
    expect(found).toEqual({ unfinished: [], stale: isStale ? [1] : [] });
  });

  it("is cleared of jobs that have ended after a power cut only: there may be many", () => {
    const seat = seatWith(progress(1, { state: "succeeded" }));
    expect(readSeatJobs(managerWith(), seat, SEAT, false).stale).toEqual([]);
    expect(readSeatJobs(managerWith(), seat, SEAT, true).stale).toEqual([1]);
  });
});

describe("jobs that the manager has forgotten to have given away", () => {
  const seats = (stores: ReadonlyMap<SeatNumber, Store>) => (seat: SeatNumber) => stores.get(seat) ?? null;

  it("are the seat's again whose store has something of them, once in each run of the machine", () => {
    const manager = managerWith(jobRecord(1), jobRecord(2), jobRecord(3, { state: "running", seat: SEAT }));
    const stores = new Map([[OTHER, seatWith(progress(2), progress(3))]]);
    const seatOf = (job: number) => manager.read((reader) => readJob(reader, jobSeq(job)))?.seat;
    claimSeats(manager, [SEAT, OTHER], "boot-1", seats(stores));
    expect([1, 2, 3].map(seatOf)).toEqual([null, OTHER, SEAT]);
    stores.set(SEAT, seatWith(progress(1)));
    claimSeats(manager, [SEAT, OTHER], "boot-1", seats(stores));
    expect(seatOf(1)).toBe(null);
    claimSeats(manager, [SEAT, OTHER], "boot-2", seats(stores));
    expect(seatOf(1)).toBe(SEAT);
  });

  it("come with the epoch of the seat's store, so that its next QWorker is not fenced", () => {
    const manager = managerWith();
    const holder = { pid: 7, startTime: "1", bootId: "boot-0" };
    const stores = new Map([
      [SEAT, seatWith()],
      [OTHER, seatWith()],
    ]);
    takeSeat(seats(stores)(OTHER) ?? seatWith(), 4, holder);
    claimSeats(manager, [SEAT, OTHER], "boot-1", seats(stores));
    expect(manager.read(listSeats)).toEqual([{ seat: OTHER, epoch: 4, ...holder }]);
    manager.write((writer) => putSeat(writer, { seat: OTHER, epoch: 6, ...holder }));
    claimSeats(manager, [OTHER], "boot-2", seats(stores));
    expect(manager.read(listSeats)).toMatchObject([{ epoch: 6 }]);
  });
});
