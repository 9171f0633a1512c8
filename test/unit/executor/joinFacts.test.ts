import { expect, it } from "vitest";
import { joinFacts } from "../../../executor/joinFacts.ts";
import type { AttemptEnded, AttemptStarted, ExecutorFact } from "../../../protocol/executorLink.ts";
import { jobSeq, taskIndex } from "../../../protocol/ids.ts";

const idOf = (task: number) => ({ job: jobSeq(1), task: taskIndex(task), attempt: 1 });

const startOf = (task: number): AttemptStarted => ({
  ...idOf(task),
  startedAtMs: 1_000,
  startedMonoMs: 10,
  pid: 7,
});

const endOf = (task: number): AttemptEnded => ({
  ...idOf(task),
  outcome: { type: "exited", exitCode: 0 },
  startedAtMs: 1_000,
  startedMonoMs: 10,
  endedAtMs: 2_000,
  endedMonoMs: 1_010,
  usage: null,
  stdout: null,
  stderr: null,
});

const started = (...tasks: readonly number[]): ExecutorFact => ({
  type: "attemptsStarted",
  attempts: tasks.map(startOf),
});
const ended = (...tasks: readonly number[]): ExecutorFact => ({
  type: "attemptsEnded",
  attempts: tasks.map(endOf),
});

it("leaves out starts whose ends follow, and tells those of what still runs after the ends before them", () => {
  const facts = [started(1), started(2), ended(1), started(3), ended(2), started(4)];
  expect(joinFacts(facts)).toEqual([ended(1, 2), started(3, 4)]);
});

it("tells a start in its place that comes before the start of one whose end follows", () => {
  const facts = [started(1, 2), ended(1), started(3), started(4), started(5), ended(4), started(6), ended(2)];
  expect(joinFacts(facts)).toEqual([ended(1), started(2, 3), ended(4, 2), started(5, 6)]);
});

it("lets nothing pass anything else", () => {
  const alive = { type: "alive" } as const;
  expect(joinFacts([started(1), alive, ended(1), started(2)])).toEqual([
    started(1),
    alive,
    ended(1),
    started(2),
  ]);
});
