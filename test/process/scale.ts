/** Jobs with many tasks: their order, their records, and the memory of the daemon. Each in a folder of its own. */
import { expect } from "vitest";
import { proportionalSetBytes } from "../../src/node/process.ts";
import { daemonProcesses, runJob, showJob, tasksOf } from "../support/jobs.ts";
import type { JsonTask } from "../support/jsonShapes.ts";
import { type QrewFolder, withQrew } from "../support/qrew.ts";

/** All daemon processes together. Far above what is measured (about 200 MB), and far below a copy of everything. */
const PSS_BYTES_MAX = 600 * 1024 * 1024;

/** `forkserver` is empty where nothing had to be started: the process comes with the first shell task. */
async function expectModestMemory(
  qrew: QrewFolder,
  what: string,
  forkserver: readonly string[] = ["forkserver"],
): Promise<void> {
  const processes = await daemonProcesses(qrew);
  const sizes = processes.map(({ role, pid }) => ({ role, pssBytes: proportionalSetBytes(pid) ?? 0 }));
  const sum = sizes.reduce((total, { pssBytes }) => total + pssBytes, 0);
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const parts = sizes.map(({ role, pssBytes }) => `${role} ${megabytes(pssBytes)}`).join(", ");
  console.log(`${what}: sum of PSS ${megabytes(sum)} (${parts})`);
  expect(new Set(sizes.map(({ role }) => role))).toEqual(
    new Set(["manager", "worker", "executor", ...forkserver]),
  );
  expect(sizes.every(({ pssBytes }) => pssBytes > 0)).toBe(true);
  expect(sum).toBeLessThan(PSS_BYTES_MAX);
}

const started = (task: JsonTask | undefined): number => task?.startedSeq ?? Number.NaN;
const finished = (task: JsonTask | undefined): number => task?.finishedSeq ?? Number.NaN;

/** A task, `count` others that wait for it, and one that waits for all of these. */
export async function fanOutAndIn(count: number): Promise<void> {
  await withQrew(async (qrew) => {
    const { code, job } = await runJob(qrew, [
      { name: "source", command: ["/bin/true"] },
      {
        name: "part",
        foreach: { i: { range: [1, count] } },
        depends: ["source"],
        command: ["/bin/true", "{{i}}"],
      },
      { name: "sink", depends: ["part"], command: ["/bin/true"] },
    ]);
    expect(code).toBe(0);
    await expectModestMemory(qrew, `${count} tasks fan-out and fan-in`);
    expect((await showJob(qrew, job)).tasks).toMatchObject({ total: count + 2, succeeded: count + 2 });
    const tasks = await tasksOf(qrew, job);
    const parts = Array.from({ length: count }, (_, index) => tasks.get(`part[${index + 1}]`));
    expect(Math.min(...parts.map(started))).toBeGreaterThan(finished(tasks.get("source")));
    expect(Math.max(...parts.map(finished))).toBeLessThan(started(tasks.get("sink")));
  });
}

/** Tasks that each wait for the one before. */
export async function chain(count: number): Promise<void> {
  await withQrew(async (qrew) => {
    const links = Array.from({ length: count }, (_, index) => ({
      name: `link${index}`,
      command: ["/bin/true"],
      depends: index === 0 ? [] : [`link${index - 1}`],
    }));
    const { code, job } = await runJob(qrew, links);
    expect(code).toBe(0);
    await expectModestMemory(qrew, `a chain of ${count} tasks`);
    const tasks = await tasksOf(qrew, job);
    const order = [...tasks.values()].sort((a, b) => started(a) - started(b)).map(({ name }) => name);
    expect(order).toEqual(links.map(({ name }) => name));
    const sequence = order.flatMap((name) => [started(tasks.get(name)), finished(tasks.get(name))]);
    expect(sequence).toEqual([...sequence].sort((a, b) => a - b));
    expect(new Set(sequence).size).toBe(2 * count);
  });
}

/** An array of tasks that are no processes. */
export async function noops(count: number): Promise<void> {
  await withQrew(async (qrew) => {
    const { code, job } = await runJob(qrew, [
      { name: "n", executor: "noop", foreach: { i: { range: [1, count] } } },
    ]);
    expect(code).toBe(0);
    await expectModestMemory(qrew, `an array of ${count} noop tasks`, []);
    expect((await showJob(qrew, job)).tasks).toMatchObject({ total: count, succeeded: count });
    const tasks = await tasksOf(qrew, job);
    expect(tasks.size).toBe(count);
    expect([...tasks.values()].every(({ state, attempt }) => state === "succeeded" && attempt === 1)).toBe(
      true,
    );
  });
}
