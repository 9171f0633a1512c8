/**
 * The tasks of one job and their states. Nothing here knows of slots, executors or time; `settle.ts` says what follows from
 * an end, `records.ts` what is written, `dispatch.ts` what is started.
 */
import { assert } from "../../protocol/errors.ts";
import type { JobState } from "../../protocol/fields.ts";
import { COMMON_POOL, type JobSeq } from "../../protocol/ids.ts";
import {
  addResources,
  equalResources,
  NO_RESOURCES,
  scaleResources,
  subtractResources,
} from "../../src/node/resources.ts";
import type { PlanGraph, TaskClass } from "../../src/workflow/plan.ts";
import { LiveAttempts } from "./liveAttempts.ts";
import type { Account, JobActor, LiveAttempt, SlotGroup } from "./state.ts";
import { TaskQueue } from "./taskQueue.ts";
import {
  BACKOFF,
  CANCELLED,
  FAILED,
  isFinal,
  READY,
  RUNNING,
  SKIPPED,
  STATE_CODES,
  SUCCEEDED,
  WAITING,
} from "./taskStates.ts";

/** A job at its beginning: every task waits. `releaseRoots` makes the first ones ready. Without `account` it gets its own. */
export function createJob(
  job: JobSeq,
  round: number,
  priority: number,
  graph: PlanGraph,
  suspectFrom: number,
  account: Account | null = null,
): JobActor {
  const tasks = graph.taskCount;
  const { groups, groupOfClass } = slotGroups(graph.classes);
  const counts = new Uint32Array(STATE_CODES);
  counts[WAITING] = tasks;
  const { unfinished, remaining } = openCounts(graph);
  const actor: JobActor = {
    job,
    round,
    planRound: 1,
    attemptFloor: 0,
    priority,
    graph,
    groups,
    groupOfClass,
    phase: "active",
    hasRun: false,
    closeSent: false,
    cancelRequested: false,
    haltedBy: null,
    pause: "off",
    suspendTold: false,
    suspendedMs: 0,
    suspendedSinceMs: null,
    parked: false,
    busyUntilMs: 0,
    finalState: null,
    finishedAtMs: null,
    detail: null,
    states: new Uint8Array(tasks),
    attempts: new Uint32Array(tasks),
    takenNumbers: new Map(),
    failures: new Uint16Array(tasks),
    losses: new Uint8Array(tasks),
    suspectFrom,
    suspects: [],
    unfinished,
    omens: new Uint8Array(tasks),
    readySeqs: new Uint32Array(tasks),
    remaining,
    definitionOmens: new Uint8Array(graph.definitionCount),
    counts,
    seq: 0,
    live: new LiveAttempts(tasks, (task) => noopAttempt(actor, task)),
    account: account ?? newAccount(job),
    heads: [],
    loanReturned: false,
    reportedSeq: -1,
    reportAtMs: 0,
    reportPending: false,
    changed: true,
  };
  return actor;
}

/** For each task the dependencies that are not final, for each definition the tasks: at the beginning all. */
function openCounts(graph: PlanGraph): Pick<JobActor, "unfinished" | "remaining"> {
  const unfinished = new Uint32Array(graph.taskCount);
  const remaining = new Uint32Array(graph.definitionCount);
  for (let definition = 0; definition < graph.definitionCount; definition++) {
    const [first, end] = [firstTaskOf(graph, definition), firstTaskOf(graph, definition + 1)];
    remaining[definition] = end - first;
    const needs = graph.needs[definition] ?? 0;
    if (needs > 0) unfinished.fill(needs, first, end);
  }
  return { unfinished, remaining };
}

const noopAttempt = (job: JobActor, task: number): LiveAttempt =>
  liveAttempt(job, task, job.attempts[task] ?? 0, groupOf(job, task), null);

/** An attempt that is about to be sent; `after`: to follow that of this task. */
export const liveAttempt = (
  job: JobActor,
  task: number,
  attempt: number,
  group: SlotGroup,
  after: number | null,
): LiveAttempt => ({
  task,
  attempt,
  group,
  readySeq: job.readySeqs[task] ?? 0,
  start: null,
  deadlineMs: null,
  stop: null,
  after,
  following: after === null ? null : { started: null, ended: null },
  follower: null,
});

/** It runs on what is lent to the common pool, and nothing is lent to itself. */
export const isPooled = ({ account }: JobActor): boolean => account.id === COMMON_POOL;

/** Nothing is lent to it. */
export const newAccount = (id: JobSeq): Account => ({
  id,
  loan: {
    serial: 0,
    resources: NO_RESOURCES,
    told: { serial: 0, resources: NO_RESOURCES },
    capSerial: 0,
    capCpusMilli: 0,
    capConfirmed: 0,
    runsAtMostMilli: Number.MAX_SAFE_INTEGER,
  },
  placed: NO_RESOURCES,
  placedCount: 0,
  runningCpusMilli: 0,
  averageMs: null,
  demandSent: null,
});

