import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { daemonProcesses, showJob, submitJob, tasksOf, writeDocument } from "../support/jobs.ts";
import { type JsonProcess, readJson, shapes } from "../support/jsonShapes.ts";
import { processesNaming, type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

const TASKS = 24;
/** So many go on, whichever begin first; the others wait for the file `go`: the middle lasts as long as the test needs. */
const FREE = 12;
/** Four at a time on the two cpus that the daemon is given. */
const SETTINGS = { resources: { cpus: 0.5 } };
const AT_ONCE = 4;

const line = (word: string): string => `echo ${word} $QREW_ATTEMPT >> diary/{{i}}`;
/**
 * The attempts that begin number themselves, by the first file that is not there yet. By their own numbers it would not do: a task whose attempt was lost
 * goes to the end of the queue.
 */
const number = "n=1; until (set -C; : > numbers/$n) 2> /dev/null; do n=$((n + 1)); done";
const hold = `[ $n -le ${FREE} ] || until [ -e go ]; do sleep 0.05; done`;

/** Each attempt keeps a diary of its own task: a line when it begins, and one when it ends. */
const diaryDocument = [
  {
    name: "t",
    foreach: { i: { range: [1, TASKS] } },
    command: `${number}; ${line("begin")}; sleep 0.1; ${hold}; ${line("end")}`,
    ...SETTINGS,
  },
  { name: "last", depends: ["t"], command: "ls diary | wc -l > counted", ...SETTINGS },
];

const diaries = (qrew: QrewFolder): readonly string[] => readdirSync(path.join(qrew.work, "diary"));
const diaryOf = (qrew: QrewFolder, name: string): string =>
  readFileSync(path.join(qrew.work, "diary", name), "utf8");

async function startDaemon(qrew: QrewFolder): Promise<void> {
  for (const folder of ["diary", "numbers"]) mkdirSync(path.join(qrew.work, folder));
  const started = await qrew.call("daemon", "start", "--cpus", "2");
  expect(started).toMatchObject({ code: 0 });
}

/** In the middle: some have ended, some run, some wait. */
const untilMiddle = (qrew: QrewFolder, begun = 9) =>
  until("the job is in the middle", () => diaries(qrew).length >= begun);

/** All that run are held: none ends before `letGo`. */
const untilHeld = (qrew: QrewFolder) => untilMiddle(qrew, FREE + AT_ONCE);
const letGo = (qrew: QrewFolder): void => writeFileSync(path.join(qrew.work, "go"), "");

/** The processes, when the first task has started all of them. Asked for early, so that nothing is between the middle and a kill. */
async function untilAllServe(qrew: QrewFolder): Promise<readonly JsonProcess[]> {
  return until("all of them serve", async () => {
    const processes = await daemonProcesses(qrew);
    const roles = processes.map(({ role }) => role).sort();
    return roles.join() === "executor,forkserver,manager,worker" && processes;
  });
}

async function expectAllEndedOnce(qrew: QrewFolder, job: number): Promise<void> {
  const { state, tasks } = await showJob(qrew, job);
  expect({ state, tasks }).toMatchObject({
    state: "succeeded",
    tasks: { total: TASKS + 1, succeeded: TASKS + 1 },
  });
  const records = [...(await tasksOf(qrew, job)).values()];
  expect(records).toHaveLength(TASKS + 1);
  const numbers = records.flatMap(({ startedSeq, finishedSeq }) => [startedSeq, finishedSeq]);
  expect(new Set(numbers).size).toBe(2 * (TASKS + 1));
  expect(readFileSync(path.join(qrew.work, "counted"), "utf8").trim()).toBe(String(TASKS));
  const last = records.find(({ name }) => name === "last");
  const ends = records
    .filter((record) => record !== last)
    .map(({ finishedSeq }) => finishedSeq ?? Number.NaN);
  expect(Math.max(...ends)).toBeLessThan(last?.startedSeq ?? 0);
}

/**
 * Tasks whose diary is not that of one undisturbed attempt, and what it says. Which number that attempt has is open: one that
 * was handed on and withdrawn before it started has left no trace but its number.
 */
const disturbed = (qrew: QrewFolder): Readonly<Record<string, string>> =>
  Object.fromEntries(
    diaries(qrew)
      .map((name) => [name, diaryOf(qrew, name)] as const)
      .filter(([, diary]) => !/^begin (\d+)\nend \1\n$/.test(diary)),
  );

/**
 * A repeated task: an attempt was cut off (perhaps between its last line and its exit, so that the line is there), the next
 * began after it, and the last one came to its end.
 */
function expectRepeated(qrew: QrewFolder, names: readonly string[]): void {
  for (const name of names)
    expect(diaryOf(qrew, name)).toMatch(/^(begin (\d+)\n(end \2\n)?)+begin (\d+)\nend \4\n$/);
}

function pidOf(processes: readonly JsonProcess[], role: JsonProcess["role"]): number {
  const found = processes.find((process) => process.role === role);
  if (found === undefined) throw new Error(`there is no ${role}`);
  return found.pid;
}

/** Pid of the next process of this role that serves. One that is only just being replaced is not listed, without a manager nobody. */
const nextOf = (qrew: QrewFolder, role: JsonProcess["role"]): Promise<number> =>
  until(`a ${role} serves`, async () => {
    const status = await qrew.call("daemon", "status", "--json");
    const processes = status.code === 0 ? readJson(shapes.daemonStatus, status.stdout).processes : [];
    return processes.find((process) => process.role === role)?.pid;
  });

describe("stopping the daemon in the middle of a job", () => {
  it("waits for what runs; the next daemon goes on", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      await startDaemon(qrew);
      const follower = qrew.run(["run", writeDocument(qrew, diaryDocument)]);
      await untilHeld(qrew);
      const stopped = qrew.call("daemon", "stop");
      await until("it takes nothing new", async () => {
        const status = await qrew.call("daemon", "status", "--json");
        return readJson(shapes.daemonStatus, status.stdout).draining;
      });
      letGo(qrew);
      expect((await stopped).code).toBe(0);
      const begun = diaries(qrew);
      expect(begun.length).toBeLessThan(TASKS);
      expect(disturbed(qrew)).toEqual({});
      // Nobody starts the daemon again by only following, and a person who stopped it is told how.
      const left = await follower;
      expect(left.code).toBe(4);
      expect(left.stderr).toContain("qrew daemon start");
      expect(processesNaming(qrew.home)).toEqual([]);
      expect((await showJob(qrew, 1)).tasks).toMatchObject({ succeeded: begun.length, running: 0 });
      expect((await qrew.call("wait", "1")).code).toBe(0);
      await expectAllEndedOnce(qrew, 1);
      expect(disturbed(qrew)).toEqual({});
    });
  });

  it("with --now ends what runs, and repeats it", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      await startDaemon(qrew);
      const job = await submitJob(qrew, diaryDocument);
      await untilHeld(qrew);
      expect((await qrew.call("daemon", "stop", "--now")).code).toBe(0);
      letGo(qrew);
      expect(processesNaming(qrew.home)).toEqual([]);
      const cut = Object.keys(disturbed(qrew));
      expect(cut.length).toBeGreaterThan(0);
      expect(cut.length).toBeLessThanOrEqual(4);
      expect((await showJob(qrew, job)).state).toBe("running");
      expect((await qrew.call("wait", String(job))).code).toBe(0);
      await expectAllEndedOnce(qrew, job);
      // One that was stopped between its last line and its exit has not ended.
      const repeated = Object.keys(disturbed(qrew));
      expect(repeated).toEqual(expect.arrayContaining(cut));
      expect(repeated.length).toBeLessThanOrEqual(4);
      expectRepeated(qrew, repeated);
    });
  });
});

