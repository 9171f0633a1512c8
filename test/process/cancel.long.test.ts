import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { runJob, submitJob, tasksOf, taskOf, writeDocument } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

interface Sleeper {
  readonly mark: string;
  readonly script: string;
  readonly there: string;
}

/** Living processes with `mark` among their arguments. */
function processesWith(mark: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        const state = /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        return command.includes(mark) && state !== "Z" && state !== "X" ? [`${pid}: ${command}`] : [];
      } catch {
        return [];
      }
    });
}

/**
 * Ways to get out of sight. `$S` is a sleeping program whose arguments have the mark; each ends in a wait, so that the
 * task runs. The number is how many sleepers there are.
 */
const ESCAPES: Readonly<Record<string, readonly [command: string, sleepers: number]>> = {
  foreground: ["exec $S", 1],
  forked: ["$S & $S & wait", 2],
  grandchild: ["sh -c '$S & $S & wait' & wait", 2],
  setsid: ["setsid $S & $S", 2],
  daemonised: ["(setsid sh -c '$S & exit 0' &); $S", 2],
  deaf: ["trap '' TERM HUP INT; $S & $S & while :; do wait; done", 2],
  deafDaemon: ["trap '' TERM HUP; (setsid sh -c '$S & exit 0' &); $S", 2],
  stopped: ["setsid $S stopped & $S", 2],
  nameless: ["env -i setsid $S & $S", 2],
};

/**
 * A script whose processes have the mark in their arguments. Each tells that it is there by a file in `there`, and then
 * waits for ever in the opening of a pipe, without a child.
 */
function writeSleeper(qrew: QrewFolder): Sleeper {
  const mark = `sleeper-${randomUUID()}`;
  const script = path.join(qrew.folder, mark);
  const there = `${script}.d`;
  mkdirSync(there);
  const lines = [
    "#!/bin/sh",
    ': > "$0.d/$$"',
    'test "$1" = stopped && kill -STOP $$',
    'while :; do read -r line < "$0.pipe"; done',
  ];
  writeFileSync(script, `${lines.join("\n")}\n`, { mode: 0o755 });
  execFileSync("mkfifo", [`${script}.pipe`]);
  return { mark, script, there };
}

const sleeping = (script: string, command: string): string => command.replaceAll("$S", script);

/** All escapes at once. They take little cpu: room for all of them is what matters. */
const escapeTasks = (script: string, settings: Readonly<Record<string, unknown>> = {}) =>
  Object.entries(ESCAPES).map(([name, [command]]) => ({
    name,
    command: sleeping(script, command),
    resources: { cpus: 0.05 },
    ...settings,
  }));

const sleepersExpected = Object.values(ESCAPES).reduce((sum, [, sleepers]) => sum + sleepers, 0);

const untilAllSleep = (sleeper: Sleeper, expected: number) =>
  until(`${expected} processes of the tasks are there`, () => readdirSync(sleeper.there).length === expected);

