/** Which queued job gets a place in a QWorker: highest priority first, then oldest first. */
import type { TaskCounts } from "../../protocol/fields.ts";
import type { SeatNumber } from "../../protocol/ids.ts";
import { JOBS_PER_WORKER_MAX, LOADED_JOBS_MAX, SEAT_JOBS_MAX } from "../../protocol/limits.ts";
import { absentSeat, freeSeatNumber, isDamaged } from "./seats.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";
import type { LiveJob } from "./state.ts";
import { type Turn, updateJob } from "./turn.ts";

/** A cancel waits for nobody but other cancels. */
const urgencyOf = ({ record }: LiveJob): number =>
  record.cancelRequested ? Number.POSITIVE_INFINITY : record.priority;

/** Into its place in the order of the queue: found by bisection. */
export function queueJob(queue: LiveJob[], job: LiveJob): void {
  const urgency = urgencyOf(job);
  const goesBefore = (other: LiveJob): boolean =>
    urgency > urgencyOf(other) || (urgency === urgencyOf(other) && job.record.job < other.record.job);
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = queue[middle];
    if (other !== undefined && goesBefore(other)) high = middle;
    else low = middle + 1;
  }
  queue.splice(low, 0, job);
}

export function unqueueJob(queue: LiveJob[], job: LiveJob): boolean {
  const index = queue.indexOf(job);
  if (index >= 0) queue.splice(index, 1);
  return index >= 0;
}

/** Gives queued jobs to QWorkers as long as there is a place. One that has been admitted before goes back to its seat. */
export function admitJobs(turn: Turn): void {
  const { queue, stopping } = turn.state;
  if (stopping !== null) return;
  let load: Load | null = null;
  const kept: LiveJob[] = [];
  let seen = 0;
  for (const job of queue) {
    const urgency = urgencyOf(job);
    if (load?.urgency !== urgency) load = loadOf(turn, urgency);
    const seat = placeFor(turn, job, load);
    // Whoever comes later in the queue finds no more than one that no seat has had yet.
    if (seat === null && job.record.seat === null) break;
    seen += 1;
    if (seat === null) {
      kept.push(job);
      continue;
    }
    admit(turn, job, seat);
    load.add(seat);
  }
  const admitted = seen - kept.length;
  for (const [index, job] of kept.entries()) queue[admitted + index] = job;
  if (admitted > 0) queue.splice(0, admitted);
}

function admit(turn: Turn, job: LiveJob, seat: SeatNumber): void {
  seatJob(turn, job, seat);
  updateJob(turn, job, admittedTo(seat, turn.clock, job.record, job.isPooled));
}

/** Nothing of it runs there. */
export function seatJob(turn: Turn, job: LiveJob, seat: SeatNumber): void {
  const { record, borrower } = job;
  turn.state.admitted.set(record.job, job);
  if (!turn.state.seats.has(seat)) turn.state.seats.set(seat, absentSeat(seat));
  job.assigned = false;
  job.loanUntold = true;
  turn.state.lending.stale = true;
  // It starts level with the others as they are now, not as they were when it was submitted.
  borrower.usage = Math.max(borrower.usage, turn.state.lending.floor);
  borrower.standing = borrower.usage;
  turn.state.changed.add(job);
}

/** What changes in the record of a job that gets a place. */
export function admittedTo(
  seat: SeatNumber,
  { wallMs }: Turn["clock"],
  { pause, tasks, startedAtMs }: JobRecord,
  isPooled: boolean,
): Pick<JobRecord, "seat" | "state" | "startedAtMs" | "parked" | "tasks"> {
  return {
    seat,
    state: pause === "off" ? "running" : "paused",
    startedAtMs: startedAtMs ?? wallMs,
    parked: null,
    tasks: isPooled ? allReady(tasks) : tasks,
  };
}

/** The seat that a new job of this priority would have in a moment, as nobody else wants one. Null: it has to queue. */
export function seatAtOnce(turn: Turn, priority: number): SeatNumber | null {
  const { submissions, seats } = turn.state;
  if (submissions.size > 1) return null;
  for (const seat of seats.keys()) if (isSeatFree(turn, seat, priority)) return seat;
  return null;
}

/** A QWorker is there, without any job, and nobody waits for it. */
export function isSeatFree(turn: Turn, seat: SeatNumber, priority: number): boolean {
  const { stopping, queue, seats } = turn.state;
  if (stopping !== null || queue.length > 0 || seats.get(seat)?.type !== "ready") return false;
  const load = loadOf(turn, priority);
  return load.loaded(seat) === 0 && hasRoom(load, seat);
}

/** Of one task without dependencies: its QWorker tells nothing of it before it begins. */
const allReady = (tasks: TaskCounts): TaskCounts => ({
  ...tasks,
  waiting: 0,
  ready: tasks.ready + tasks.waiting,
});

/** The seat for a job: its own, or the one with the fewest, or a new one while all have some; null when all are full. */
function placeFor(turn: Turn, job: LiveJob, load: Load): SeatNumber | null {
  const { seats, options } = turn.state;
  const own = job.record.seat;
  if (own !== null) return isDamaged(seats.get(own)) || hasPlace(load, own) ? own : null;
  let best: SeatNumber | null = null;
  for (const { seat, type } of seats.values()) {
    if (type === "leaving" || isDamaged(seats.get(seat)) || !hasRoom(load, seat)) continue;
    if (best === null || load.loaded(seat) < load.loaded(best)) best = seat;
  }
  if (best !== null && load.loaded(best) === 0) return best;
  if (seats.size < options.workersMax) return freeSeatNumber(turn);
  return best;
}

/** How many jobs each seat has. */
interface Load {
  readonly urgency: number;
  /** A job of this urgency has got a place there. */
  add(seat: SeatNumber): void;
  /** In a QWorker, whatever their priority. */
  loaded(seat: SeatNumber): number;
  /** In a QWorker, and as urgent at least. */
  rivals(seat: SeatNumber): number;
  /** Those that are parked among them. */
  all(seat: SeatNumber): number;
}

const hasPlace = (load: Load, seat: SeatNumber): boolean =>
  load.rivals(seat) < JOBS_PER_WORKER_MAX && load.loaded(seat) < LOADED_JOBS_MAX;

/** For one that the seat has not had yet. */
const hasRoom = (load: Load, seat: SeatNumber): boolean =>
  hasPlace(load, seat) && load.all(seat) < SEAT_JOBS_MAX;

function loadOf({ state }: Turn, urgency: number): Load {
  const loaded: number[] = [];
  const rivals: number[] = [];
  const parked: number[] = [];
  const count = (counts: number[], seat: SeatNumber | null): void => {
    if (seat !== null) counts[seat] = (counts[seat] ?? 0) + 1;
  };
  for (const job of state.admitted.values()) {
    count(loaded, job.record.seat);
    if (urgencyOf(job) >= urgency) count(rivals, job.record.seat);
  }
  for (const job of state.parked.values()) count(parked, job.record.seat);
  return {
    urgency,
    add: (seat) => {
      count(loaded, seat);
      count(rivals, seat);
    },
    loaded: (seat) => loaded[seat] ?? 0,
    rivals: (seat) => rivals[seat] ?? 0,
    all: (seat) => (loaded[seat] ?? 0) + (parked[seat] ?? 0),
  };
}
