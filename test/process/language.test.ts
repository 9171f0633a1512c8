/** What a document can say beyond commands and dependencies, with real processes. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runJob, showJob, tasksOf } from "../support/jobs.ts";
import { QrewFolder } from "../support/qrew.ts";

let qrew: QrewFolder;
beforeAll(() => {
  qrew = new QrewFolder();
});
afterAll(() => qrew.close());

const inWork = (name: string): string => path.join(qrew.work, name);
const statesOf = async (job: number): Promise<Record<string, string>> =>
  Object.fromEntries([...(await tasksOf(qrew, job)).values()].map(({ name, state }) => [name, state]));

describe("when", () => {
  it("deals with a failure, and is skipped without harm where there is none", async () => {
    const tasks = (command: string) => [
      { name: "work", command },
      { name: "rescue", depends: "work", when: "failure", command: "echo rescued > rescued" },
      { name: "clean", depends: ["work", "rescue"], when: "always", command: "echo clean >> cleaned" },
    ];
    const good = await runJob(qrew, tasks("true"));
    expect(good.code).toBe(0);
    expect(await statesOf(good.job)).toEqual({ work: "succeeded", rescue: "skipped", clean: "succeeded" });
    expect(existsSync(inWork("rescued"))).toBe(false);
    const { reason } = (await tasksOf(qrew, good.job)).get("rescue") ?? {};
    expect(reason).toBe("not needed: nothing that it depends on failed");
    const bad = await runJob(qrew, tasks("exit 3"));
    expect(bad.code).toBe(1);
    expect(await statesOf(bad.job)).toEqual({ work: "failed", rescue: "succeeded", clean: "succeeded" });
    expect(readFileSync(inWork("cleaned"), "utf8")).toBe("clean\nclean\n");
  });
});

describe("failFast", () => {
  it("ends the job with the first failure, and leaves nothing running", async () => {
    const { code, job } = await runJob(qrew, {
      failFast: true,
      tasks: [
        { name: "sleeper", command: "sleep 600 & echo $! > sleeper; wait", resources: { cpus: 0 } },
        {
          name: "broken",
          command: "until [ -s sleeper ]; do sleep 0.01; done; exit 3",
          resources: { cpus: 0 },
        },
        { name: "after", depends: "sleeper", command: "true" },
        {
          name: "clean",
          depends: "sleeper",
          when: "always",
          command: "kill -0 $(cat sleeper) 2>/dev/null || echo gone",
        },
      ],
    });
    expect(code).toBe(1);
    expect(await showJob(qrew, job)).toMatchObject({ state: "failed" });
    expect(await statesOf(job)).toEqual({
      sleeper: "cancelled",
      broken: "failed",
      after: "cancelled",
      clean: "succeeded",
    });
    expect((await tasksOf(qrew, job)).get("after")?.reason).toBe("failFast: broken failed");
    expect((await qrew.run(["logs", String(job), "clean"])).stdout).toBe("gone\n");
  });
});

describe("maxRunning", () => {
  it("is never exceeded", async () => {
    const command = "echo + >> running; sleep 0.05; echo - >> running";
    const { code } = await runJob(qrew, {
      maxRunning: 2,
      tasks: [{ name: "a", foreach: { i: { range: [1, 8] } }, command, resources: { cpus: 0.1 } }],
    });
    expect(code).toBe(0);
    let most = 0;
    let running = 0;
    for (const sign of readFileSync(inWork("running"), "utf8").trim().split("\n")) {
      running += sign === "+" ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(most).toBe(2);
  });
});