describe("cancel", () => {
  it("leaves no process of the job, however far it has gone", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      const sleeper = writeSleeper(qrew);
      const { mark, script } = sleeper;
      const other = writeSleeper(qrew);
      const bystander = await submitJob(qrew, [
        { name: "bystander", command: sleeping(other.script, "setsid $S & $S"), resources: { cpus: 0.05 } },
      ]);
      const job = await submitJob(qrew, [
        ...escapeTasks(script),
        { name: "never", depends: ["forked"], command: "true" },
      ]);
      await untilAllSleep(sleeper, sleepersExpected);
      await untilAllSleep(other, 2);
      const cancelled = await qrew.call("cancel", String(job));
      const left = processesWith(mark);
      expect(left).toEqual([]);
      expect(cancelled).toMatchObject({ code: 0 });
      expect(cancelled.stdout).toBe(`job ${job} (workflow) cancelled: its last process is gone\n`);
      const states = [...(await tasksOf(qrew, job)).values()].map(({ state }) => state);
      expect(new Set(states)).toEqual(new Set(["cancelled"]));
      expect((await qrew.call("wait", String(job))).code).toBe(1);
      // What belongs to others is not touched.
      expect(processesWith(other.mark).length).toBeGreaterThanOrEqual(2);
      expect((await qrew.call("cancel", String(bystander))).code).toBe(0);
      expect(processesWith(other.mark)).toEqual([]);
    });
  });

  it("asks before it insists", async () => {
    await withQrew(async (qrew) => {
      const command = "trap 'echo asked > asked; exit 0' TERM; touch there; while :; do sleep 0.05; done";
      const job = await submitJob(qrew, [{ name: "polite", command }]);
      await until("the task runs", () => readdirSync(qrew.work).includes("there"));
      expect((await qrew.call("cancel", String(job))).code).toBe(0);
      expect(readdirSync(qrew.work)).toContain("asked");
      expect(await taskOf(qrew, job, "polite")).toMatchObject({
        state: "cancelled",
        reason: "cancelled",
        exitCode: 0,
        signal: null,
      });
    });
  });

  it("ends jobs that wait, and knows those that have ended", async () => {
    await withQrew(async (qrew) => {
      const sleeper = writeSleeper(qrew);
      const { mark, script } = sleeper;
      const done = await runJob(qrew, [{ name: "done", command: "true" }]);
      const all = { cpus: 2 };
      await qrew.call("daemon", "stop");
      await qrew.run(["daemon", "start", "--cpus", "2"]);
      const first = await submitJob(qrew, [{ name: "holds", command: [script], resources: all }]);
      await untilAllSleep(sleeper, 1);
      const second = await submitJob(qrew, [{ name: "waits", command: [script], resources: all }]);
      const jobs = [done.job, second, first].map(String);
      const cancelled = await qrew.call("cancel", ...jobs);
      expect(cancelled.code).toBe(0);
      expect(cancelled.stdout).toContain(`job ${done.job} (workflow) had already ended: succeeded`);
      expect(cancelled.stdout).toContain(`job ${second} (workflow) cancelled`);
      expect(cancelled.stdout).toContain(`job ${first} (workflow) cancelled`);
      expect(processesWith(mark)).toEqual([]);
      expect((await taskOf(qrew, second, "waits")).attempt).toBe(0);
      expect((await qrew.call("cancel", "77")).code).toBe(3);
    });
  });

  it("comes at any moment of a job's beginning", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      const sleeper = writeSleeper(qrew);
      const { mark, script } = sleeper;
      const document = [
        {
          name: "w",
          foreach: { i: { range: [1, 8] } },
          command: sleeping(script, "setsid $S & $S"),
          resources: { cpus: 0.1 },
        },
      ];
      for (let round = 0; round < 6; round += 1) {
        const job = await submitJob(qrew, document);
        if (round % 2 === 1) await until("a process is there", () => processesWith(mark).length > round);
        expect((await qrew.call("cancel", String(job))).code).toBe(0);
        expect(processesWith(mark)).toEqual([]);
      }
    });
  });
});

