/**
 * A DAG of 2,000 short tasks and some long ones, and processes of the daemon that are killed at random meanwhile. The seed is
 * printed; KILL_SEED=N gives the same victims after the same pauses.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { showJob, submitJob, type TaskEntry, tasksOf } from "../support/jobs.ts";
import { processesNaming, type QrewFolder, withQrew } from "../support/qrew.ts";
import { randomOf } from "../support/random.ts";
import { until } from "../support/until.ts";
import { type DiaryLine, diaryTask, makeDiaries, readDiaries } from "./diaries.ts";
import { writeSettings } from "./settings.ts";

const WIDTH = 100;
const LONG = 6;
/** Chance kills of forkservers are no task's fault: nobody fails for them here. */
const SETTINGS = { "daemon.crashLimit": 100 };
const PAUSE_MS_MAX = 1200;

const VICTIMS = ["manager", "worker", "executor", "forkserver", "all but the forkserver"] as const;
type Victim = (typeof VICTIMS)[number];

export interface Survival {
  readonly seed: number;
  readonly kills: number;
  /** Of a hundred short tasks each. */
  readonly layers: number;
  /** The long tasks take once, twice or three times as long. */
  readonly longSeconds: number;
}

function dag({ layers, longSeconds }: Survival): TaskEntry[] {
  const resources = { cpus: 0.25 };
  const tasks: TaskEntry[] = [
    { name: "gate", command: "until [ -e enough ]; do sleep 0.1; done", resources },
  ];
  for (let layer = 0; layer < layers; layer++) {
    tasks.push({
      name: `s${layer}`,
      foreach: { i: { range: [1, WIDTH] } },
      ...(layer === 0 ? {} : { depends: [`s${layer - 1}`] }),
      command: "sleep 0.04; echo $QREW_TASK >>ran",
      resources,
    });
  }
  for (let index = 0; index < LONG; index++) {
    const seconds = longSeconds * (1 + (index % 3));
    tasks.push(diaryTask(`long${index}`, seconds, { resources, priority: index < 3 ? 1 : 0 }));
  }
  return tasks;
}

/** Pids of an actor of this folder, by its command line. */
function pidsOf(qrew: QrewFolder, actor: Exclude<Victim, "all but the forkserver">): number[] {
  const program = actor === "forkserver" ? /forkserver(\0|$)/ : new RegExp(`/${actor}/main\\.js\0`);
  return processesNaming(qrew.home).filter((pid) => program.test(commandLine(pid)));
}

function commandLine(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, "latin1");
    // A task has the folder in its environment only.
    return text.includes("/main.js") || text.includes("--socket") ? text.replace("--socket", "\0") : "";
  } catch {
    return "";
  }
}

function kill(qrew: QrewFolder, victim: Victim): number {
  const actors =
    victim === "all but the forkserver" ? (["manager", "worker", "executor"] as const) : [victim];
  const pids = actors.flatMap((actor) => pidsOf(qrew, actor));
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
  return pids.length;
}

const uptimeSeconds = (): number => Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]);

/** Runs the job through the kills, and says what must hold at its end. */
export async function survive(survival: Survival): Promise<void> {
  await withQrew(async (qrew) => {
    const random = randomOf(survival.seed);
    const start = async (): Promise<void> => {
      const { code, stderr } = await qrew.call("daemon", "start", "--cpus", "2");
      expect({ code, stderr }).toMatchObject({ code: 0 });
    };
    makeDiaries(qrew);
    writeSettings(qrew, SETTINGS);
    await start();
    const job = await submitJob(qrew, dag(survival));
    await until("the first task runs", () => readDiaries(qrew).size > 0);
    const forkserverDeaths: number[] = [];
    for (let done = 0; done < survival.kills; ) {
      await new Promise((resolve) => setTimeout(resolve, random() * PAUSE_MS_MAX));
      const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] ?? "manager";
      const killed = kill(qrew, victim);
      if (victim === "forkserver" && killed > 0) forkserverDeaths.push(uptimeSeconds());
      if (pidsOf(qrew, "manager").length === 0) await start();
      // One that is only just being replaced cannot be killed.
      if (killed > 0) done += 1;
    }
    writeFileSync(path.join(qrew.work, "enough"), "");
    const waited = await qrew.call("wait", String(job));
    expect(waited).toMatchObject({ code: 0 });
    await expectEachOnce(qrew, job, survival.layers * WIDTH);
    for (const [name, lines] of readDiaries(qrew)) expectOneAtATime(name, lines, forkserverDeaths);
    expect((await qrew.call("daemon", "stop")).code).toBe(0);
    expectNothingLeft(qrew);
  });
}

async function expectEachOnce(qrew: QrewFolder, job: number, short: number): Promise<void> {
  /** And the gate. */
  const all = short + LONG + 1;
  const { state, tasks } = await showJob(qrew, job);
  expect(state).toBe("succeeded");
  expect(tasks).toMatchObject({ total: all, succeeded: all });
  const { succeeded, failed, cancelled, skipped } = tasks;
  expect(succeeded + failed + cancelled + skipped).toBe(all);
  const records = [...(await tasksOf(qrew, job)).values()];
  expect(records).toHaveLength(all);
  expect(new Set(records.map(({ finishedSeq }) => finishedSeq)).size).toBe(all);
  const ran = new Set(readFileSync(path.join(qrew.work, "ran"), "utf8").trim().split("\n"));
  expect(ran.size).toBe(short);
}

/** An attempt was only ever cut off by the death of the forkserver, and the next began after that. */
function expectOneAtATime(name: string, lines: readonly DiaryLine[], deaths: readonly number[]): void {
  const ends = lines.filter(({ word }) => word === "end");
  expect([name, lines.at(-1)?.word]).toEqual([name, "end"]);
  for (const [index, line] of lines.entries()) {
    const next = lines[index + 1];
    if (line.word !== "begin" || next?.word === "end") continue;
    const wasKilled = deaths.some((at) => at >= line.atSeconds - 0.05 && at <= (next?.atSeconds ?? 0) + 0.05);
    expect([name, line, next, wasKilled]).toEqual([name, line, next, true]);
  }
  // An end that nobody had heard of is repeated, after the death of the forkserver that knew it.
  if (ends.length > 1) expect([name, deaths.length > 0]).toEqual([name, true]);
}

function expectNothingLeft(qrew: QrewFolder): void {
  expect(processesNaming(qrew.folder)).toEqual([]);
  const sockets = readdirSync(path.join(qrew.home, "run")).filter((name) => !name.endsWith(".lock"));
  expect(sockets).toEqual([]);
  const files = readdirSync(path.join(qrew.home, "spool"), { recursive: true, withFileTypes: true });
  expect(files.filter((entry) => !entry.isDirectory()).map(({ name }) => name)).toEqual([]);
  expect(readdirSync(path.join(qrew.home, "staging"))).toEqual([]);
}
