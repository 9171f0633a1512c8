/**
 * Whose a job is, after a power cut. The manager's store and those of the seats are flushed each at its own time: one may have forgotten
 * what the other still knows. The manager's record decides; and where it says of a job that nobody has it, the seat whose store has
 * something of it gets it back (`claimedSeats`), so that nothing that was done or told is done again elsewhere.
 */
import type { JobSeq, SeatNumber } from "../../protocol/ids.ts";
import type { PauseMode } from "../../protocol/fields.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { wordKey } from "./keys.ts";
import type { JobRecord, SeatRecord } from "./managerRecords.ts";
import { listJobs, putJob, putSeat, readJob, readSeat } from "./managerStore.ts";
import type { Store, StoreReader } from "./port.ts";
import type { WorkerJobRecord } from "./workerRecords.ts";
import { listWorkerJobs, readEpoch, readSeatHolder, readWorkerJob } from "./workerStore.ts";

/** What a QWorker that takes a seat finds in the seat's store. */
export interface SeatJobs {
  /** It goes on with these, before the manager speaks. */
  readonly unfinished: readonly UnfinishedJob[];
  /** Of nobody any more, or another seat's: to be deleted. */
  readonly stale: readonly JobSeq[];
}

export interface UnfinishedJob {
  readonly job: JobSeq;
  readonly round: number;
  readonly priority: number;
  readonly pause: PauseMode;
}

/**
 * `afterReboot`: jobs that have ended are looked at as well, whose records are then of no use but take room. They may be many. A job that
 * the manager has given to nobody stays as it is: it may be given to this seat.
 */
export function readSeatJobs(
  managerStore: Store,
  store: Store,
  seat: SeatNumber,
  afterReboot: boolean,
): SeatJobs {
  const unfinished: UnfinishedJob[] = [];
  const stale: JobSeq[] = [];
  const known = store.read(listWorkerJobs);
  managerStore.read((reader) => {
    for (const record of known) {
      if (record.state !== "running" && !afterReboot) continue;
      const { job, round, priority } = record;
      const owner = readJob(reader, job);
      if (isStale(owner, seat)) stale.push(job);
      else if (owner !== null && goesOn(record, owner, seat)) {
        unfinished.push({ job, round, priority, pause: owner.pause });
      }
    }
  });
  return { unfinished, stale };
}

function isStale(owner: JobRecord | null, seat: SeatNumber): boolean {
  if (owner === null) return true;
  return owner.seat === null ? isFinalJobState(owner.state) : owner.seat !== seat;
}

/** What is parked, ended or in another round by the manager's record, the manager assigns again, or not. */
const goesOn = (record: WorkerJobRecord, owner: JobRecord, seat: SeatNumber): boolean =>
  record.state === "running" &&
  !record.parked &&
  owner.seat === seat &&
  owner.round === record.round &&
  owner.parked === null &&
  !isFinalJobState(owner.state);

const META = "meta";
const CLAIMS_READ = wordKey("claimsRead");

/** More than are submitted without anybody waiting for them. */
const QUEUED_MAX = 1_000_000;

/**
 * Once in each run of the machine, before the manager gives jobs away: those that by its record nobody has, and of which a seat's store
 * has something, are that seat's again. And no seat is given an epoch that its store knows already, under which its next QWorker
 * would be fenced. `storeOf` opens a seat's store to be read; null: there is none, or it cannot be read.
 */
export function claimSeats(
  store: Store,
  seats: Iterable<SeatNumber>,
  bootId: string,
  storeOf: (seat: SeatNumber) => Store | null,
): void {
  if (areClaimsRead(store, bootId)) return;
  const unclaimed = store
    .read((reader) => listJobs(reader, { limit: QUEUED_MAX, states: ["queued", "paused"] }))
    .filter((record) => record.seat === null);
  const found = [...seats].flatMap((seat) => {
    const seatStore = storeOf(seat);
    return seatStore === null ? [] : [seatStore.read((reader) => claimsOf(reader, seat, unclaimed))];
  });
  store.write((writer) => {
    for (const { claimed, holder } of found) {
      for (const record of claimed) putJob(writer, record);
      if (holder !== null && holder.epoch > (readSeat(writer, holder.seat)?.epoch ?? 0))
        putSeat(writer, holder);
    }
    writer.put(META, CLAIMS_READ, Buffer.from(bootId, "latin1"));
  });
}

/** Whether that was done since the machine was started. */
export const areClaimsRead = (store: Store, bootId: string): boolean =>
  store.read((reader) => Buffer.from(reader.get(META, CLAIMS_READ) ?? "").toString("latin1") === bootId);

interface Claims {
  readonly claimed: readonly JobRecord[];
  /** Who has held the seat last; null: nobody ever. */
  readonly holder: SeatRecord | null;
}

function claimsOf(reader: StoreReader, seat: SeatNumber, unclaimed: readonly JobRecord[]): Claims {
  const claimed = unclaimed
    .filter(({ job }) => readWorkerJob(reader, job) !== null)
    .map((record) => ({ ...record, seat }));
  const process = readSeatHolder(reader);
  return { claimed, holder: process === null ? null : { seat, epoch: readEpoch(reader), ...process } };
}