describe("Ctrl-C on qrew run", () => {
  it("cancels the job, waits for its last process, and exits 130", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      const sleeper = writeSleeper(qrew);
      const { mark, script } = sleeper;
      const file = writeDocument(qrew, escapeTasks(script));
      const child = qrew.spawn(["run", file]);
      let said = "";
      child.stderr?.on("data", (piece: Buffer) => (said += piece.toString()));
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      await untilAllSleep(sleeper, sleepersExpected);
      child.kill("SIGINT");
      expect(await ended).toBe(130);
      expect(processesWith(mark)).toEqual([]);
      expect(said).toContain("cancelling job 1");
      expect((await qrew.call("wait", "1")).stdout).toContain("job 1 (workflow) cancelled");
    });
  });

  it("comes at any moment of the beginning, and no job runs on unknown", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      const file = writeDocument(qrew, [{ name: "long", command: "sleep 600" }]);
      // The first one starts the daemon as well. The times are what is tried, not what is waited for.
      for (const afterMs of [200, 50, 100, 150, 200, 250, 300, 350, 400]) {
        const child = qrew.spawn(["run", file]);
        const ended = new Promise((resolve) =>
          child.once("close", (code, signal) => resolve(code ?? signal)),
        );
        await delay(afterMs);
        child.kill("SIGINT");
        // By the signal itself where Node had not come to our code yet.
        expect([130, "SIGINT"]).toContain(await ended);
        const { jobs } = readJson(shapes.jobs, (await qrew.call("jobs", "--json")).stdout);
        expect(jobs.filter(({ state }) => state !== "cancelled")).toEqual([]);
      }
    });
  });

  it("leaves at the second one, and the cancellation goes on", async () => {
    await withQrew(async (qrew) => {
      const sleeper = writeSleeper(qrew);
      const { mark, script } = sleeper;
      const file = writeDocument(qrew, [{ name: "deaf", command: `trap '' TERM; ${script}` }]);
      const child = qrew.spawn(["run", file]);
      let said = "";
      child.stderr?.on("data", (piece: Buffer) => (said += piece.toString()));
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      await untilAllSleep(sleeper, 1);
      child.kill("SIGINT");
      await until("it says that it cancels", () => said.includes("cancelling job 1"));
      child.kill("SIGINT");
      expect(await ended).toBe(130);
      expect(said).toContain("its cancellation goes on");
      await qrew.call("wait", "1");
      expect(processesWith(mark)).toEqual([]);
    });
  });

  it("is not a hangup: that leaves the job alone", async () => {
    await withQrew(async (qrew) => {
      const sleeper = writeSleeper(qrew);
      const { mark, script } = sleeper;
      const child = qrew.spawn(["run", writeDocument(qrew, [{ name: "stays", command: [script] }])]);
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      await untilAllSleep(sleeper, 1);
      child.kill("SIGHUP");
      expect(await ended).toBe(129);
      expect(processesWith(mark)).toHaveLength(1);
      expect(await taskOf(qrew, 1, "stays")).toMatchObject({ state: "running" });
      expect((await qrew.call("cancel", "1")).code).toBe(0);
      expect(processesWith(mark)).toEqual([]);
    });
  });
});

/** Ends when the service has left the process group: before that it would rightly be ended with it. */
const serviceCommand = ({ script }: Sleeper): string =>
  `setsid ${script} & until test -n "$(ls ${script}.d)"; do sleep 0.02; done; exit 0`;

describe("the end of a task", () => {
  it("at its time limit leaves no process", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      const sleeper = writeSleeper(qrew);
      const { mark, script } = sleeper;
      const { code, job } = await runJob(qrew, escapeTasks(script, { timeout: "1500ms" }));
      expect(code).toBe(1);
      const reasons = [...(await tasksOf(qrew, job)).values()].map(({ reason }) => reason);
      expect(new Set(reasons)).toEqual(new Set(["time limit 1500ms"]));
      await until("all are gone", () => processesWith(mark).length === 0);
    });
  });

  it("ends its process group; what left the group goes with the job", { timeout: 90_000 }, async () => {
    await withQrew(async (qrew) => {
      const inGroup = writeSleeper(qrew);
      const outside = writeSleeper(qrew);
      mkdirSync(path.join(qrew.work, "gate"));
      const { work } = qrew;
      // The second task waits for the test, within reason.
      const gate = "for i in $(seq 1 600); do test -e gate/open && exit 0; sleep 0.1; done; exit 1";
      const job = await submitJob(qrew, [
        { name: "leaver", command: sleeping(inGroup.script, "$S & $S & exit 0") },
        { name: "service", command: serviceCommand(outside) },
        { name: "holder", depends: ["leaver", "service"], command: gate },
      ]);
      await until("the holder runs", async () => (await taskOf(qrew, job, "holder")).state === "running");
      expect(processesWith(inGroup.mark)).toEqual([]);
      await untilAllSleep(outside, 1);
      writeFileSync(path.join(work, "gate", "open"), "");
      expect((await qrew.call("wait", String(job))).code).toBe(0);
      await until("the service has ended with its job", () => processesWith(outside.mark).length === 0);
    });
  });
});
