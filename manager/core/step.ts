/**
 * The QManager's decisions: what it does about a batch of events. Deterministic; the state is changed in place; nothing here
 * touches a socket, a store or a clock.
 */
import type { ClientRequest } from "../../protocol/clientLink.ts";
import { assertNever } from "../../protocol/errors.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";
import type { ClientId, Clock, ManagerEffect, ManagerEvent } from "./events.ts";
import { admitJobs } from "./admission.ts";
import { addDeletions, onJobsMarked, onPruneJobs, tendDeletions } from "./deletions.ts";
import { accountLoans, tendLoans } from "./loans.ts";
import { assignJobs, enqueue, onCancelJobs } from "./queue.ts";
import { onFollowJobs, tellFollowers } from "./following.ts";
import { uncertain } from "./lending.ts";
import { poolOf } from "./pools.ts";
import { tendParked } from "./parking.ts";
import { onPauseJobs } from "./pausing.ts";
import { onJobsListed, tendPruning } from "./pruning.ts";
import { onEndedJobFound, onRetryJob, onRoundFlushed, onRoundStored } from "./rounds.ts";
import {
  absentSeat,
  adoptingSeat,
  onWorkerBusy,
  onWorkerLost,
  onWorkerReconnected,
  onWorkerStarted,
  tendSeats,
} from "./seats.ts";
import { onExplainJob } from "./standing.ts";
import { answerStatus, onDaemonStatus, stop, tendStopping } from "./service.ts";
import type { KnownHolder, LiveDeletion, ManagerOptions, ManagerState } from "./state.ts";
import {
  answerSeal,
  expireSubmissions,
  onAppendSubmission,
  onChunkStored,
  onDocumentPlanned,
  onDocumentRejected,
  onJobStored,
  onKeyLookedUp,
  onOpenSubmission,
  onSealSubmission,
  onSubmissionFailed,
} from "./submissions.ts";
import { refuse, reply, type Turn } from "./turn.ts";
import { failDamaged, onWorkerFact } from "./workerFacts.ts";
import { TransientMap } from "../../src/transientMap.ts";

/** A manager with the jobs that its predecessor left unfinished; they go on in their seats. `holders` may be alive. */
export function createManager(
  options: ManagerOptions,
  unfinished: Iterable<JobRecord>,
  nextJob: number,
  holders: Iterable<KnownHolder> = [],
  deletions: Iterable<Omit<LiveDeletion, "toldEpoch">> = [],
): ManagerState {
  const state: ManagerState = {
    options,
    jobs: new TransientMap(),
    queue: [],
    admitted: new TransientMap(),
    parked: new Map(),
    reopening: new Set(),
    deletions: new Map(),
    changed: new Set(),
    nextJob,
    seats: new Map(),
    pools: new Map(),
    crashes: new Map(),
    submissions: new TransientMap(),
    heldKeys: new Map(),
    nextSubmission: 1,
    followers: new Map(),
    statusQueries: new Map(),
    nextStatusQuery: 1,
    lending: { accountedAtMs: 0, quantumEndsMs: 0, floor: 0, stale: true },
    pruning: { nextAtMs: 0, seen: null },
    stopping: null,
    idleSinceMs: null,
    wakeAtMs: null,
  };
  const turn: Turn = { state, clock: { monoMs: 0, wallMs: 0 }, effects: [] };
  for (const record of unfinished) {
    enqueue(turn, record);
    if (!state.admitted.has(record.job) || record.seat === null) continue;
    state.seats.set(record.seat, absentSeat(record.seat));
    const pool = poolOf(state, record.seat);
    state.pools.set(record.seat, { ...pool, borrower: uncertain(pool.borrower) });
  }
  for (const { seat, epoch, pid } of holders) {
    // One that nobody can name is replaced: its successor ends it for certain, and goes on or, with nothing to do, leaves.
    const holder = pid === null ? absentSeat(seat) : adoptingSeat(seat, epoch, pid);
    state.seats.set(seat, holder);
  }
  addDeletions(state, deletions);
  return state;
}

