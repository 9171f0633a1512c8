/**
 * Jobs of one short task, each cancelled at a random moment of its life, and what must hold whoever comes first. The seed is
 * printed; RACE_SEED=N gives the same moments, as far as the machine does.
 *
 * Witnesses beside the stores: the task's diary, to which it writes its pid when it begins and a line when it ends, and the mark of
 * its processes.
 */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { isFinalJobState } from "../../protocol/states.ts";
import type { Client, JobSeq, TaskView } from "../../src/client/index.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { randomOf, seedOf } from "../support/random.ts";
import { startedDaemon } from "./startedDaemon.ts";

/** In flight at a time, over one connection. */
const BATCH = 25;
/** The latest moment of a cancellation follows what came first in the batch before, so that it stays a race on any machine. */
const FIRST_SPREAD_MS = 100;
const SPREAD_STEP = 1.4;
/** Of all jobs, at least this part must have ended either way: else the moments missed the race. */
const SHARE_MIN = 0.1;

interface Racer {
  readonly mark: string;
  readonly job: JobSeq;
}

interface Told {
  readonly racer: Racer;
  readonly state: string;
  readonly task: TaskView;
  readonly diary: string;
}

/** `count` cancellations race with the ends of their tasks: one outcome each, and nothing runs on. */
export async function raceWithCancellations(count: number): Promise<void> {
  const seed = seedOf("RACE_SEED");
  process.stdout.write(`RACE_SEED=${seed}\n`);
  const qrew = await startedDaemon("--cpus", "2");
  try {
    mkdirSync(path.join(qrew.work, "diary"));
    const client = await qrew.client({ start: "never" });
    try {
      const told = await race(qrew, client, count, randomOf(seed));
      for (const state of ["succeeded", "cancelled"]) {
        const share = told.filter((one) => one.state === state).length / told.length;
        expect(share, `the part that has ${state}`).toBeGreaterThan(SHARE_MIN);
      }
    } finally {
      await client.close();
    }
  } finally {
    await qrew.close();
  }
}

/** Lives through all races and resolves with what was told. Throws at the first promise that is broken. */
async function race(
  qrew: QrewFolder,
  client: Client,
  count: number,
  random: () => number,
): Promise<readonly Told[]> {
  const told: Told[] = [];
  let spreadMs = FIRST_SPREAD_MS;
  for (let first = 0; first < count; first += BATCH) {
    const batch = await runBatch(qrew, client, first, () => random() * spreadMs);
    const cancelled = batch.filter(({ state }) => state === "cancelled").length;
    spreadMs *= cancelled < BATCH / 2 ? 1 / SPREAD_STEP : SPREAD_STEP;
    told.push(...batch);
  }
  for (const one of told) expectUnchanged(qrew, client, one);
  return told;
}

/** Submits a batch, cancels each job after its time, and resolves with what was told at the ends. */
async function runBatch(
  qrew: QrewFolder,
  client: Client,
  first: number,
  cancelAfterMs: () => number,
): Promise<readonly Told[]> {
  const cancellations: Promise<unknown>[] = [];
  const racers = await Promise.all(
    Array.from({ length: BATCH }, async (_, index) => {
      const afterMs = cancelAfterMs();
      const racer = await submitRacer(qrew, client, `race-${first + index}-`);
      cancellations.push(delay(afterMs).then(() => client.cancel([racer.job])));
      return racer;
    }),
  );
  const ends = followToTheEnds(qrew, client, new Map(racers.map((racer) => [racer.job, racer])));
  const [told] = await Promise.all([ends, ...cancellations]);
  return told;
}

async function submitRacer(qrew: QrewFolder, client: Client, mark: string): Promise<Racer> {
  const diary = `diary/${mark}`;
  const task = {
    name: "racer",
    command: `export RACE=${mark}; echo $$ >>${diary}; sleep 0.01; echo end >>${diary}`,
    resources: { cpus: 0.1 },
  };
  const document = new TextEncoder().encode(JSON.stringify([task]));
  const { job } = await client.submit(document, { source: "race.json", directory: qrew.work });
  return { mark, job };
}

async function followToTheEnds(
  qrew: QrewFolder,
  client: Client,
  racers: ReadonlyMap<JobSeq, Racer>,
): Promise<readonly Told[]> {
  const told: Told[] = [];
  for await (const { summary } of client.follow([...racers.keys()])) {
    const racer = racers.get(summary.job);
    if (racer === undefined || !isFinalJobState(summary.state)) continue;
    expect(processesOf(racer.mark), `processes of job ${racer.job}, told as ${summary.state}`).toEqual([]);
    const [task, ...others] = [...client.tasks(racer.job)];
    if (task === undefined) throw new Error(`job ${racer.job} has no task`);
    expect(others).toEqual([]);
    const one = { racer, state: summary.state, task, diary: diaryOf(qrew, racer) };
    expectOneOutcome(one);
    told.push(one);
  }
  expect(told.map(({ racer }) => racer.job).toSorted((a, b) => a - b)).toEqual(
    [...racers.keys()].toSorted((a, b) => a - b),
  );
  return told;
}

function expectOneOutcome({ racer, state, task, diary }: Told): void {
  expect(["succeeded", "cancelled"], `job ${racer.job}`).toContain(state);
  expect(task, `the task of job ${racer.job}`).toMatchObject({ state });
  expect(task.finishedSeq).not.toBeNull();
  expect(task.attempt).toBeLessThanOrEqual(1);
  expect(diary, `the diary of job ${racer.job}`).toMatch(
    state === "succeeded" ? /^\d+\nend\n$/ : /^(\d+\n(end\n)?)?$/,
  );
}

/** Long after the end was told: the record and the diary are what they were then. */
function expectUnchanged(qrew: QrewFolder, client: Client, { racer, state, task, diary }: Told): void {
  expect(client.job(racer.job).state).toBe(state);
  expect([...client.tasks(racer.job)]).toEqual([task]);
  expect(diaryOf(qrew, racer), `the diary of job ${racer.job}`).toBe(diary);
}

function diaryOf(qrew: QrewFolder, { mark }: Racer): string {
  try {
    return readFileSync(path.join(qrew.work, "diary", mark), "utf8");
  } catch {
    // The task had not begun when it was cancelled.
    return "";
  }
}

/** Living processes with the mark in arguments or environment. One that has ended and is not collected yet has neither. */
function processesOf(mark: string): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const read = (file: string): string => readFileSync(`/proc/${name}/${file}`, "latin1");
      return read("cmdline").includes(mark) || read("environ").includes(mark);
    } catch {
      return false;
    }
  });
}