describe("kill -9 in the middle of a job", () => {
  it.each(["manager", "worker", "executor"] as const)(
    "of the %s: no task notices",
    async (role) => {
      await withQrew(async (qrew) => {
        await startDaemon(qrew);
        const follower = qrew.run(["run", writeDocument(qrew, diaryDocument)]);
        const before = await untilAllServe(qrew);
        await untilMiddle(qrew);
        process.kill(pidOf(before, role), "SIGKILL");
        letGo(qrew);
        const { code, stdout, stderr } = await follower;
        expect({ code, stdout, stderr }).toMatchObject({ code: 0 });
        await expectAllEndedOnce(qrew, 1);
        expect(disturbed(qrew)).toEqual({});
        const after = await daemonProcesses(qrew);
        expect(pidOf(after, role)).not.toBe(pidOf(before, role));
        expect(pidOf(after, "forkserver")).toBe(pidOf(before, "forkserver"));
        expect(after.map((process) => process.role).sort()).toEqual(
          before.map((process) => process.role).sort(),
        );
      });
    },
    90_000,
  );

  it("of the forkserver: what ran is repeated, the rest goes on", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      await startDaemon(qrew);
      const follower = qrew.run(["run", writeDocument(qrew, diaryDocument)]);
      const before = await untilAllServe(qrew);
      await untilHeld(qrew);
      process.kill(pidOf(before, "forkserver"), "SIGKILL");
      letGo(qrew);
      const { code, stderr } = await follower;
      expect({ code, stderr }).toMatchObject({ code: 0 });
      await expectAllEndedOnce(qrew, 1);
      const cut = Object.keys(disturbed(qrew));
      expect(cut.length).toBeGreaterThan(0);
      expect(cut.length).toBeLessThanOrEqual(8);
      expectRepeated(qrew, cut);
      const tasks = await tasksOf(qrew, 1);
      for (const name of cut) expect(tasks.get(`t[${name}]`)?.attempt).toBeGreaterThanOrEqual(2);
    });
  });

  it("of one after the other, again and again: the job ends all the same", { timeout: 120_000 }, async () => {
    await withQrew(async (qrew) => {
      await startDaemon(qrew);
      const follower = qrew.run(["run", writeDocument(qrew, diaryDocument)]);
      const roles = ["executor", "worker", "manager", "executor"] as const;
      for (const [round, role] of roles.entries()) {
        await untilMiddle(qrew, 4 + 4 * round);
        process.kill(await nextOf(qrew, role), "SIGKILL");
      }
      letGo(qrew);
      const { code, stderr } = await follower;
      expect({ code, stderr }).toMatchObject({ code: 0 });
      await expectAllEndedOnce(qrew, 1);
      expect(disturbed(qrew)).toEqual({});
    });
  });

  it("of everything at once, as when the machine dies: what ran is repeated", {
    timeout: 90_000,
  }, async () => {
    await withQrew(async (qrew) => {
      await startDaemon(qrew);
      const job = await submitJob(qrew, diaryDocument);
      const before = await untilAllServe(qrew);
      await untilMiddle(qrew);
      for (const { pid } of before) process.kill(pid, "SIGKILL");
      await until("nothing is left of it", () => processesNaming(qrew.home).length === 0);
      letGo(qrew);
      // A diary that was opened and not yet written says nothing of an attempt.
      const cut = Object.entries(disturbed(qrew)).flatMap(([name, diary]) => (diary === "" ? [] : [name]));
      expect((await qrew.call("wait", String(job))).code).toBe(0);
      await expectAllEndedOnce(qrew, job);
      // An end that nobody had heard of is no end.
      const repeated = Object.keys(disturbed(qrew));
      expect(repeated).toEqual(expect.arrayContaining(cut));
      expect(repeated.length).toBeLessThanOrEqual(8);
      expectRepeated(qrew, repeated);
    });
  });
});
