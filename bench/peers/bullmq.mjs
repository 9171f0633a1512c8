/**
 * bullmq.mjs MODULES COUNT PARALLEL FOLDER COMMAND…: a Redis server that appends to a file, a queue with so many jobs, and a
 * worker that runs the command for each.
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const [modules, count, parallel, folder, file, ...args] = process.argv.slice(2);
const load = createRequire(path.join(modules, "any.js"));
const { Queue, Worker } = load("bullmq");
const Redis = load("ioredis");

/** For the server to listen. */
const START_MS_MAX = 10_000;
const socket = path.join(folder, "redis");
const settings = ["--port", "0", "--unixsocket", socket, "--dir", folder];
const durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""];
const server = spawn("redis-server", [...settings, ...durable], { stdio: "ignore" });
try {
  const connection = new Redis({ path: socket, maxRetriesPerRequest: null, lazyConnect: true });
  connection.on("error", () => undefined);
  await listening(connection);
  const seconds = await runAll(connection);
  connection.disconnect();
  console.log(JSON.stringify({ seconds }));
} finally {
  server.kill("SIGTERM");
}
process.exit(0);

async function listening(connection) {
  const deadlineMs = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      await connection.ping();
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await delay(20);
    }
  }
}

async function runAll(connection) {
  const total = Number(count);
  const queue = new Queue("bench", { connection });
  const startedMs = performance.now();
  await queue.addBulk(Array.from({ length: total }, (_, index) => ({ name: "run", data: { index } })));
  const worker = new Worker("bench", runOne, { connection, concurrency: Number(parallel) });
  let done = 0;
  await new Promise((resolve, reject) => {
    worker.on("completed", () => {
      done += 1;
      if (done === total) resolve();
    });
    worker.on("failed", (_, error) => reject(new Error("a job failed", { cause: error })));
  });
  const seconds = (performance.now() - startedMs) / 1000;
  await worker.close();
  return seconds;
}

function runOne() {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: "ignore" });
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(code) : reject(new Error(`exit code ${code}`))));
  });
}
