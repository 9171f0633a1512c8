import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { outputText, runJob, showJob, tasksOf, writeDocument } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { startedDaemon } from "./startedDaemon.ts";

let qrew: QrewFolder;
beforeAll(async () => {
  qrew = await startedDaemon();
});
afterAll(() => qrew.close());

/** How often each task has run, from the diaries that they keep. */
const runs = (folder: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    readdirSync(path.join(qrew.work, folder)).map((name) => [
      name,
      readFileSync(path.join(qrew.work, folder, name), "utf8").length / 2,
    ]),
  );

const diary = (folder: string, name: string): string => `mkdir -p ${folder}; echo x >> ${folder}/${name}`;

describe("a typo in one of 1,000 tasks", () => {
  const document = (command: string) => [
    { name: "good", foreach: { i: { range: [1, 997] } }, command: diary("typo", "{{i}}") },
    { name: "typo", command: `${diary("typo", "typo")}; ${command}` },
    { name: "after", depends: ["typo", "good"], command: diary("typo", "after") },
    { name: "beside", depends: ["good"], command: diary("typo", "beside") },
  ];

  it("is found by show; retry --file runs that task and what depends on it, and nothing else", {
    timeout: 90_000,
  }, async () => {
    const { job, code } = await runJob(qrew, document("ehco hello"));
    expect(code).toBe(1);
    const shown = await showJob(qrew, job);
    expect(shown).toMatchObject({ round: 1, tasks: { total: 1000, succeeded: 998, failed: 1, skipped: 1 } });
    expect(shown.errors).toMatchObject([{ task: "typo", exitCode: 127 }]);
    expect(shown.errors[0]?.lastLines.join("\n")).toContain("ehco");

    const retried = await qrew.call(
      "retry",
      String(job),
      "--file",
      writeDocument(qrew, document("echo hello")),
    );
    expect(retried).toMatchObject({ code: 0, stderr: "" });
    expect(retried.stdout).toContain(`begins round 2; to wait for its end: qrew wait ${job}`);
    expect((await qrew.call("wait", String(job))).code).toBe(0);
    const { typo, after, ...others } = runs("typo");
    expect({ typo, after }).toEqual({ typo: 2, after: 1 });
    expect(Object.values(others)).toEqual(Array.from({ length: 998 }, () => 1));
    expect(await showJob(qrew, job)).toMatchObject({
      round: 2,
      state: "succeeded",
      tasks: { succeeded: 1000 },
    });
    expect(await outputText(qrew, job, "typo")).toBe("hello\n");
    const text = await qrew.call("logs", String(job), "typo", "--stderr", "--attempt", "1");
    expect(text.stdout).toContain("ehco");
  });
});

describe("retry", () => {
  it("runs what did not succeed, under the next attempt; and once more, until it has succeeded", async () => {
    const flaky = "n=$(cat flaky 2>/dev/null || echo 0); echo $((n + 1)) > flaky; [ $n -ge 2 ]";
    const { job } = await runJob(qrew, [
      { name: "a", command: diary("again", "a") },
      { name: "b", command: flaky },
      { name: "c", depends: ["a", "b"], command: diary("again", "c") },
    ]);
    const second = readJson(shapes.rounds, (await qrew.call("retry", String(job), "--json")).stdout);
    expect(second.rounds).toEqual([{ jobId: job, round: 2 }]);
    expect((await qrew.call("wait", String(job))).code).toBe(1);
    expect((await tasksOf(qrew, job)).get("b")).toMatchObject({ state: "failed", attempt: 2 });
    await qrew.call("retry", String(job));
    expect((await qrew.call("wait", String(job))).code).toBe(0);
    expect((await tasksOf(qrew, job)).get("b")).toMatchObject({ state: "succeeded", attempt: 3 });
    expect(runs("again")).toEqual({ a: 1, c: 1 });
    const refused = await qrew.call("retry", String(job));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("there is nothing to retry");
  });

  it("takes a corrected document with other tasks, and leaves no trace of one with faults", async () => {
    const { job } = await runJob(qrew, [
      { name: "a", command: diary("moved", "a") },
      { name: "b", command: "false" },
      { name: "c", depends: ["b"], command: diary("moved", "c") },
    ]);
    const wrong = writeDocument(qrew, [{ name: "a", depends: ["nobody"], command: "x" }], "wrong");
    const refused = await qrew.call("retry", String(job), "--file", wrong);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('There is no task "nobody"');
    expect((await showJob(qrew, job)).round).toBe(1);
    const fixed = writeDocument(
      qrew,
      [
        { name: "new", command: diary("moved", "new") },
        { name: "c", depends: ["new", "a"], command: diary("moved", "c") },
        { name: "a", command: diary("moved", "a") },
      ],
      "fixed",
    );
    expect((await qrew.call("retry", String(job), "--file", fixed)).code).toBe(0);
    expect((await qrew.call("wait", String(job))).code).toBe(0);
    expect(runs("moved")).toEqual({ a: 1, c: 1, new: 1 });
    expect([...(await tasksOf(qrew, job)).values()].map(({ name, state }) => `${name} ${state}`)).toEqual([
      "new succeeded",
      "c succeeded",
      "a succeeded",
    ]);
  });
});
