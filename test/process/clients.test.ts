/** Clients that come and go, stop in the middle, ask for what is not there, or come all at once. */
import { readdirSync } from "node:fs";
import { createConnection } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type JobSeq, jobSeq, MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import { type Connection, openConnection } from "../../src/client/connection.ts";
import type { Client } from "../../src/client/index.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { expectUnbroken, managerPid } from "./refusals.ts";
import { startedDaemon } from "./startedDaemon.ts";

let qrew: QrewFolder;
let client: Client;
let manager: number;

beforeAll(async () => {
  qrew = await startedDaemon("--cpus", "2");
  manager = await managerPid(qrew);
  client = await qrew.client({ start: "never" });
});

afterAll(async () => {
  await client?.close();
  await qrew?.close();
});

const managerSocket = (): string => path.join(client.home.runFolder, MANAGER_SOCKET_NAME);

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

it("keeps nothing of 500 connections that came and went", async () => {
  const before = descriptorsOf(manager);
  for (let i = 0; i < 25; i += 1) {
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? greet() : hangUp())));
  }
  await until("the descriptors are closed", () => descriptorsOf(manager) <= before + 4);
  await expectUnbroken(qrew, manager);
});

async function connected(): Promise<Connection> {
  const outcome = await openConnection(managerSocket());
  if (outcome.type === "absent") throw new Error("the manager does not listen");
  return outcome.connection;
}

const greet = async (): Promise<void> => (await connected()).close();

/** Connects and leaves without a word. */
function hangUp(): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = createConnection({ path: managerSocket() });
    stream.once("error", reject);
    stream.once("connect", () => stream.destroy());
    stream.once("close", () => resolve());
  });
}

const staged = (): readonly string[] => readdirSync(path.join(qrew.home, "staging"));

it("is not held up by a submission that is never sealed", async () => {
  const jobs = client.jobs(1000).jobs.length;
  // One by a program, which goes; one by a command that is killed in the middle of its document.
  const connection = await connected();
  const options = {
    name: null,
    source: "never.yaml",
    directory: { type: "fresh" },
    env: {},
    umask: 0o22,
    import: { format: null, timeScale: 1, sizeScale: 0, jx: [] },
    retries: null,
    priority: 0,
  } as const;
  const opened = await connection.request({
    type: "openSubmission",
    options,
    key: null,
    isNewKey: false,
    whole: null,
    follow: false,
  });
  if (opened.type !== "submissionOpened") throw new Error(`answered with ${opened.type}`);
  const { submission } = opened;
  const bytes = Buffer.from("- name: a");
  await connection.request({ type: "appendSubmission", submission, index: 0, bytes });
  connection.close();

  const command = qrew.spawn(["submit", "-"]);
  const ended = new Promise((resolve) => command.once("exit", resolve));
  command.stdin?.on("error", () => undefined);
  command.stdin?.write(Buffer.alloc(2 * 1024 * 1024, "- {name: x, command: y}\n"));
  await until("its first pieces", () => staged().length >= 2);
  command.kill("SIGKILL");
  await ended;

  await expectUnbroken(qrew, manager);
  expect(client.jobs(1000).jobs).toHaveLength(jobs + 1);
});

it("refuses pieces of a submission that is not the sender's, or out of order", async () => {
  const connection = await connected();
  try {
    const piece = { type: "appendSubmission", index: 0, bytes: Buffer.from("x") } as const;
    await expect(connection.request({ ...piece, submission: 424_242 })).rejects.toMatchObject({
      code: "notFound",
    });
    await expect(
      connection.request({ type: "sealSubmission", submission: 1, chunks: 0 }),
    ).rejects.toMatchObject({
      code: "notFound",
    });
    await expect(connection.request({ type: "cancelJobs", jobs: [jobSeq(4242)] })).rejects.toMatchObject({
      code: "notFound",
    });
  } finally {
    connection.close();
  }
  await expectUnbroken(qrew, manager);
});

it("submits and waits in one request, each for its own job, and survives the manager that was asked", async () => {
  const documentOf = (seconds: number, code: number): Uint8Array =>
    Buffer.from(JSON.stringify([{ name: "only", command: ["sh", "-c", `sleep ${seconds}; exit ${code}`] }]));
  const options = { source: "w.json", directory: qrew.work };
  const many = await Promise.all(
    Array.from({ length: 8 }, (_, n) => client.run(documentOf(0, n % 2), options)),
  );
  expect(many.map(({ state }) => state)).toEqual(
    Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? "succeeded" : "failed")),
  );
  expect(new Set(many.map(({ job }) => job)).size).toBe(8);
  await expectUnbroken(qrew, manager);
  const other = await qrew.client();
  try {
    const ended = await other.run(documentOf(1, 3), {
      ...options,
      onAccepted: () => process.kill(manager, "SIGKILL"),
    });
    expect(ended.state).toBe("failed");
  } finally {
    await other.close();
  }
  manager = await managerPid(qrew);
});

it("runs 200 jobs that are submitted at once", async () => {
  const COUNT = 200;
  const document = new TextEncoder().encode('[{"name": "only", "command": ["true"]}]');
  const accepted = await Promise.all(
    Array.from({ length: COUNT }, () => client.submit(document, { source: "w.json", directory: qrew.work })),
  );
  const jobs = accepted.map(({ job }) => job);
  expect(new Set(jobs).size).toBe(COUNT);
  const states = new Map<JobSeq, string>();
  for await (const { summary } of client.follow(jobs)) states.set(summary.job, summary.state);
  expect([...states.values()].filter((state) => state === "succeeded")).toHaveLength(COUNT);
  await expectUnbroken(qrew, manager);
});
