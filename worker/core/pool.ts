/**
 * The common pool of a seat: jobs of one ordinary task, a shell task of one cpu and without priority, borrow together. Thousands of
 * such jobs would each wait for a loan, a cap and their return; here they wait in one queue of the forkserver, under one
 * cap, like the tasks of an array. Which jobs are in it follows from their plan and priority alone.
 */
import { COMMON_POOL } from "../../protocol/ids.ts";
import type { DemandClass } from "../../protocol/workerLink.ts";
import { countWithin, isNoResources, ONE_CPU } from "../../src/node/resources.ts";
import { isOrdinarySingle } from "../../src/workflow/demand.ts";
import type { PlanGraph } from "../../src/workflow/plan.ts";
import { dispatch } from "./dispatch.ts";
import { isPooled, newAccount } from "./job.ts";
import { sayDemand, sayHeld } from "./loans.ts";
import { recordJobIfChanged } from "./records.ts";
import type { Account, CommonPool, JobActor, WorkerState } from "./state.ts";
import type { Turn } from "./turn.ts";

export const createPool = (): CommonPool => ({
  account: { ...newAccount(COMMON_POOL), demandSent: [] },
  pause: "off",
  isKnown: false,
});

/** The account on which a job runs; null: its own. */
export const pooledAccount = ({ account }: CommonPool, graph: PlanGraph, priority: number): Account | null =>
  priority === 0 && isOrdinarySingle(graph) ? account : null;

/** The jobs that an earlier holder has left are assigned before a manager can greet: when all are read, their attempts are known. */
export function learn({ pool, loading }: WorkerState): void {
  pool.isKnown ||= loading.size === 0;
}

/** Sends what is ready, the oldest jobs first, and tells the manager what the pool wants and holds. */
export function tendPool(turn: Turn): void {
  const { pool, jobs, loading } = turn.state;
  if (!isNoResources(turn.state.capacity)) learn(turn.state);
  let wanted = 0;
  let isFull = false;
  for (const job of jobs.values()) {
    if (!isPooled(job) || job.phase !== "active") continue;
    const waits = waitsForSlot(job);
    if (waits && !isFull) {
      dispatch(turn, job);
      recordJobIfChanged(turn, job);
      isFull = waitsForSlot(job);
    }
    if (waits || job.live.size > 0) wanted += 1;
  }
  for (const { isPooled: willBe } of loading.values()) if (willBe) wanted += 1;
  sayDemand(turn, pool.account, turn.state.drain === null ? demandFor(turn, wanted) : []);
  if (pool.isKnown) sayHeld(turn, pool.account);
}

const waitsForSlot = ({ pause, groups, live }: JobActor): boolean =>
  pause === "off" && live.size === 0 && (groups[0]?.queue.length ?? 0) > 0;

function demandFor({ state }: Turn, wanted: number): DemandClass[] {
  const count = Math.min(wanted, countWithin(ONE_CPU, state.capacity));
  return count === 0 ? [] : [{ priority: 0, resources: ONE_CPU, count }];
}
