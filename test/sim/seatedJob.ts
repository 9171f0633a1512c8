/** A job that has a seat, as the stores tell of it. */
import type { JobSeq, SeatNumber } from "../../protocol/ids.ts";
import type { TaskRecord } from "../../src/store/workerRecords.ts";
import type { JobVersion } from "./scripts.ts";

export interface SeatedJob {
  readonly job: JobSeq;
  readonly seat: SeatNumber;
  /** 0 before its seat's store has anything of it. */
  round: number;
  version: JobVersion;
  /** Of this round. */
  finals: Map<number, TaskRecord>;
}
