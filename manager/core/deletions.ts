/**
 * Deletion of jobs that have ended. They are gone for everybody once that is on record; their seat's QWorker, started if need be,
 * deletes their tasks, then the shell the rest.
 */
import type { JobSeq, SeatNumber } from "../../protocol/ids.ts";
import type { ClientId, ManagerEvent } from "./events.ts";
import { absentSeat, isDamaged } from "./seats.ts";
import type { LiveDeletion, ManagerState } from "./state.ts";
import { replyFlushed, type Turn } from "./turn.ts";

/** Of each seat so many are under way at a time. */
const TOLD_MAX = 64;

export function onPruneJobs(
  turn: Turn,
  client: ClientId,
  request: number,
  asked: readonly JobSeq[],
  folders: boolean,
): void {
  const { jobs: live, reopening } = turn.state;
  const jobs = asked.filter((job) => !live.has(job) && !reopening.has(job));
  turn.effects.push({ type: "markDeleted", asked: { client, request }, jobs, folders });
}

export function onJobsMarked(turn: Turn, told: Extract<ManagerEvent, { type: "jobsMarked" }>): void {
  const { asked, deletions } = told;
  addDeletions(turn.state, deletions);
  if (asked === null) return;
  const { client, request } = asked;
  const jobs = deletions.map(({ job }) => job);
  replyFlushed(turn, client, { type: "jobsPruned", request, jobs });
}

export function addDeletions(
  state: ManagerState,
  deletions: Iterable<Omit<LiveDeletion, "toldEpoch">>,
): void {
  for (const { job, seat } of deletions) state.deletions.set(job, { job, seat, toldEpoch: null });
}

export function onJobDeleted(turn: Turn, job: JobSeq): void {
  if (turn.state.deletions.delete(job)) turn.effects.push({ type: "finishDeletion", job });
}

/** What the seat was told over an earlier connection may not have come, or its answer: it is told again. */
export function forgetToldDeletions({ state }: Turn, seat: SeatNumber): void {
  for (const deletion of state.deletions.values()) if (deletion.seat === seat) deletion.toldEpoch = null;
}

export function tendDeletions(turn: Turn): void {
  const { state } = turn;
  if (state.stopping !== null) return;
  const told = new Map<SeatNumber, number>();
  for (const deletion of state.deletions.values()) {
    const { job, seat: number } = deletion;
    const seat = number === null ? undefined : state.seats.get(number);
    // Nobody can open the store of a damaged seat: what is in it stays.
    if (number === null || isDamaged(seat)) onJobDeleted(turn, job);
    else if (seat === undefined) state.seats.set(number, absentSeat(number));
    else if (seat.type === "ready") {
      const count = told.get(number) ?? 0;
      if (count >= TOLD_MAX) continue;
      told.set(number, count + 1);
      if (deletion.toldEpoch === seat.epoch) continue;
      deletion.toldEpoch = seat.epoch;
      turn.effects.push({ type: "tellWorker", seat: number, command: { type: "deleteJob", job } });
    }
  }
}