/** Handles the events, in order, then everything that follows from them. `state.wakeAtMs` says when to call again. */
export function step(state: ManagerState, clock: Clock, events: readonly ManagerEvent[]): ManagerEffect[] {
  const turn: Turn = { state, clock, effects: [] };
  state.wakeAtMs = null;
  accountLoans(turn);
  for (const event of events) handle(turn, event);
  expireSubmissions(turn);
  tendPruning(turn);
  tendDeletions(turn);
  tendParked(turn);
  admitJobs(turn);
  tendSeats(turn);
  failDamaged(turn);
  assignJobs(turn);
  tendLoans(turn);
  answerStatus(turn);
  tellFollowers(turn);
  tendStopping(turn);
  return turn.effects;
}

function handle(turn: Turn, event: ManagerEvent): void {
  switch (event.type) {
    case "clientAsked":
      return onRequest(turn, event.client, event.request);
    case "clientGone":
      turn.state.followers.delete(event.client);
      turn.state.stopping?.listeners.delete(event.client);
      return;
    case "chunkStored":
      return onChunkStored(turn, event);
    case "submissionFailed":
      return onSubmissionFailed(turn, event);
    case "documentRejected":
      return onDocumentRejected(turn, event);
    case "documentPlanned":
      return onDocumentPlanned(turn, event);
    case "keyLookedUp":
      return onKeyLookedUp(turn, event);
    case "jobStored":
      return onJobStored(turn, event);
    case "endedJobFound":
      return onEndedJobFound(turn, event);
    case "jobsMarked":
      return onJobsMarked(turn, event);
    case "jobsListed":
      return onJobsListed(turn, event);
    case "roundStored":
      onRoundStored(turn, event);
      return answerSeal(turn, event.submission, event.record.job, event.taskCount);
    case "roundFlushed":
      return onRoundFlushed(turn, event);
    case "workerStarted":
      return onWorkerStarted(turn, event);
    case "workerReconnected":
      return onWorkerReconnected(turn, event);
    case "workerLost":
      return onWorkerLost(turn, event);
    case "workerTold":
      return onWorkerFact(turn, event);
    case "workerBusy":
      return onWorkerBusy(turn, event);
    case "terminationAsked":
      return stop(turn, turn.state.stopping !== null, null);
    case "woken":
      return;
    default:
      assertNever(event);
  }
}

function onRequest(turn: Turn, client: ClientId, asked: ClientRequest): void {
  const { request } = asked;
  const { packageVersion, pid } = turn.state.options;
  switch (asked.type) {
    case "hello":
      return reply(turn, client, { type: "welcome", request, packageVersion, pid });
    case "openSubmission":
      return onOpenSubmission(turn, client, asked);
    case "appendSubmission":
      return onAppendSubmission(turn, client, asked);
    case "sealSubmission":
      return onSealSubmission(turn, client, asked);
    case "followJobs":
      return onFollowJobs(turn, client, request, asked.jobs);
    case "unfollow":
      turn.state.followers.delete(client);
      return reply(turn, client, { type: "unfollowed", request });
    case "cancelJobs":
      return onCancelJobs(turn, client, request, asked.jobs);
    case "pauseJobs":
      return onPauseJobs(turn, client, request, asked.jobs, asked.pause);
    case "retryJob":
      return onRetryJob(turn, client, request, asked.job);
    case "pruneJobs":
      return onPruneJobs(turn, client, request, asked.jobs, asked.folders);
    case "explainJob":
      return onExplainJob(turn, client, request, asked.job);
    case "daemonStatus":
      return onDaemonStatus(turn, client, request);
    case "stopDaemon":
      return stop(turn, asked.mode === "now", { id: client, request });
    default:
      return refuse(turn, client, request, "internal", assertNever(asked));
  }
}
