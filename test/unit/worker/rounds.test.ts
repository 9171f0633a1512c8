import { describe, expect, it } from "vitest";
import { jobSeq, taskIndex } from "../../../protocol/ids.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import type { Store } from "../../../src/store/port.ts";
import type { TaskReason, TaskRecord, TaskState, WorkerJobRecord } from "../../../src/store/workerRecords.ts";
import { putNoopEnds } from "../../../src/store/noopEnds.ts";
import {
  eachTask,
  listAttempts,
  putOutput,
  putTask,
  putWorkerJob,
  readOutput,
  readWorkerJob,
  takeSeat,
  writeFenced,
} from "../../../src/store/workerStore.ts";
import type { Plan } from "../../../src/workflow/plan.ts";
import { compileWorkflow } from "../../../src/workflow/compile.ts";
import { openRound } from "../../../worker/rounds.ts";
import { counts, taskRecord } from "../client/records.ts";

const JOB = jobSeq(1);
const EPOCH = 1;

const progress: WorkerJobRecord = {
  job: JOB,
  round: 1,
  planRound: 1,
  attemptFloor: 0,
  priority: 0,
  state: "failed",
  cancelRequested: false,
  pause: "off",
  parked: false,
  suspendedMs: 0,
  suspendedSinceMs: null,
  seq: 40,
  tasks: counts({}),
  finishedAtMs: 5,
  detail: null,
};

type Entry = Readonly<Record<string, unknown>>;

function planOf(tasks: readonly Entry[]): Plan {
  const compiled = compileWorkflow(Buffer.from(JSON.stringify(tasks)), "w.json", { capacity: null });
  if (compiled.type === "invalid") throw new Error(JSON.stringify(compiled.faults));
  return compiled.plan;
}

const task = (
  name: string,
  depends: readonly string[] = [],
  command = `run ${name}`,
  more: Entry = {},
): Entry => ({
  name,
  depends,
  command,
  ...more,
});

/** A seat with the job as its first round has left it: `name state`, each task with an output that is its name. */
function ended(plan: Plan, states: Readonly<Record<string, TaskState | readonly [TaskState, TaskReason]>>) {
  const store = openMemoryStore();
  takeSeat(store, EPOCH, { pid: 1, startTime: "1", bootId: "b" });
  writeFenced(store, EPOCH, (writer) => {
    putWorkerJob(writer, progress);
    for (const [name, given] of Object.entries(states)) {
      const index = taskIndex(plan.findTask(name) ?? Number.NaN);
      const [state, reason] = typeof given === "string" ? [given, null] : given;
      const attempt = state === "skipped" ? 0 : 1;
      putTask(writer, JOB, index, taskRecord({ state, attempt, reason, finishedSeq: 3 }));
      const output = { type: "inline", bytes: Buffer.from(name), cutBytes: 0 } as const;
      if (attempt > 0) putOutput(writer, { job: JOB, task: index, attempt, stream: 1 }, output);
    }
  });
  return store;
}

function reopen(store: Store, before: Plan, plan: Plan): WorkerJobRecord {
  return openRound(store, EPOCH, progress, { round: 2, planRound: plan === before ? 1 : 2, plan, before });
}

/** `name state` of all that is on record. */
const recorded = (store: Store, plan: Plan): readonly string[] =>
  [...eachTask(store, JOB)].map(
    ({ task: index, record }) => `${plan.taskName(index)} ${record.state} ${record.attempt}`,
  );

const outputOf = (store: Store, plan: Plan, name: string): string | null => {
  const index = taskIndex(plan.findTask(name) ?? Number.NaN);
  const output = store.read((reader) => readOutput(reader, { job: JOB, task: index, attempt: 1, stream: 1 }));
  return output?.type === "inline" ? Buffer.from(output.bytes).toString() : null;
};

const attemptsOf = (store: Store, plan: Plan, name: string): readonly TaskRecord[] =>
  store.read((reader) => listAttempts(reader, JOB, taskIndex(plan.findTask(name) ?? Number.NaN)));

