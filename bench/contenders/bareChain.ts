/**
 * What the way of a job takes on this machine when nobody decides or keeps anything: the same processes, six hops through ZeroMQ, a process
 * started and awaited by a C program, and one flush before the answer. What qrew takes beyond it is qrew's own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Dealer } from "zeromq";
import { QrewError } from "../../protocol/errors.ts";
import { cleanEnvironment, killGroup } from "../commands.ts";
import type { Bench } from "../scenario.ts";
import { spawnProgram } from "./spawnLimit.ts";

const RELAY = fileURLToPath(new URL("relay.mjs", import.meta.url));
const ANSWER_MS_MAX = 10_000;
const WARM_UP_PASSES = 200;
/** About as long as what qrew's actors say of one task. */
const FRAME_BYTES = 300;

export const BARE_CHAIN = "bare chain";
export const BARE_CHAIN_RECORDS = "nothing: six hops of ZeroMQ, posix_spawn and wait, one flush";

/** `pass` resolves with the milliseconds of one way there and back. */
export async function withBareChain<Result>(
  bench: Bench,
  command: readonly string[],
  body: (pass: () => Promise<number>) => Promise<Result>,
): Promise<Result> {
  // Socket paths have room for 107 bytes.
  const folder = mkdtempSync(path.join(bench.folder, "b"));
  const [manager, worker, executor] = ["m", "w", "e"].map((name) => path.join(folder, name));
  const relays: ChildProcess[] = [];
  const start = async (...args: readonly (string | undefined)[]): Promise<void> => {
    const relay = spawn(process.execPath, [RELAY, ...args.map(String)], {
      detached: true,
      env: cleanEnvironment(),
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(relay, "spawn");
    relays.push(relay);
    await once(relay.stdout, "data", { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  };
  const client = new Dealer({ receiveTimeout: ANSWER_MS_MAX, linger: 0 });
  try {
    await start(executor, "spawn", spawnProgram(), "--serve", "--", ...command);
    await start(worker, "flush", executor, path.join(folder, "journal"));
    await start(manager, "pass", worker);
    client.connect(`ipc://${manager}`);
    // Qrew has run for a while, too.
    for (let warmUp = 0; warmUp < WARM_UP_PASSES; warmUp += 1) await pass(bench, client);
    return await body(() => pass(bench, client));
  } finally {
    client.close();
    for (const { pid } of relays) killGroup(pid);
    await Promise.all(relays.map(ended));
  }
}

async function pass({ signal }: Bench, client: Dealer): Promise<number> {
  signal.throwIfAborted();
  const startedMs = performance.now();
  await client.send(Buffer.alloc(FRAME_BYTES));
  try {
    await client.receive();
  } catch (error) {
    signal.throwIfAborted();
    throw new QrewError("refused", "the bare chain does not answer", [], { cause: error });
  }
  return performance.now() - startedMs;
}

async function ended(relay: ChildProcess): Promise<void> {
  if (relay.exitCode === null && relay.signalCode === null) await once(relay, "exit");
}
