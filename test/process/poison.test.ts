import { describe, expect, it } from "vitest";
import { runJob, tasksOf } from "../support/jobs.ts";
import { withQrew } from "../support/qrew.ts";

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
});
