/**
 * The DAG of one job: which tasks are ready, done, or can never come. Nothing here knows of slots, executors or time;
 * `records.ts` says what is written, `dispatch.ts` what is started.
 */
import { assert } from "../../protocol/errors.ts";
import type { JobState } from "../../protocol/fields.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import { addResources, equalResources, NO_RESOURCES } from "../../src/node/resources.ts";
import { EDGE_SAME, type PlanGraph, type TaskClass } from "../../src/workflow/plan.ts";
import type { JobActor, SlotGroup } from "./state.ts";
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

/** A job at its beginning: every task waits. `releaseRoots` makes the first ones ready. */
export function createJob(job: JobSeq, round: number, priority: number, graph: PlanGraph): JobActor {
  const tasks = graph.taskCount;
  const { groups, groupOfClass } = slotGroups(graph.classes);
  const counts = new Uint32Array(STATE_CODES);
  counts[WAITING] = tasks;
  const unfinished = new Uint32Array(tasks);
  const remaining = new Uint32Array(graph.definitionCount);
  for (let definition = 0; definition < graph.definitionCount; definition++) {
    const first = firstTaskOf(graph, definition);
    const end = firstTaskOf(graph, definition + 1);
    remaining[definition] = end - first;
    const needs = graph.needs[definition] ?? 0;
    if (needs > 0) unfinished.fill(needs, first, end);
  }
  return {
    job,
    round,
    priority,
    graph,
    groups,
    groupOfClass,
    phase: "active",
    hasRun: false,
    closeSent: false,
    cancelRequested: false,
    finalState: null,
    finishedAtMs: null,
    detail: null,
    states: new Uint8Array(tasks),
    attempts: new Uint32Array(tasks),
    failures: new Uint16Array(tasks),
    losses: new Uint8Array(tasks),
    unfinished,
    readySeqs: new Uint32Array(tasks),
    remaining,
    broken: new Uint8Array(graph.definitionCount),
    counts,
    seq: 0,
    live: new Map(),
    runningCpusMilli: 0,
    placed: NO_RESOURCES,
    loan: {
      serial: 0,
      resources: NO_RESOURCES,
      told: { serial: 0, resources: NO_RESOURCES },
      capSerial: 0,
      capCpusMilli: 0,
      capConfirmed: 0,
    },
    averageMs: null,
    demandSent: [],
    reportedSeq: -1,
    reportAtMs: 0,
    reportPending: false,
    changed: true,
  };
}

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

/** The task may run: it joins the queue of its group. */
export function makeReady(job: JobActor, task: number): void {
  setState(job, task, READY);
  job.readySeqs[task] = nextSeq(job);
  groupOf(job, task).queue.push(task);
}

/** Tasks without dependencies become ready. Called once, for a job that has no records yet. */
export function releaseRoots(job: JobActor): void {
  const { graph } = job;
  for (let definition = 0; definition < graph.definitionCount; definition++) {
    if ((graph.needs[definition] ?? 0) > 0) continue;
    const end = firstTaskOf(graph, definition + 1);
    for (let task = firstTaskOf(graph, definition); task < end; task++) makeReady(job, task);
  }
}

/** Settles a success: dependents whose last dependency this was are handed to `ready`. */
export function settleSuccess(job: JobActor, task: number, ready: (task: number) => void): void {
  const { graph } = job;
  const definition = definitionOf(graph, task);
  const remaining = (job.remaining[definition] ?? 0) - 1;
  job.remaining[definition] = remaining;
  const element = task - firstTaskOf(graph, definition);
  forEachEdge(graph, definition, (dependent, kind) => {
    const first = firstTaskOf(graph, dependent);
    if (kind === EDGE_SAME) satisfy(job, first + element, ready);
    else if (remaining === 0) {
      const end = firstTaskOf(graph, dependent + 1);
      for (let other = first; other < end; other++) satisfy(job, other, ready);
    }
  });
}

function satisfy(job: JobActor, task: number, ready: (task: number) => void): void {
  const unfinished = (job.unfinished[task] ?? 0) - 1;
  job.unfinished[task] = unfinished;
  if (unfinished === 0 && stateOf(job, task) === WAITING) ready(task);
}

/**
 * Settles an end without success: all that depends on the task, directly or through others, is handed to `skip` with
 * the task that it waited for in vain. Iterative: a chain may be as long as the job.
 */
export function settleFailure(
  job: JobActor,
  task: number,
  skip: (task: number, because: number) => void,
): void {
  const { graph } = job;
  const pending = [task];
  for (let current = pending.pop(); current !== undefined; current = pending.pop()) {
    const because = current;
    const skipWaiting = (other: number): void => {
      if (stateOf(job, other) !== WAITING) return;
      setState(job, other, SKIPPED);
      skip(other, because);
      pending.push(other);
    };
    const definition = definitionOf(graph, because);
    const firstBreak = job.broken[definition] === 0;
    job.broken[definition] = 1;
    const element = because - firstTaskOf(graph, definition);
    forEachEdge(graph, definition, (dependent, kind) => {
      const first = firstTaskOf(graph, dependent);
      if (kind === EDGE_SAME) skipWaiting(first + element);
      else if (firstBreak) {
        const end = firstTaskOf(graph, dependent + 1);
        for (let other = first; other < end; other++) skipWaiting(other);
      }
    });
  }
}

function forEachEdge(
  graph: PlanGraph,
  definition: number,
  visit: (dependent: number, kind: number) => void,
): void {
  const end = graph.dependentOffsets[definition + 1] ?? 0;
  for (let edge = graph.dependentOffsets[definition] ?? 0; edge < end; edge++) {
    visit(graph.dependents[edge] ?? 0, graph.dependentKinds[edge] ?? 0);
  }
}

/** Whether every task has reached a final state. */
export function isSettled(job: JobActor): boolean {
  const open = [WAITING, READY, RUNNING, BACKOFF].some((code) => (job.counts[code] ?? 0) > 0);
  return !open && job.live.size === 0;
}

/** How a settled job ended. A task that was cancelled makes it cancelled, one without success makes it failed. */
export function jobOutcome(job: JobActor): JobState {
  if ((job.counts[CANCELLED] ?? 0) > 0) return "cancelled";
  if ((job.counts[FAILED] ?? 0) + (job.counts[SKIPPED] ?? 0) > 0) return "failed";
  assert(job.counts[SUCCEEDED] === job.graph.taskCount, "a job succeeds when all its tasks have");
  return "succeeded";
}

/** Tasks that are not final and have no live attempt, in index order: what a cancel ends at once. */
export function* openTasksWithoutAttempt(job: JobActor): Generator<number> {
  for (let task = 0; task < job.graph.taskCount; task++) {
    if (!isFinal(stateOf(job, task)) && !job.live.has(task)) yield task;
  }
}

export function place(job: JobActor, group: SlotGroup): void {
  group.placed += 1;
  job.placed = addResources(job.placed, group.resources);
}
