import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { exited, signalled } from "./controller.ts";
import { describeForkservers } from "./flavours.ts";

const { SIGKILL, SIGSEGV } = constants.signals;

describeForkservers("an attempt", (given, flavour) => {
  it("ends with its exit code", async () => {
    const job = given.shared.job(given.controller, 1000);
    const { ended, spawn } = await given.shared.run(given.controller, job, "exit 7");
    expect(ended).toMatchObject({
      outcome: exited(7),
      survivors: 0,
      stdout: { type: "file", path: spawn.stdoutPath },
    });
    const started = await given.controller.started(spawn.key);
    expect(started.start).toEqual(ended.start);
    expect(ended.end.monoMs).toBeGreaterThan(started.start.monoMs);
    expect(Math.abs(ended.end.wallMs - Date.now())).toBeLessThan(60_000);
  });

  it("ends with its signal", async () => {
    const job = given.shared.job(given.controller, 2000);
    const killed = given.shared.run(given.controller, job, "kill -KILL $$");
    const crashed = given.shared.run(given.controller, job, "kill -SEGV $$");
    expect((await killed).ended.outcome).toEqual(signalled(SIGKILL));
    expect((await crashed).ended.outcome).toEqual(signalled(SIGSEGV));
  });

  it("tells what it used, where that can be measured", async () => {
    const job = given.shared.job(given.controller, 1000);
    const { ended } = await given.shared.run(
      given.controller,
      job,
      "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done",
    );
    const { userMicros = 0, maxRssBytes = 0 } = ended.usage ?? {};
    const isPlausible = userMicros > 1000 && maxRssBytes > 100_000 && maxRssBytes < 100_000_000;
    expect([ended.usage === null, isPlausible]).toEqual(flavour === "c" ? [false, true] : [true, false]);
  });

  it("runs under the policy, the nice value and the slices of whoever started the forkserver", async () => {
    const job = given.shared.job(given.controller, 1000);
    const { stdout } = await given.shared.run(given.controller, job, "cat /proc/self/stat /proc/self/sched");
    const own = readFileSync("/proc/self/stat", "latin1");
    const fields = (stat: string): readonly string[] => stat.slice(stat.lastIndexOf(") ")).split(" ");
    // Priority and nice value are fields 18 and 19, the policy is field 41, and ") " ends field 2.
    const scheduling = (stat: string): unknown => [17, 18, 40].map((field) => fields(stat)[field - 1]);
    const [first = "", ...rest] = stdout.split("\n");
    expect(scheduling(first)).toEqual(scheduling(own));
    const sliceIn = (lines: readonly string[]): string | null =>
      lines.find((line) => line.startsWith("se.slice")) ?? null;
    // Not every kernel has it.
    const slice = existsSync("/proc/self/sched")
      ? sliceIn(readFileSync("/proc/self/sched", "latin1").split("\n"))
      : null;
    expect(sliceIn(rest)).toBe(slice);
  });

  it("has its environment over the context's, and its command is looked up in its own PATH", async () => {
    const job = given.shared.job(given.controller, 1000, ["A=context", "B=context"]);
    const bin = given.shared.path("bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "greet"), '#!/bin/sh\necho "$0 $A $B $C $PATH"\n', { mode: 0o755 });
    const env = [`PATH=/nowhere:${bin}`, "B=attempt", "C=attempt=more"];
    const { stdout } = await given.shared.run(given.controller, job, ["greet"], { env });
    expect(stdout).toBe(`${bin}/greet context attempt attempt=more /nowhere:${bin}\n`);
  });

  it("is executed without a shell: a script without an interpreter line is not started", async () => {
    const job = given.shared.job(given.controller, 1000);
    const bin = given.shared.path("plain");
    mkdirSync(bin);
    writeFileSync(join(bin, "script"), "echo never\n", { mode: 0o755 });
    writeFileSync(join(bin, "empty"), "", { mode: 0o755 });
    const env = [`PATH=/nowhere:${bin}`];
    const notStarted = { type: "notStarted", step: "exec", errno: constants.errno.ENOEXEC };
    for (const command of [[join(bin, "script"), "argument"], ["script"], [join(bin, "empty")]]) {
      const { ended } = await given.shared.run(given.controller, job, command, { env });
      expect(ended.outcome).toEqual(notStarted);
    }
  });

  it("has the umask, the folder, and a session and group of its own", async () => {
    const job = given.shared.job(given.controller, 1000);
    const directory = given.shared.path(`job${job}`);
    mkdirSync(join(directory, "sub"));
    given.controller.send({
      type: "context",
      job,
      directory,
      umask: 0o137,
      env: [`PATH=${process.env["PATH"]}`],
    });
    const command = "pwd; umask; : > made; cut -d' ' -f5,6 /proc/$$/stat; echo $$";
    const { stdout } = await given.shared.run(given.controller, job, command, { workdir: "sub" });
    const [folder, umask, ids, pid] = stdout.split("\n");
    expect([folder, umask]).toEqual([join(directory, "sub"), "0137"]);
    expect(ids).toBe(`${pid} ${pid}`);
    expect(statSync(join(directory, "sub", "made")).mode & 0o777).toBe(0o640);
  });

  it("inherits no descriptor, no blocked and no ignored signal", async () => {
    const job = given.shared.job(given.controller, 1000);
    const command = "ls /proc/$$/fd; grep -E '^Sig(Blk|Ign)' /proc/$$/status";
    const { stdout } = await given.shared.run(given.controller, job, ["bash", "-c", command]);
    expect(stdout.split("\n").slice(0, 5)).toEqual([
      "0",
      "1",
      "2",
      "SigBlk:\t0000000000000000",
      "SigIgn:\t0000000000000000",
    ]);
  });

  it("reads the text it is given, and nothing if it is given none", async () => {
    const job = given.shared.job(given.controller, 1000);
    const text = `ünïcode and ${"many lines\n".repeat(20_000)}`;
    expect((await given.shared.run(given.controller, job, ["cat"], { stdin: text })).stdout).toBe(text);
    expect((await given.shared.run(given.controller, job, ["cat"])).stdout).toBe("");
    expect((await given.shared.run(given.controller, job, ["cat"], { stdin: "" })).stdout).toBe("");
  });

  it("writes its output byte for byte, readable for its owner alone", async () => {
    const job = given.shared.job(given.controller, 1000);
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 31) & 0xff));
    writeFileSync(given.shared.path("bytes"), bytes);
    const { spawn } = await given.shared.run(
      given.controller,
      job,
      `cat ${given.shared.path("bytes")}; echo wrong >&2`,
    );
    expect(readFileSync(spawn.stdoutPath).equals(bytes)).toBe(true);
    expect(readFileSync(spawn.stderrPath, "utf8")).toBe("wrong\n");
    expect(statSync(spawn.stdoutPath).mode & 0o777).toBe(0o600);
  });

  it("may write both streams to one file, in order, over what was there", async () => {
    const job = given.shared.job(given.controller, 1000);
    const path = given.shared.path("both");
    writeFileSync(path, "an earlier run was longer than this one\n");
    await given.shared.run(given.controller, job, "echo 1; echo 2 >&2; echo 3", {
      stdoutPath: path,
      stderrPath: path,
    });
    expect(readFileSync(path, "utf8")).toBe("1\n2\n3\n");
  });

  it("is started once, however often it is asked for", async () => {
    const job = given.shared.job(given.controller, 2000);
    const spawn = given.shared.spawn(job, 'echo started >> "$FILE"', {
      env: [`FILE=${given.shared.path("once")}`],
    });
    given.controller.send(spawn, spawn);
    await given.controller.ended(spawn.key);
    given.controller.send(spawn, { type: "setCap", job, serial: 5, cpusMilli: 2000 });
    await given.controller.capSet(job, 5);
    expect((await given.shared.run(given.controller, job, "true")).ended.outcome).toEqual(exited(0));
    expect(readFileSync(given.shared.path("once"), "utf8")).toBe("started\n");
  });
});
