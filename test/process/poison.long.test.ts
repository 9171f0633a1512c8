import { describe, expect, it } from "vitest";
import { runJob, tasksOf } from "../support/jobs.ts";
import { withQrew } from "../support/qrew.ts";
import { writeSettings } from "./settings.ts";

/** Kills the actor of its own daemon whenever there is one; the shell's own text has the folder's name unexpanded. */
const killer = (actor: string): string =>
  `while :; do pkill -9 -f "${actor}/main.js --home $TEST_FOLDER"; sleep 3; done`;

describe("a task that kills", () => {
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
