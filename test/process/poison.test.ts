import { describe, expect, it } from "vitest";
import { runJob, tasksOf } from "../support/jobs.ts";
import { withQrew } from "../support/qrew.ts";
import { writeSettings } from "./settings.ts";

/** Kills the actor of its own daemon whenever there is one; the shell's own text has the folder's name unexpanded. */
const killer = (actor: string): string =>
  `while :; do pkill -9 -f "${actor}/main.js --home $TEST_FOLDER"; sleep 3; done`;

describe("a task that kills", () => {
  it("its forkserver is failed by name after crashLimit attempts, and the others go on", {
    timeout: 60_000,
  }, async () => {
    await withQrew(async (qrew) => {
      const { code, job } = await runJob(qrew, [
        { name: "ok", foreach: { i: { range: [1, 8] } }, command: "sleep 0.2" },
        { name: "poison", command: "kill -9 $PPID; sleep 5" },
        { name: "after", depends: ["ok"], command: "true" },
      ]);
      expect(code).toBe(1);
      const { poison, ...others } = Object.fromEntries(await tasksOf(qrew, job));
      expect(poison).toMatchObject({ state: "failed", attempt: 3 });
      expect(poison?.reason).toContain("3 attempts were lost in this way (crashLimit)");
      expect(Object.values(others).map(({ state }) => state)).toEqual(Array(9).fill("succeeded"));
    });
  });

  it.each([
    ["TaskExecutor", "executor"],
    ["QWorker", "worker"],
  ] as const)("each %s of its seat is ended, and failed by name", { timeout: 120_000 }, async (_, actor) => {
    await withQrew(async (qrew) => {
      writeSettings(qrew, { "daemon.crashLimit": 2 });
      const { code, job } = await runJob(qrew, [
        { name: "poison", command: killer(actor) },
        { name: "after", depends: ["poison"], when: "always", command: "true" },
      ]);
      expect(code).toBe(1);
      const tasks = await tasksOf(qrew, job);
      expect(tasks.get("poison")).toMatchObject({ state: "failed", attempt: 2 });
      expect(tasks.get("poison")?.reason).toContain("crashLimit");
      expect(tasks.get("after")?.state).toBe("succeeded");
    });
  });
});
