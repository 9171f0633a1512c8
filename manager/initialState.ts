/** The state with which a manager begins: the node as it is now, and the jobs that its predecessor left unfinished. */
import { randomUUID } from "node:crypto";
import { jobSeq } from "../protocol/ids.ts";
import { QREW_VERSION } from "../protocol/version.ts";
import { detectCapacity } from "../src/node/capacity.ts";
import { isLiving } from "../src/node/process.ts";
import type { HolderRecord, SeatRecord } from "../src/store/managerRecords.ts";
import { ensureInstance, listJobs, listSeats, readNextJob } from "../src/store/managerStore.ts";
import { listDeletions } from "../src/store/deletions.ts";
import type { CopyableStore } from "../src/store/lmdb.ts";
import { NUMBERS_PER_FLUSH_MAX } from "./jobStorage.ts";
import type { ManagerArguments } from "./arguments.ts";
import type { ActorSettings } from "./settings.ts";
import type { KnownHolder, ManagerState } from "./core/state.ts";
import { createManager } from "./core/step.ts";

/** From SIGTERM to SIGKILL when a task is stopped: time to write a checkpoint of moderate size. */
const GRACE_MS = 5000;
/** Seats have two digits in the names of their sockets and stores. */
const WORKERS_MAX = 100;
/** More live jobs than this are not taken over at once; nobody has submitted so many without waiting. */
const UNFINISHED_JOBS_MAX = 1_000_000;

export function initialState(
  args: ManagerArguments,
  settings: ActorSettings,
  store: CopyableStore,
  holder: HolderRecord,
): ManagerState {
  const instance = store.write((writer) => ensureInstance(writer, randomUUID()));
  const { resources: capacity } = detectCapacity(args.capacity);
  const slots = Math.ceil((capacity.cpusMilli + capacity.gpusMilli) / 1000);
  const unfinished = store.read((reader) =>
    listJobs(reader, { limit: UNFINISHED_JOBS_MAX, states: ["queued", "running", "paused"] }),
  );
  return createManager(
    {
      epoch: holder.epoch,
      packageVersion: QREW_VERSION,
      instance,
      pid: process.pid,
      startedAtMs: holder.startedAtMs,
      capacity,
      workersMax: Math.min(WORKERS_MAX, Math.max(1, slots)),
      transient: args.transient,
      idleMs: args.idleMs,
      graceMs: GRACE_MS,
      leaseMs: settings.leaseMs,
      prune: settings.prune,
    },
    unfinished.toReversed(),
    jobSeq(store.read(readNextJob) + (store.wasCut ? NUMBERS_PER_FLUSH_MAX : 0)),
    knownHolders(store.read(listSeats)),
    store.read(listDeletions),
  );
}

/** Dead ones are left out: their seats are filled again where there are jobs. */
function knownHolders(seats: readonly SeatRecord[]): KnownHolder[] {
  return seats
    .filter((record) => record.pid === 0 || isLiving(record))
    .map(({ seat, epoch, pid }) => ({ seat, epoch, pid: pid === 0 ? null : pid }));
}
