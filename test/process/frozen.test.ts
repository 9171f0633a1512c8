import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { daemonProcesses, showJob, submitJob, tasksOf } from "../support/jobs.ts";
import { type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { diaryTask, disturbedIn, heldTask, makeDiaries, readDiaries } from "./diaries.ts";
import { writeSettings } from "./settings.ts";

const SETTINGS = { resources: { cpus: 0.5 } };
const SHORT = 300;

type Role = "worker" | "executor";

/** Pid of the one that serves, other than `not`. */
const serving = (qrew: QrewFolder, role: Role, not = 0): Promise<number> =>
  until(`a ${role} serves`, async () => {
    const pid = (await daemonProcesses(qrew)).find((process) => process.role === role)?.pid;
    return pid === undefined || pid === not ? null : pid;
  });

const isStopped = (pid: number): boolean =>
  /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));

describe("a process that is frozen (SIGSTOP)", () => {
  it.each<Role>(["worker", "executor"])(
    "the %s, while it records and sends: it is replaced after its lease, and no task notices",
    async (role) => {
      await withQrew(async (qrew) => {
        makeDiaries(qrew);
        writeSettings(qrew, { "daemon.leaseSeconds": 2 });
        expect((await qrew.call("daemon", "start", "--cpus", "2")).code).toBe(0);
        const job = await submitJob(qrew, [
          { ...heldTask("long", "go", SETTINGS), priority: 1 },
          diaryTask("s", 0.03, { foreach: { i: { range: [1, SHORT] } }, ...SETTINGS }),
        ]);
        await until("the job is in the middle", () => readDiaries(qrew).size > 30);
        const frozen = await serving(qrew, role);
        process.kill(frozen, "SIGSTOP");
        await until("it is stopped", () => isStopped(frozen));
        const next = await serving(qrew, role, frozen);
        writeFileSync(path.join(qrew.work, "go"), "");
        // It is dead: nothing of it can go on.
        expect(() => process.kill(frozen, "SIGCONT")).toThrow(/ESRCH/);
        expect((await qrew.call("wait", String(job))).code).toBe(0);
        expect(await serving(qrew, role)).toBe(next);
        expect(await showJob(qrew, job)).toMatchObject({ tasks: { succeeded: SHORT + 1, total: SHORT + 1 } });
        const tasks = [...(await tasksOf(qrew, job)).values()];
        const numbers = tasks.flatMap(({ startedSeq, finishedSeq }) => [startedSeq, finishedSeq]);
        expect(new Set(numbers).size).toBe(2 * (SHORT + 1));
        expect(disturbedIn(readDiaries(qrew))).toEqual([]);
      });
    },
    60_000,
  );
});
