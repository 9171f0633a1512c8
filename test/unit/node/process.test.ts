import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  bootId,
  environmentValue,
  isAlive,
  ownStartTime,
  parseProcessStat,
  parseProportionalSetBytes,
  processesWithEnvironment,
  processStartTime,
  proportionalSetBytes,
  readProcessStat,
} from "../../../src/node/process.ts";

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

async function startSleep(env: Readonly<Record<string, string>> = {}): Promise<number> {
  // `echo` after the exec would not come, so the shell says that it runs and then becomes sleep.
  const child = spawn("/bin/sh", ["-c", "echo; exec sleep 60"], { env, stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  await once(child.stdout, "data");
  return child.pid ?? 0;
}

const TAIL = "S 1 42 43 0 -1 4194560 100 0 0 0 1 2 3 4 20 0 1 0 987654 1000 200 18446744073709551615";

describe("the stat of a process", () => {
  it.each([
    ["sleep", "sleep"],
    ["with a space", "a b"],
    ["with parentheses", "x) S 1 (y"],
    ["with a newline", "a\nb) R 2"],
    ["empty", ""],
  ])("is read with a name %s", (_, name) => {
    expect(parseProcessStat(`42 (${name}) ${TAIL}\n`)).toEqual({
      pid: 42,
      state: "S",
      parentPid: 1,
      groupId: 42,
      sessionId: 43,
      startTime: "987654",
    });
  });

  it.each([
    "",
    "42",
    "42 (sleep",
    "42 (sleep) S 1",
    "x (sleep) S 1",
    `42 (s) ${TAIL.replace("987654", "x")}`,
  ])("is null for %j", (text) => {
    expect(parseProcessStat(text)).toBeNull();
  });

  it("of this process is found, and of none is null", () => {
    expect(readProcessStat(process.pid)?.pid).toBe(process.pid);
    expect(readProcessStat(process.pid)?.parentPid).toBe(process.ppid);
    expect(processStartTime(process.pid)).toBe(ownStartTime());
    expect(processStartTime(2 ** 22 + 1)).toBeNull();
  });
});

describe("life", () => {
  it("is of one process: pid and start time", async () => {
    const pid = await startSleep();
    const startTime = processStartTime(pid) ?? "";
    expect(isAlive(pid, startTime)).toBe(true);
    expect(isAlive(pid, `${startTime}0`)).toBe(false);
    children[0]?.kill("SIGKILL");
    await once(children[0] ?? process, "exit");
    expect(isAlive(pid, startTime)).toBe(false);
  });

  it("is not that of a zombie", async () => {
    // The shell becomes a sleep that has a child and never reaps it.
    const script = "sleep 60 & echo $!; exec sleep 60";
    const child = spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    children.push(child);
    const pid = await new Promise<number>((resolve) => {
      child.stdout.once("data", (line) => resolve(Number(String(line))));
    });
    const { startTime } = readProcessStat(pid) ?? { startTime: "" };
    expect(isAlive(pid, startTime)).toBe(true);
    await vi.waitUntil(() => readFileSync(`/proc/${child.pid}/comm`, "utf8") === "sleep\n", {
      timeout: 10_000,
    });
    process.kill(pid, "SIGKILL");
    await vi.waitUntil(() => readProcessStat(pid)?.state === "Z", { timeout: 10_000 });
    expect(processStartTime(pid)).toBe(startTime);
    expect(isAlive(pid, startTime)).toBe(false);
  });

  it("is within a boot, which has a uuid", () => {
    expect(bootId()).toMatch(/^[0-9a-f-]{36}$/);
    expect(bootId()).toBe(bootId());
  });
});

describe("memory of a process", () => {
  it("is read from smaps_rollup", () => {
    const text = "55d0-7ffd ---p 00000000 00:00 0  [rollup]\nRss:  2000 kB\nPss:  1234 kB\nPss_Anon: 7 kB\n";
    expect(parseProportionalSetBytes(text)).toBe(1234 * 1024);
    expect(parseProportionalSetBytes("")).toBeNull();
  });

  it("of this process is some megabytes, of none is null", () => {
    expect(proportionalSetBytes(process.pid)).toBeGreaterThan(5_000_000);
    expect(proportionalSetBytes(2 ** 22 + 1)).toBeNull();
  });
});

describe("the mark in the environment", () => {
  it.each<[string, string, string | null]>([
    ["A=1\0B=2\0", "A", "1"],
    ["A=1\0B=2\0", "B", "2"],
    ["A=1\0B=2", "B", "2"],
    ["A=\0", "A", ""],
    ["A=b=c\0", "A", "b=c"],
    ["AB=1\0XA=2\0", "A", null],
    ["AB=1\0A=2\0A=3\0", "A", "2"],
    ["X=A=1\0", "A", null],
    ["", "A", null],
  ])("in %j of %s is %j", (environment, name, value) => {
    expect(environmentValue(environment, name)).toBe(value);
  });

  it("finds exactly the processes whose value begins so, and not the dead", async () => {
    const mark = `test-${process.pid}-${process.hrtime.bigint()}/`;
    const [first, second] = [
      await startSleep({ QREW_X: `${mark}1` }),
      await startSleep({ QREW_X: `${mark}2` }),
    ];
    await startSleep({ QREW_X: `other/${mark}` });
    await startSleep({ QREW_XY: mark });
    const found = processesWithEnvironment("QREW_X", mark);
    expect(found.map(({ pid, value }) => [pid, value])).toEqual(
      [
        [first, `${mark}1`],
        [second, `${mark}2`],
      ].sort((left, right) => Number(left[0]) - Number(right[0])),
    );
    for (const { pid, startTime } of found) expect(isAlive(pid, startTime)).toBe(true);
    children[0]?.kill("SIGKILL");
    await once(children[0] ?? process, "exit");
    expect(processesWithEnvironment("QREW_X", mark).map(({ pid }) => pid)).toEqual([second]);
  });
});
