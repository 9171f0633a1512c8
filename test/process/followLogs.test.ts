/** What tasks write is seen while they write it. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { submitJob, taskOf } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { startedDaemon } from "./startedDaemon.ts";

let qrew: QrewFolder;
beforeAll(async () => {
  qrew = await startedDaemon("--cpus", "2");
});
afterAll(() => qrew.close());

/** A command that runs until its end, and its output so far. */
function follow(...args: string[]) {
  const child = qrew.spawn(args);
  const text = { out: "", err: "" };
  child.stdout?.on("data", (piece: Buffer) => (text.out += piece.toString()));
  child.stderr?.on("data", (piece: Buffer) => (text.err += piece.toString()));
  const ended = once(child, "close").then(([code]: unknown[]) => code);
  return { text, ended };
}

/** Waits for a file that the test makes. */
const gate = (name: string): string => `while [ ! -e ${name} ]; do sleep 0.05; done`;
const openGate = (name: string): void => writeFileSync(path.join(qrew.work, name), "");

it("of one task it is its bytes as they come, from before its start to its end", async () => {
  const first = await submitJob(qrew, [{ name: "hold", command: gate("go"), resources: { cpus: 2 } }]);
  await until("it holds both cpus", async () => (await taskOf(qrew, first, "hold")).state === "running");
  const steps = `echo one; ${gate("next")}; printf two; echo no >&2`;
  const job = await submitJob(qrew, [{ name: "talk", command: steps }]);
  const { text, ended } = follow("logs", "-f", String(job), "talk");
  expect((await taskOf(qrew, job, "talk")).state).toBe("ready");
  openGate("go");
  await until("the output", () => text.out === "one\n");
  // What it has written so far is there for those who do not follow, too.
  expect((await qrew.call("logs", String(job), "talk")).stdout).toBe("one\n");
  const { outputs, running } = readJson(shapes.logs, (await qrew.call("logs", String(job), "--json")).stdout);
  expect({ outputs, running }).toMatchObject({ outputs: [{ text: "one\n" }], running: ["talk"] });
  openGate("next");
  expect(await ended).toBe(0);
  expect(text).toEqual({ out: "one\ntwo", err: "" });
  expect((await qrew.call("wait", String(first), String(job))).code).toBe(0);
});

it("of several tasks each line has a name, also of attempts that are repeated", async () => {
  const command = `echo {{i}}; printf b; ${gate("lines")}; echo c; test {{i}} = 1 || test $QREW_ATTEMPT = 2`;
  const job = await submitJob(qrew, [
    { name: "t", foreach: { i: { range: [1, 2] } }, command, retry: { limit: 1, backoff: "10ms" } },
  ]);
  const { text, ended } = follow("logs", "-f", String(job));
  await until("the output", () => text.out === "t[1] | 1\nt[2] | 2\n" || text.out === "t[2] | 2\nt[1] | 1\n");
  openGate("lines");
  expect(await ended).toBe(0);
  expect(text.out.split("\n").sort()).toEqual(
    [
      "",
      "t[1] | 1",
      "t[1] | bc",
      "t[2] | 2",
      "t[2] | bc",
      "t[2] (attempt 2) | 2",
      "t[2] (attempt 2) | bc",
    ].sort(),
  );
  const both = await qrew.call("logs", "-f", String(job), "t[2]", "t[1]");
  expect(both.stdout.split("\n").length).toBe(7);
});

it("a single command writes as if it ran here", async () => {
  const { text, ended } = follow("run", "--", `echo out; echo err >&2; ${gate("single")}; exit 3`);
  await until("the output", () => text.out === "out\n" && text.err === "err\n");
  openGate("single");
  expect(await ended).toBe(1);
  expect(text.err).toMatch(/^err\necho failed: exit code 3: .*\njob \d+ \(echo\) failed: .*\n$/);
});

it("more than stays of a long output is not told twice", async () => {
  const result = await qrew.run(["run", "--", "seq 1 20000"]);
  expect(result.stdout).toBe(Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join(""));
});
