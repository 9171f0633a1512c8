import { readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { daemonProcesses, showJob, submitJob, tasksOf } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { startedDaemon } from "./startedDaemon.ts";

let qrew: QrewFolder;
beforeAll(async () => {
  qrew = await startedDaemon("--cpus", "1");
});
afterAll(() => qrew.close());

const ask = async (...args: readonly string[]): Promise<string> => {
  const result = await qrew.call(...args);
  if (result.code !== 0) throw new Error(`qrew ${args.join(" ")}: ${result.stderr}${result.stdout}`);
  return result.stdout;
};

const pidIn = (name: string): Promise<number> =>
  until(`the pid in ${name}`, () => {
    try {
      // The shell creates it a moment before it writes.
      return Number(readFileSync(path.join(qrew.work, name), "utf8")) || null;
    } catch {
      return null;
    }
  });

const isStopped = (pid: number): boolean => readFileSync(`/proc/${pid}/stat`, "latin1").includes(") T ");

it("a paused job starts nothing new, also after its actors have died, and goes on when it is resumed", async () => {
  const job = await submitJob(qrew, [
    { name: "first", command: "echo $$ > first; until [ -e go ]; do sleep 0.02; done" },
    { name: "second", depends: "first", command: "true" },
  ]);
  await pidIn("first");
  const said = await ask("pause", String(job));
  expect(said).toBe(
    `job ${job} (workflow) is paused, 1 running task going on to the end; to go on: qrew resume ${job}\n`,
  );
  expect((await showJob(qrew, job)).state).toBe("paused");
  expect(readJson(shapes.summaries, await ask("pause", String(job), "--json")).jobs).toMatchObject([
    { id: job },
  ]);
  writeFileSync(path.join(qrew.work, "go"), "");
  await until(
    "the first has ended",
    async () => (await tasksOf(qrew, job)).get("first")?.state === "succeeded",
  );
  for (const { role, pid } of await daemonProcesses(qrew))
    if (role === "manager" || role === "worker") process.kill(pid, "SIGKILL");
  await until("the next manager", async () => (await qrew.call("daemon", "start", "--cpus", "1")).code === 0);
  expect(await showJob(qrew, job)).toMatchObject({ state: "paused", tasks: { succeeded: 1 } });
  expect(await ask("resume", String(job))).toBe(`job ${job} (workflow) goes on\n`);
  await ask("wait", String(job));
});

it("with --stop what runs stands still, and its time limit with it", async () => {
  // It waits in an open() of its own: a shell that waits for a child between vfork() and exec() is not shown as stopped.
  const job = await submitJob(qrew, [
    { name: "t", command: "mkfifo gate && echo $$ > stopped && read line < gate", timeout: "3s" },
  ]);
  const pid = await pidIn("stopped");
  await ask("pause", "--stop", String(job));
  await until("it stands", () => isStopped(pid));
  const beganMs = performance.now();
  await until("its time limit is over", () => performance.now() - beganMs > 3100);
  expect(isStopped(pid)).toBe(true);
  await ask("resume", String(job));
  await writeFile(path.join(qrew.work, "gate"), "go\n");
  await ask("wait", String(job));
});

it("what has ended cannot be paused", async () => {
  const job = await submitJob(qrew, [{ name: "t", executor: "noop" }]);
  await ask("wait", String(job));
  const result = await qrew.call("pause", String(job));
  expect(result).toMatchObject({ code: 1, stdout: `job ${job} (workflow) has ended: succeeded\n` });
});
