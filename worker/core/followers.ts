/**
 * Chains without a round trip: what depends on one short attempt alone is sent along with it, to follow it. The forkserver starts it in the
 * place of the other the moment that has succeeded, and withdraws it if it does not (protocol/forkserver.md).
 *
 * A follower's task waits as before, and it holds no slot, until the end of its leader is known here: then it takes the leader's place. What is
 * told of it earlier, since facts of both may come in any order, is kept until then. If the leader has not succeeded the follower comes
 * back unstarted, and its task is decided by how the leader ended.
 */
import { EDGE_SAME, WHEN_SUCCESS } from "../../src/workflow/plan.ts";
import { classOf, definitionOf, firstTaskOf, groupOf, place, stateOf } from "./job.ts";
import { OMEN_NONE } from "./settle.ts";
import type { JobActor, LiveAttempt } from "./state.ts";
import { SUCCEEDED, WAITING } from "./taskStates.ts";

/** In a row behind one that runs. Those of 0.4 ms then cover several round trips, and the 60 ms for which the forkserver gathers ends. */
const FOLLOWERS_MAX = 512;

export interface RowTimes {
  /** What takes longer on average has no row. */
  readonly shortMs: number;
  /** The time that a row may take. */
  readonly aheadMs: number;
}

/** Sends the attempt of a task, to follow a live one. */
type Send = (leader: LiveAttempt, task: number) => void;

/**
 * Lengthens the rows behind those that were sent, or began to run in another's place, in this turn. Only where nothing of the job is
 * ready: what is goes first.
 */
export function sendFollowers(job: JobActor, { shortMs, aheadMs }: RowTimes, send: Send): void {
  const { heads } = job;
  const { averageMs } = job.account;
  if (heads.length === 0) return;
  const isShort = averageMs !== null && averageMs <= shortMs;
  if (isShort && job.graph.maxRunning === null && job.groups.every(({ queue }) => queue.length === 0)) {
    const limit = Math.min(FOLLOWERS_MAX, Math.ceil(aheadMs / Math.max(averageMs, 0.01)));
    for (const head of heads) lengthenRow(job, head, limit, send);
  }
  heads.length = 0;
}

function lengthenRow(job: JobActor, head: number, limit: number, send: Send): void {
  let last = job.live.get(head);
  for (let length = 0; length < limit && last !== undefined; length++) {
    let next = followerOf(job, last);
    if (next === null) {
      if (last.stop !== null) return;
      const task = nextInRow(job, last);
      if (task === null) return;
      send(last, task);
      next = job.live.get(task) ?? null;
    }
    last = next ?? undefined;
  }
}

/** Who follows the attempt; null if nobody does. */
export function followerOf(job: JobActor, leader: LiveAttempt): LiveAttempt | null {
  if (leader.follower === null) return null;
  const follower = job.live.get(leader.follower);
  return follower?.after === leader.task && follower.following !== null ? follower : null;
}

/** A task that waits for nothing but the success of this attempt, and can run in its place. */
function nextInRow(job: JobActor, leader: LiveAttempt): number | null {
  const { graph } = job;
  const definition = definitionOf(graph, leader.task);
  if (isSuspect(job, leader.task) || graph.promisesOutputs(definition)) return null;
  const edgesEnd = graph.dependentOffsets[definition + 1] ?? 0;
  for (let edge = graph.dependentOffsets[definition] ?? 0; edge < edgesEnd; edge++) {
    const dependent = graph.dependents[edge] ?? 0;
    if (graph.when[dependent] !== WHEN_SUCCESS) continue;
    const isSame = graph.dependentKinds[edge] === EDGE_SAME;
    // All elements of the leader's definition have to succeed: then it has to be the last of them.
    const isLast = job.remaining[definition] === 1 && job.definitionOmens[definition] === OMEN_NONE;
    if (!isSame && !isLast) continue;
    const first = firstTaskOf(graph, dependent);
    const task = isSame ? first + leader.task - firstTaskOf(graph, definition) : first;
    if (mayFollow(job, task, leader)) return task;
  }
  return null;
}

const mayFollow = (job: JobActor, task: number, leader: LiveAttempt): boolean =>
  job.unfinished[task] === 1 &&
  job.omens[task] === OMEN_NONE &&
  stateOf(job, task) === WAITING &&
  !job.live.has(task) &&
  !isSuspect(job, task) &&
  groupOf(job, task) === leader.group &&
  classOf(job.graph, task).executor === "shell";

const isSuspect = (job: JobActor, task: number): boolean => (job.losses[task] ?? 0) >= job.suspectFrom;

/** The end of its leader is known: from now on it is an attempt like others, or is on its way back. */
export function takePlace(job: JobActor, follower: LiveAttempt): void {
  follower.following = null;
  place(job, follower.group);
  if (stateOf(job, follower.after ?? 0) === SUCCEEDED) job.heads.push(follower.task);
}

/** It was sent to follow an attempt that, as far as is known here, has not succeeded: if it ran, it ran too early to count. */
export const isPremature = (job: JobActor, live: LiveAttempt): boolean =>
  live.after !== null && stateOf(job, live.after) !== SUCCEEDED;
