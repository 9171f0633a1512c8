import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DaemonLink } from "../../../src/client/link.ts";
import { stopDaemon } from "../../../src/client/stop.ts";
import { bootId, processStartTime } from "../../../src/node/process.ts";
import { type Answer, type FakeManager, makeHome, openFakeManager, type TestHome } from "./fakeManager.ts";
import { stateFolder } from "./stateFolder.ts";
import { matching } from "./matching.ts";

let home: TestHome;
let fake: FakeManager | null = null;
let holder: ChildProcess;

beforeEach(() => {
  home = makeHome();
  // Stands for the manager's process: it lives until it is ended.
  holder = spawn(process.execPath, ["-e", "setInterval(() => undefined, 1000)"], { stdio: "ignore" });
});

afterEach(async () => {
  if (holder.exitCode === null && holder.signalCode === null) {
    holder.kill("SIGKILL");
    await once(holder, "exit");
  }
  await fake?.close();
  fake = null;
  home.remove();
});

async function manager(answer: Answer, leaving = false): Promise<FakeManager> {
  fake = await openFakeManager(home, answer);
  await stateFolder(home.folder).setHolder({
    pid: holder.pid ?? 0,
    startTime: processStartTime(holder.pid ?? 0) ?? "",
    bootId: bootId(),
    epoch: 1,
    packageVersion: "0.1.0",
    startedAtMs: 1,
    leaving,
  });
  return fake;
}

describe("stopDaemon", () => {
  it("tells how many attempts run, and returns when the process is gone", async () => {
    const stopping = await manager(({ type, request }, say) => {
      if (type !== "stopDaemon") return;
      for (const runningAttempts of [3, 3, 1, 0]) say({ type: "stopping", request, runningAttempts });
    });
    const seen: number[] = [];
    const onProgress = (running: number): void => {
      seen.push(running);
      if (running > 0) return;
      void stopping.close();
      holder.kill("SIGTERM");
    };
    const outcome = await stopDaemon({ home, mode: "drain", timeoutMs: 10_000, onProgress });
    expect(outcome).toMatchObject({ type: "stopped" });
    expect(seen).toEqual([3, 1, 0]);
    expect(stopping.asked.at(-1)).toMatchObject({ type: "stopDaemon", mode: "drain" });
  });

  it("finds no daemon where none runs", async () => {
    expect(await stopDaemon({ home, mode: "now", timeoutMs: 1_000 })).toEqual({ type: "notRunning" });
  });

  it("ends a daemon of another version by its pid", async () => {
    const other = await manager(() => undefined);
    other.version = "9.9.9";
    const gone = once(holder, "exit");
    expect(await stopDaemon({ home, mode: "drain", timeoutMs: 10_000 })).toEqual({
      type: "stopped",
      pid: holder.pid,
    });
    expect((await gone)[1]).toBe("SIGTERM");
  });

  it("says so when the daemon does not end in time", async () => {
    await manager(({ type, request }, say) => {
      if (type === "stopDaemon") say({ type: "stopping", request, runningAttempts: 2 });
    });
    await expect(stopDaemon({ home, mode: "drain", timeoutMs: 100 })).rejects.toMatchObject({
      code: "unreachable",
      message: matching(/still waits for running attempts.*--now/),
    });
  });
});

describe("a link", () => {
  it("opens one connection for all, and the next when it was lost", async () => {
    await manager(() => undefined);
    const link = new DaemonLink({ home, start: "never", transient: true });
    const [first, second] = await Promise.all([link.reach(), link.reach()]);
    expect(first).toBe(second);
    first.close();
    const third = await link.reach();
    expect(third).not.toBe(first);
    expect(third.isOpen).toBe(true);
    link.close();
    expect(third.isOpen).toBe(false);
    // Whoever still holds it must not start a daemon by asking again.
    await expect(link.reach()).rejects.toMatchObject({ code: "interrupted" });
  });

  it("does not start a daemon again that was stopped", async () => {
    const stopped = await manager(() => undefined, true);
    const link = new DaemonLink({ home, start: "ifAbsent", transient: true });
    const connection = await link.reach();
    await stopped.close();
    connection.close();
    holder.kill("SIGKILL");
    await once(holder, "exit");
    await expect(link.reach()).rejects.toMatchObject({
      code: "unreachable",
      message: matching(/The daemon was stopped/),
    });
    link.close();
  });
});
