/**
 * The ends of tasks that do nothing. They come thousands at a time, so that an end costs no object: those of one message are
 * recorded together (src/store/noopEnds.ts), unless they are few.
 */
import { taskIndex } from "../../protocol/ids.ts";
import { type NoopEnds, noopRecord } from "../../src/store/workerRecords.ts";
import { decisionsFor, noteDuration, onNoopEnded } from "./attempts.ts";
import type { WorkerEvent } from "./events.ts";
import { groupOf, release, setState } from "./job.ts";
import { OMEN_NONE, Settlement } from "./settle.ts";
import type { JobActor, SlotGroup } from "./state.ts";
import { SUCCEEDED } from "./taskStates.ts";
import type { Turn } from "./turn.ts";

/** A task is looked for in all messages of its job, so they must not be as many as tasks: fewer ends are a record each. */
export const ENDS_TOGETHER_MIN = 64;

/** In the order of the tasks, since they all ended at one moment, and neighbours lie together in memory. */
export function onNoopsEnded(turn: Turn, event: Extract<WorkerEvent, { type: "noopsEnded" }>): void {
  const { attempts, atMs, monoMs } = event;
  const job = turn.state.jobs.get(event.job);
  if (job === undefined) return;
  const tasks = new Uint32Array(attempts.length / 2);
  let count = 0;
  for (let index = 0; index + 1 < attempts.length; index += 2) {
    const [task, attempt] = [attempts[index] ?? 0, attempts[index + 1] ?? 0];
    if (job.attempts[task] === attempt && job.live.takeNoop(task)) {
      tasks[count] = task;
      count += 1;
    } else {
      onNoopEnded(turn, { job: job.job, task: taskIndex(task), attempt }, atMs, monoMs);
    }
  }
  const ended = tasks.subarray(0, count).sort();
  releaseSlots(job, ended);
  record(turn, job, endsOf(turn, job, ended, event));
  const settlement = new Settlement(job, decisionsFor(turn, job));
  for (let index = 0; index < count; index += 1) settlement.ended(ended[index] ?? 0, OMEN_NONE);
}

/** Neighbours mostly are of one group. */
function releaseSlots(job: JobActor, tasks: Uint32Array): void {
  let last: SlotGroup | null = null;
  let count = 0;
  for (let index = 0; index < tasks.length; index += 1) {
    const group = groupOf(job, tasks[index] ?? 0);
    if (last !== null && group !== last) {
      release(job, last, count);
      count = 0;
    }
    last = group;
    count += 1;
  }
  if (last !== null) release(job, last, count);
}

/** Sets the states of the tasks; each has two sequence numbers, of its start and its end. */
function endsOf(
  turn: Turn,
  job: JobActor,
  tasks: Uint32Array,
  { atMs, monoMs }: { readonly atMs: number; readonly monoMs: number },
): NoopEnds {
  const attempts = new Uint32Array(tasks.length);
  const readySeqs = new Uint32Array(tasks.length);
  const finishedSeqs = new Uint32Array(tasks.length);
  for (let index = 0; index < tasks.length; index += 1) {
    const task = tasks[index] ?? 0;
    attempts[index] = job.attempts[task] ?? 0;
    readySeqs[index] = job.readySeqs[task] ?? 0;
    job.seq += 2;
    finishedSeqs[index] = job.seq;
    noteDuration(job, 0);
    setState(job, task, SUCCEEDED);
  }
  return { node: turn.state.node, atMs, monoMs, tasks, attempts, readySeqs, finishedSeqs };
}

function record(turn: Turn, job: JobActor, ends: NoopEnds): void {
  const { tasks } = ends;
  if (tasks.length >= turn.state.endsTogetherMin) {
    turn.effects.push({ type: "recordNoopEnds", job: job.job, ends });
    return;
  }
  for (const [index, task] of tasks.entries()) {
    const taskRecord = noopRecord(ends, index);
    turn.effects.push({ type: "recordTask", job: job.job, task: taskIndex(task), record: taskRecord });
  }
}
