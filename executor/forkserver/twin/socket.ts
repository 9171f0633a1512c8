/** The socket path: claimed by one forkserver at a time. */
import { mkdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A claim takes milliseconds; one this old was left by a process that died. */
const CLAIM_STALE_MS = 10_000;
const CLAIM_RETRY_MS = 20;
const CLAIM_ATTEMPTS = 250;

/** Listens on the path, readable for its owner alone. Throws if somebody serves it, or it cannot be bound. */
export async function claimSocket(path: string): Promise<Server> {
  const folder = `${path}.claim`;
  await enter(folder);
  try {
    if (await isServed(path)) throw new Error(`${path} is already served`);
    rmSync(path, { force: true });
    return await listen(path);
  } finally {
    rmdirSync(folder);
  }
}

/** Node has no file locks; making a folder is as exclusive, and short enough to be waited for. */
async function enter(folder: string): Promise<void> {
  for (let attempt = 0; attempt < CLAIM_ATTEMPTS; attempt++) {
    try {
      mkdirSync(folder, { mode: 0o700 });
      return;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const since = statSync(folder, { throwIfNoEntry: false })?.ctimeMs ?? Date.now();
    if (Date.now() - since > CLAIM_STALE_MS) rmSync(folder, { recursive: true, force: true });
    else await sleep(CLAIM_RETRY_MS);
  }
  throw new Error(`${folder} does not go away; remove it`);
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EAGAIN"));
  });
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.once("listening", () => resolve(server));
    const mask = process.umask(0o177);
    server.listen({ path });
    process.umask(mask);
  });
}