/** Classes that agree in priority and shape share a group; groups stand in order of priority, highest first. */
function slotGroups(classes: readonly TaskClass[]): { groups: SlotGroup[]; groupOfClass: Uint32Array } {
  const found: SlotGroup[] = [];
  const groupOf = classes.map((taskClass) => {
    const { priority, resources } = taskClass;
    let group = found.find((g) => g.priority === priority && equalResources(g.resources, resources));
    if (group === undefined) {
      group = { priority, resources, queue: new TaskQueue(), placed: 0 };
      found.push(group);
    }
    return group;
  });
  const groups = [...found].sort((a, b) => b.priority - a.priority);
  return { groups, groupOfClass: Uint32Array.from(groupOf, (group) => groups.indexOf(group)) };
}

export const firstTaskOf = (graph: PlanGraph, definition: number): number => graph.firstTask[definition] ?? 0;

/** The definition that a task belongs to: a binary search, or the task itself where there are no arrays. */
export function definitionOf(graph: PlanGraph, task: number): number {
  if (graph.definitionCount === graph.taskCount) return task;
  let low = 0;
  let high = graph.definitionCount - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (firstTaskOf(graph, middle) <= task) low = middle;
    else high = middle - 1;
  }
  return low;
}

function classIndexOf(graph: PlanGraph, task: number): number {
  const definition = definitionOf(graph, task);
  const elements = graph.elementClasses.get(definition);
  if (elements !== undefined) return elements[task - firstTaskOf(graph, definition)] ?? 0;
  return graph.definitionClass[definition] ?? 0;
}

export function classOf(graph: PlanGraph, task: number): TaskClass {
  const found = graph.classes[classIndexOf(graph, task)];
  assert(found !== undefined, "a task has a class");
  return found;
}

export function groupOf(job: JobActor, task: number): SlotGroup {
  const group = job.groups[job.groupOfClass[classIndexOf(job.graph, task)] ?? 0];
  assert(group !== undefined, "a task has a slot group");
  return group;
}

export const stateOf = (job: JobActor, task: number): number => job.states[task] ?? WAITING;

export function setState(job: JobActor, task: number, code: number): void {
  const before = stateOf(job, task);
  job.counts[before] = (job.counts[before] ?? 0) - 1;
  job.counts[code] = (job.counts[code] ?? 0) + 1;
  job.states[task] = code;
  job.changed = true;
}

export function nextSeq(job: JobActor): number {
  job.seq += 1;
  return job.seq;
}

/**
 * The task may run: it joins the queue of its group, or waits for its turn among the suspects (blame.ts); or it was sent already,
 * to follow another.
 */
export function makeReady(job: JobActor, task: number): void {
  setState(job, task, READY);
  const readySeq = nextSeq(job);
  job.readySeqs[task] = readySeq;
  if (job.live.has(task)) {
    const live = job.live.get(task);
    if (live !== undefined) live.readySeq = readySeq;
    return;
  }
  if ((job.losses[task] ?? 0) >= job.suspectFrom) job.suspects.push(task);
  else groupOf(job, task).queue.push(task);
}

/** Whether a task stands in its group's queue: ready, and no attempt of it is under way. */
export const isQueued = (job: JobActor, task: number): boolean =>
  job.states[task] === READY && !job.live.has(task);

/** Tasks without dependencies become ready. Called once, for a job that has no records yet. */
export function releaseRoots(job: JobActor): void {
  const { graph } = job;
  for (let definition = 0; definition < graph.definitionCount; definition++) {
    if ((graph.needs[definition] ?? 0) > 0) continue;
    const end = firstTaskOf(graph, definition + 1);
    for (let task = firstTaskOf(graph, definition); task < end; task++) makeReady(job, task);
  }
}

/** Whether every task has reached a final state. */
export function isSettled(job: JobActor): boolean {
  const open = [WAITING, READY, RUNNING, BACKOFF].some((code) => (job.counts[code] ?? 0) > 0);
  return !open && job.live.size === 0;
}

/**
 * How a settled job ended. A task that was cancelled makes it cancelled, unless a failure did that (failFast); one that failed
 * makes it failed, also when another one dealt with that. What was skipped in a job without failures was not needed.
 */
export function jobOutcome(job: JobActor): JobState {
  const of = (code: number): number => job.counts[code] ?? 0;
  if (of(CANCELLED) > 0 && job.haltedBy === null) return "cancelled";
  if (of(FAILED) > 0) return "failed";
  assert(
    of(SUCCEEDED) + of(SKIPPED) === job.graph.taskCount,
    "all tasks of a job that succeeds have, or were not needed",
  );
  return "succeeded";
}

/** Tasks that are not final and have no live attempt, in index order: what a cancel ends at once. */
export function* openTasksWithoutAttempt(job: JobActor): Generator<number> {
  for (let task = 0; task < job.graph.taskCount; task++) {
    if (!isFinal(stateOf(job, task)) && !job.live.has(task)) yield task;
  }
}

/** `count` attempts of the group hold their slots from now on. */
export function place({ account }: JobActor, group: SlotGroup, count = 1): void {
  group.placed += count;
  account.placedCount += count;
  const resources = count === 1 ? group.resources : scaleResources(group.resources, count);
  account.placed = addResources(account.placed, resources);
}

/** They hold them no longer. */
export function release({ account }: JobActor, group: SlotGroup, count = 1): void {
  group.placed -= count;
  account.placedCount -= count;
  const resources = count === 1 ? group.resources : scaleResources(group.resources, count);
  account.placed = subtractResources(account.placed, resources);
}