describe("the next round of the same document", () => {
  it("runs what did not succeed, and what depends on it; its last attempts are among the earlier ones", () => {
    const plan = planOf([task("a"), task("b"), task("c", ["a", "b"]), task("d", ["a"])]);
    const store = ended(plan, { a: "succeeded", b: "failed", c: "skipped", d: "succeeded" });
    const opened = reopen(store, plan, plan);
    expect(opened).toMatchObject({
      round: 2,
      planRound: 1,
      state: "running",
      finishedAtMs: null,
      attemptFloor: 0,
    });
    expect(store.read((reader) => readWorkerJob(reader, JOB))).toEqual(opened);
    expect(recorded(store, plan)).toEqual(["a succeeded 1", "b waiting 1", "d succeeded 1"]);
    expect(attemptsOf(store, plan, "b")).toMatchObject([{ state: "failed", attempt: 1 }]);
  });

  it("runs what ended together with others again where it has to, under the next number", () => {
    const noop = { executor: "noop", command: undefined };
    const plan = planOf([
      task("a", [], "", noop),
      task("b"),
      task("c", ["b"], "", { ...noop, when: "failure" }),
    ]);
    const store = ended(plan, { b: "failed" });
    const tasks = Uint32Array.of(0, 2);
    const ones = Uint32Array.of(1, 1);
    writeFenced(store, EPOCH, (writer) =>
      putNoopEnds(writer, JOB, {
        ...{ node: "n", atMs: 1, monoMs: 1, tasks, attempts: ones },
        ...{ readySeqs: ones, finishedSeqs: Uint32Array.of(3, 5) },
      }),
    );
    expect(recorded(store, plan)).toEqual(["a succeeded 1", "b failed 1", "c succeeded 1"]);
    reopen(store, plan, plan);
    expect(recorded(store, plan)).toEqual(["a succeeded 1", "b waiting 1", "c waiting 1"]);
    expect(attemptsOf(store, plan, "c")).toMatchObject([{ state: "succeeded", attempt: 1, finishedSeq: 5 }]);
  });

  it("runs a task that dealt with a failure again, and not one that was not needed", () => {
    const notNeeded: TaskReason = { type: "notNeeded", when: "failure" };
    const plan = planOf([
      task("a"),
      task("b"),
      task("mend", ["b"], "mend", { when: "failure" }),
      task("alarm", ["a"], "alarm", { when: "failure" }),
      task("report", ["alarm"], "report", { when: "always" }),
    ]);
    const store = ended(plan, {
      a: "succeeded",
      b: "failed",
      mend: "succeeded",
      alarm: ["skipped", notNeeded],
      report: "succeeded",
    });
    reopen(store, plan, plan);
    expect(recorded(store, plan)).toEqual([
      "a succeeded 1",
      "b waiting 1",
      "mend waiting 1",
      "alarm skipped 0",
      "report succeeded 1",
    ]);
  });

  it("goes by elements where arrays are bound by their index", () => {
    const array = (name: string, depends: unknown): Entry => ({
      name,
      depends,
      foreach: { i: { range: [1, 3] } },
      command: `${name} {{i}}`,
    });
    const plan = planOf([array("x", []), array("y", [{ task: "x", same: "index" }]), array("z", ["y"])]);
    const store = ended(plan, {
      "x[1]": "succeeded",
      "x[2]": "failed",
      "x[3]": "succeeded",
      "y[1]": "succeeded",
      "y[2]": "skipped",
      "y[3]": "succeeded",
    });
    reopen(store, plan, plan);
    expect(recorded(store, plan)).toEqual([
      "x[1] succeeded 1",
      "x[2] waiting 1",
      "x[3] succeeded 1",
      "y[1] succeeded 1",
      "y[3] succeeded 1",
    ]);
  });
});

describe("the next round of a corrected document", () => {
  const before = planOf([task("a"), task("b", [], "tru"), task("c", ["a", "b"]), task("d", ["a"])]);
  const states = { a: "succeeded", b: "failed", c: "skipped", d: "succeeded" } as const;

  it("keeps what has succeeded and is the same", () => {
    const store = ended(before, states);
    const plan = planOf([task("a"), task("b", [], "true"), task("c", ["a", "b"]), task("d", ["a"])]);
    reopen(store, before, plan);
    expect(recorded(store, plan)).toEqual(["a succeeded 1", "b waiting 1", "d succeeded 1"]);
  });

  it.each<readonly [string, readonly Entry[], readonly string[]]>([
    ["another command", [task("a", [], "other"), task("d", ["a"])], []],
    ["a variable", [task("a", [], "run a", { params: { env: { A: "1" } } }), task("d", ["a"])], []],
    ["another dependency", [task("a"), task("d")], ["a succeeded 1"]],
    ["another when", [task("a"), task("d", ["a"], "run d", { when: "always" })], ["a succeeded 1"]],
    [
      "more memory and a time limit",
      [task("a", [], "run a", { resources: { memory: "1G" }, timeout: 5 }), task("d", ["a"])],
      ["a succeeded 1", "d succeeded 1"],
    ],
    [
      "an array of the same name",
      [{ name: "a", foreach: { i: [1] }, command: "run a" }, task("d", ["a"])],
      [],
    ],
  ])("runs what has %s", (_, tasks, kept) => {
    const store = ended(before, states);
    const plan = planOf(tasks);
    reopen(store, before, plan);
    expect(recorded(store, plan).filter((line) => line.includes("succeeded"))).toEqual(kept);
  });

  it("finds tasks by their names where they have moved, with their attempts and outputs", () => {
    const store = ended(before, states);
    const plan = planOf([
      task("new"),
      task("d", ["a"]),
      task("b", [], "true"),
      task("a"),
      task("last", ["b"]),
    ]);
    const opened = reopen(store, before, plan);
    expect(recorded(store, plan)).toEqual(["d succeeded 1", "b waiting 1", "a succeeded 1"]);
    for (const name of ["a", "b", "d"]) expect(outputOf(store, plan, name)).toBe(name);
    expect(attemptsOf(store, plan, "b")).toHaveLength(1);
    // Numbers of tasks are given anew: a number of an attempt under them is not.
    expect(opened.attemptFloor).toBe(1);
  });
});
