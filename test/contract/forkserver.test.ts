/** What a forkserver promises (protocol/forkserver.md), asked of both: the C program and its TypeScript twin. */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectForkserver } from "../../executor/forkserver/connection.ts";
import { connectExisting, probeForkserver } from "../../executor/forkserver/client.ts";
import { startForkserver } from "../../executor/forkserver/start.ts";
import { sweepMarked } from "../../executor/forkserver/sweep.ts";
import { encodeCommands } from "../../protocol/forkserverCodec.ts";
import type { ForkserverOutcome, StartStep } from "../../protocol/forkserverLink.ts";
import { FORKSERVER_FRAME_BYTES_MAX } from "../../protocol/limits.ts";
import {
  Controller,
  eventually,
  Fixture,
  isAlive,
  type Flavour,
  pidsIn,
  prepareProgram,
  sameKey,
} from "./forkserverFixture.ts";

const program = prepareProgram();
const { ENOENT, EACCES, ENOTDIR } = constants.errno;
const { SIGKILL, SIGTERM, SIGSEGV } = constants.signals;

const exited = (exitCode: number): ForkserverOutcome => ({ type: "exited", exitCode });
const signalled = (signal: number): ForkserverOutcome => ({ type: "signalled", signal });
const notStarted = (step: StartStep, errno: number): ForkserverOutcome => ({
  type: "notStarted",
  errno,
  step,
});
const withdrawn: ForkserverOutcome = { type: "withdrawn" };

/** Starts a process that leaves group, session and parent; goes on when that one has written its pid to $PIDS. */
const DAEMONISE =
  '( setsid sh -c \'echo $$ >> "$0"; exec sleep 1000\' "$PIDS" & ) ; until [ -s "$PIDS" ]; do sleep 0.005; done;';

for (const flavour of ["c", "typescript"] as const) {
  const isMissing = flavour === "c" && program === null;
  describe.skipIf(isMissing)(
    `forkserver, ${flavour}${isMissing ? " (skipped: no C compiler here)" : ""}`,
    () => {
      suite(flavour);
    },
  );
}

function suite(flavour: Flavour): void {
  let shared: Fixture;
  let controller: Controller;
  beforeAll(async () => {
    shared = new Fixture(flavour);
    controller = await shared.open();
  });
  afterAll(() => shared.dispose());

  /** A forkserver of its own for tests that end it, or that other tests would disturb. */
  async function alone(
    options: ConstructorParameters<typeof Fixture>[1],
    body: (fixture: Fixture, controller: Controller) => Promise<void>,
  ): Promise<void> {
    const fixture = new Fixture(flavour, options);
    try {
      await body(fixture, await fixture.open());
    } finally {
      await fixture.dispose();
    }
  }

  describe("an attempt", () => {
    it("ends with its exit code", async () => {
      const job = shared.job(controller, 1000);
      const { ended, spawn } = await shared.run(controller, job, "exit 7");
      expect(ended).toMatchObject({ outcome: exited(7), survivors: 0, stdoutPath: spawn.stdoutPath });
      const started = await controller.started(spawn.key);
      expect(started.start).toEqual(ended.start);
      expect(ended.end.monoMs).toBeGreaterThan(started.start.monoMs);
      expect(Math.abs(ended.end.wallMs - Date.now())).toBeLessThan(60_000);
    });

    it("ends with its signal", async () => {
      const job = shared.job(controller, 2000);
      const killed = shared.run(controller, job, "kill -KILL $$");
      const crashed = shared.run(controller, job, "kill -SEGV $$");
      expect((await killed).ended.outcome).toEqual(signalled(SIGKILL));
      expect((await crashed).ended.outcome).toEqual(signalled(SIGSEGV));
    });

    it("tells what it used, where that can be measured", async () => {
      const job = shared.job(controller, 1000);
      const { ended } = await shared.run(controller, job, "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done");
      if (flavour === "typescript") {
        expect(ended.usage).toBeNull();
        return;
      }
      expect(ended.usage?.userMicros).toBeGreaterThan(1000);
      expect(ended.usage?.maxRssBytes).toBeGreaterThan(100_000);
    });

    it("does not start, and says at which step and why", async () => {
      const job = shared.job(controller, 9000);
      const file = shared.path("not-executable");
      writeFileSync(file, "echo never\n");
      chmodSync(file, 0o644);
      const runs: [string, Parameters<Fixture["spawn"]>[2], readonly string[], ForkserverOutcome][] = [
        ["unknown path", {}, ["/no/such/command"], notStarted("exec", ENOENT)],
        ["unknown name", {}, ["no-such-command"], notStarted("exec", ENOENT)],
        ["empty name", {}, [""], notStarted("exec", ENOENT)],
        ["no permission", {}, [file], notStarted("exec", EACCES)],
        [
          "no permission in PATH",
          { env: [`PATH=${shared.folder}`] },
          ["not-executable"],
          notStarted("exec", EACCES),
        ],
        ["a file as folder", {}, [`${file}/command`], notStarted("exec", ENOTDIR)],
        ["no workdir", { workdir: "missing" }, ["true"], notStarted("chdir", ENOENT)],
        ["a file as workdir", { workdir: file }, ["true"], notStarted("chdir", ENOTDIR)],
        [
          "no folder for stdout",
          { stdoutPath: shared.path("no/out") },
          ["true"],
          notStarted("stdout", ENOENT),
        ],
        [
          "no folder for stderr",
          { stderrPath: shared.path("no/err") },
          ["true"],
          notStarted("stderr", ENOENT),
        ],
      ];
      for (const [what, options, argv, outcome] of runs) {
        const { ended } = await shared.run(controller, job, argv, options);
        expect(ended.outcome, what).toEqual(outcome);
        expect(ended, what).toMatchObject({ start: null, usage: null });
      }
    });

    it("does not start without a context, or in a folder that vanished", async () => {
      const vanished = shared.job(controller, 1000);
      const spawn = shared.spawn(vanished, "true");
      controller.send(
        { type: "context", job: vanished, directory: shared.path("gone"), umask: 0, env: [] },
        spawn,
      );
      expect((await controller.ended(spawn.key)).outcome).toEqual(notStarted("chdir", ENOENT));
      const other = { ...spawn, key: { ...spawn.key, job: shared.job(controller, 1000) } };
      controller.send({ type: "closeJob", job: other.key.job, graceMs: 0, mark: shared.mark(other.key.job) });
      await controller.jobClosed(other.key.job);
      controller.send(other);
      expect((await controller.ended(other.key)).outcome).toMatchObject({
        type: "notStarted",
        step: "context",
      });
    });

    it("does not start with a text that cannot be said", async () => {
      const job = shared.job(controller, 1000);
      const { ended } = await shared.run(controller, job, ["echo", "a\0b"]);
      expect(ended.outcome).toEqual(notStarted("exec", constants.errno.E2BIG));
      const { ended: long } = await shared.run(controller, job, [
        "true",
        "x".repeat(FORKSERVER_FRAME_BYTES_MAX),
      ]);
      expect(long.outcome).toEqual(notStarted("exec", constants.errno.E2BIG));
      const { ended: refused } = await shared.run(controller, job, [
        "true",
        "x".repeat(FORKSERVER_FRAME_BYTES_MAX / 2),
      ]);
      expect(refused.outcome).toEqual(notStarted("exec", constants.errno.E2BIG));
    });

    it("has its environment over the context's, and its command is looked up in its own PATH", async () => {
      const job = shared.job(controller, 1000, ["A=context", "B=context"]);
      const bin = shared.path("bin");
      mkdirSync(bin);
      writeFileSync(join(bin, "greet"), '#!/bin/sh\necho "$0 $A $B $C $PATH"\n', { mode: 0o755 });
      const env = [`PATH=/nowhere:${bin}`, "B=attempt", "C=attempt=more"];
      const { stdout } = await shared.run(controller, job, ["greet"], { env });
      expect(stdout).toBe(`${bin}/greet context attempt attempt=more /nowhere:${bin}\n`);
    });

    it("may be a script without an interpreter line", async () => {
      const job = shared.job(controller, 1000);
      const script = shared.path("script");
      writeFileSync(script, 'echo "plain $1"\n', { mode: 0o755 });
      const { ended, stdout } = await shared.run(controller, job, [script, "script"]);
      expect(ended.outcome).toEqual(exited(0));
      expect(stdout).toBe("plain script\n");
    });

    it("has the umask, the folder, and a session and group of its own", async () => {
      const job = shared.job(controller, 1000);
      const directory = shared.path(`job${job}`);
      mkdirSync(join(directory, "sub"));
      controller.send({
        type: "context",
        job,
        directory,
        umask: 0o137,
        env: [`PATH=${process.env["PATH"]}`],
      });
      const command = "pwd; umask; : > made; cut -d' ' -f5,6 /proc/$$/stat; echo $$";
      const { stdout } = await shared.run(controller, job, command, { workdir: "sub" });
      const [folder, umask, ids, pid] = stdout.split("\n");
      expect([folder, umask]).toEqual([join(directory, "sub"), "0137"]);
      expect(ids).toBe(`${pid} ${pid}`);
      expect(statSync(join(directory, "sub", "made")).mode & 0o777).toBe(0o640);
    });

    it("inherits no descriptor, no blocked and no ignored signal", async () => {
      const job = shared.job(controller, 1000);
      const command = "ls /proc/$$/fd; grep -E '^Sig(Blk|Ign)' /proc/$$/status";
      const { stdout } = await shared.run(controller, job, ["bash", "-c", command]);
      expect(stdout.split("\n").slice(0, 5)).toEqual([
        "0",
        "1",
        "2",
        "SigBlk:\t0000000000000000",
        "SigIgn:\t0000000000000000",
      ]);
    });

    it("reads the text it is given, and nothing if it is given none", async () => {
      const job = shared.job(controller, 1000);
      const text = `ünïcode and ${"many lines\n".repeat(20_000)}`;
      expect((await shared.run(controller, job, ["cat"], { stdin: text })).stdout).toBe(text);
      expect((await shared.run(controller, job, ["cat"])).stdout).toBe("");
      expect((await shared.run(controller, job, ["cat"], { stdin: "" })).stdout).toBe("");
    });

    it("writes its output byte for byte, readable for its owner alone", async () => {
      const job = shared.job(controller, 1000);
      const bytes = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 31) & 0xff));
      writeFileSync(shared.path("bytes"), bytes);
      const { spawn } = await shared.run(controller, job, `cat ${shared.path("bytes")}; echo wrong >&2`);
      expect(readFileSync(spawn.stdoutPath).equals(bytes)).toBe(true);
      expect(readFileSync(spawn.stderrPath, "utf8")).toBe("wrong\n");
      expect(statSync(spawn.stdoutPath).mode & 0o777).toBe(0o600);
    });

    it("may write both streams to one file, in order, over what was there", async () => {
      const job = shared.job(controller, 1000);
      const path = shared.path("both");
      writeFileSync(path, "an earlier run was longer than this one\n");
      await shared.run(controller, job, "echo 1; echo 2 >&2; echo 3", { stdoutPath: path, stderrPath: path });
      expect(readFileSync(path, "utf8")).toBe("1\n2\n3\n");
    });

    it("is started once, however often it is asked for", async () => {
      const job = shared.job(controller, 2000);
      const spawn = shared.spawn(job, 'echo started >> "$FILE"', { env: [`FILE=${shared.path("once")}`] });
      controller.send(spawn, spawn);
      await controller.ended(spawn.key);
      controller.send(spawn, { type: "setCap", job, serial: 5, cpusMilli: 2000 });
      await controller.capSet(job, 5);
      expect((await shared.run(controller, job, "true")).ended.outcome).toEqual(exited(0));
      expect(readFileSync(shared.path("once"), "utf8")).toBe("started\n");
    });
  });

  describe("the queue", () => {
    it("starts first in, first out, and never exceeds the cap", async () => {
      const job = shared.job(controller, 2500);
      const spawns = Array.from({ length: 60 }, (_, index) =>
        shared.spawn(job, index % 7 === 0 ? "sleep 0.02" : "true", {
          cpusMilli: [1000, 500, 2500][index % 3] ?? 1000,
        }),
      );
      controller.send(...spawns);
      for (const spawn of spawns) await controller.ended(spawn.key);
      let running = 0;
      let most = 0;
      const order: number[] = [];
      for (const fact of controller.facts) {
        if (fact.type !== "started" && fact.type !== "ended") continue;
        const spawn = spawns.find(({ key }) => sameKey(key, fact.key));
        if (spawn === undefined) continue;
        running += fact.type === "started" ? spawn.cpusMilli : -spawn.cpusMilli;
        most = Math.max(most, running);
        if (fact.type === "started") order.push(spawn.key.task);
      }
      expect(order).toEqual(spawns.map(({ key }) => key.task));
      expect(most).toBe(2500);
      expect(running).toBe(0);
    });

    it("lets nothing overtake a head that does not fit", async () => {
      const job = shared.job(controller, 2000);
      const long = shared.spawn(job, "sleep 1000");
      const wide = shared.spawn(job, "true", { cpusMilli: 2000 });
      const small = shared.spawn(job, "true");
      controller.send(long, wide, small);
      await controller.started(long.key);
      controller.send({ type: "setCap", job, serial: 1, cpusMilli: 2000 });
      expect((await controller.capSet(job, 1)).runningCpusMilli).toBe(1000);
      controller.send({ type: "stop", key: long.key, graceMs: 5000 });
      await controller.ended(small.key);
      const order = controller.of("started").map(({ key }) => key.task);
      expect(order.indexOf(wide.key.task)).toBeLessThan(order.indexOf(small.key.task));
    });

    it("starts nothing under a cap of 0, or what is larger than the cap, until it is raised", async () => {
      const job = shared.job(controller, 0);
      const spawn = shared.spawn(job, "true", { cpusMilli: 3000 });
      controller.send(spawn, { type: "setCap", job, serial: 1, cpusMilli: 2999 });
      expect((await controller.capSet(job, 1)).runningCpusMilli).toBe(0);
      controller.send({ type: "report" });
      const report = await controller.until("a report", () => controller.of("report").at(-1));
      expect(report.queuedAttempts).toBe(1);
      controller.send({ type: "setCap", job, serial: 2, cpusMilli: 3000 });
      expect((await controller.ended(spawn.key)).outcome).toEqual(exited(0));
    });

    it("answers a lowered cap with what still runs", async () => {
      const job = shared.job(controller, 3000);
      const spawns = [1, 2, 3].map(() => shared.spawn(job, "sleep 1000"));
      controller.send(...spawns);
      for (const { key } of spawns) await controller.started(key);
      const next = shared.spawn(job, "true");
      controller.send({ type: "setCap", job, serial: 1, cpusMilli: 1000 }, next);
      expect((await controller.capSet(job, 1)).runningCpusMilli).toBe(3000);
      for (const { key } of spawns) controller.send({ type: "stop", key, graceMs: 5000 });
      await controller.ended(next.key);
      const facts = controller.facts;
      const startOfNext = facts.findIndex((fact) => fact.type === "started" && sameKey(fact.key, next.key));
      const endsBefore = facts.slice(0, startOfNext).filter((fact) => {
        return fact.type === "ended" && spawns.some(({ key }) => sameKey(key, fact.key));
      });
      expect(endsBefore).toHaveLength(3);
    });
  });

  describe("stop", () => {
    it("asks politely", async () => {
      const job = shared.job(controller, 1000);
      const command = "trap 'echo cleaned; exit 3' TERM; echo ready; while :; do sleep 0.01; done";
      const spawn = shared.spawn(job, command);
      controller.send(spawn);
      await eventually(
        "the trap",
        () => existsSync(spawn.stdoutPath) && readFileSync(spawn.stdoutPath, "utf8") !== "",
      );
      controller.send({ type: "stop", key: spawn.key, graceMs: 15_000 });
      expect((await controller.ended(spawn.key)).outcome).toEqual(exited(3));
      expect(readFileSync(spawn.stdoutPath, "utf8")).toBe("ready\ncleaned\n");
    });

    it("insists after the grace; a second stop shortens it", async () => {
      const job = shared.job(controller, 2000);
      const command = "trap '' TERM; echo ready; while :; do sleep 0.01; done";
      const spawns = [shared.spawn(job, command), shared.spawn(job, command)] as const;
      controller.send(...spawns);
      for (const { stdoutPath } of spawns) {
        await eventually("the trap", () => existsSync(stdoutPath) && readFileSync(stdoutPath, "utf8") !== "");
      }
      const [short, long] = spawns;
      const beginMs = performance.now();
      controller.send(
        { type: "stop", key: short.key, graceMs: 150 },
        { type: "stop", key: long.key, graceMs: 3_600_000 },
      );
      expect((await controller.ended(short.key)).outcome).toEqual(signalled(SIGKILL));
      expect(performance.now() - beginMs).toBeGreaterThan(140);
      controller.send({ type: "stop", key: long.key, graceMs: 0 });
      expect((await controller.ended(long.key)).outcome).toEqual(signalled(SIGKILL));
    });

    it("withdraws what has not started, and ignores what it does not know", async () => {
      const job = shared.job(controller, 0);
      const spawn = shared.spawn(job, "true");
      controller.send(spawn, { type: "stop", key: { ...spawn.key, attempt: 9 }, graceMs: 0 });
      controller.send({ type: "stop", key: spawn.key, graceMs: 0 });
      const ended = await controller.ended(spawn.key);
      expect(ended).toMatchObject({ outcome: withdrawn, start: null });
    });

    it("reaches stopped processes", async () => {
      const job = shared.job(controller, 1000);
      const spawn = shared.spawn(job, "kill -STOP $$; sleep 1000");
      controller.send(spawn);
      const { pid } = await controller.started(spawn.key);
      await eventually("the stop", () => readFileSync(`/proc/${pid}/stat`, "latin1").includes(") T "));
      controller.send({ type: "stop", key: spawn.key, graceMs: 15_000 });
      expect((await controller.ended(spawn.key)).outcome).toEqual(signalled(SIGTERM));
    });

    it("leaves no descendant: forked, in a session of its own, daemonised, without environment", async () => {
      const job = shared.job(controller, 1000);
      const pids = shared.path("descendants");
      const command = `${DAEMONISE} sleep 1000 & echo $! >> "$PIDS"; setsid sleep 1000 & echo $! >> "$PIDS";
        env -i setsid sleep 1000 & echo $! >> "$PIDS"; echo $$ >> "$PIDS"; wait`;
      const spawn = shared.spawn(job, command, { env: [`PIDS=${pids}`] });
      controller.send(spawn);
      const found = await pidsIn(pids, 5);
      expect(found.every(isAlive)).toBe(true);
      controller.send({ type: "stop", key: spawn.key, graceMs: 15_000 });
      const ended = await controller.ended(spawn.key);
      expect(found.filter(isAlive)).toEqual([]);
      expect(ended).toMatchObject({ outcome: signalled(SIGTERM), survivors: 0 });
    });

    it("kills descendants that ignore SIGTERM, and those they start meanwhile", async () => {
      const job = shared.job(controller, 1000);
      const pids = shared.path("stubborn");
      const stubborn = `trap "" TERM; echo $$ >> "$PIDS"; while :; do sleep 0.005; done`;
      const command = `(setsid sh -c '${stubborn}' &); ${stubborn}`;
      const spawn = shared.spawn(job, command, { env: [`PIDS=${pids}`] });
      controller.send(spawn);
      const found = await pidsIn(pids, 2);
      controller.send({ type: "stop", key: spawn.key, graceMs: 50 });
      expect((await controller.ended(spawn.key)).outcome).toEqual(signalled(SIGKILL));
      expect(found.filter(isAlive)).toEqual([]);
    });

    it("gives the other processes of the group their grace when the first has gone", async () => {
      const job = shared.job(controller, 1000);
      const out = shared.path("late");
      const inner = `trap 'sleep 0.05; echo saved >> ${out}; exit' TERM; echo ready >> ${out}; while :; do sleep 0.01; done`;
      const spawn = shared.spawn(job, `sh -c "${inner}" & wait`);
      controller.send(spawn);
      await eventually("the trap", () => existsSync(out));
      controller.send({ type: "stop", key: spawn.key, graceMs: 15_000 });
      expect((await controller.ended(spawn.key)).outcome).toEqual(signalled(SIGTERM));
      expect(readFileSync(out, "utf8")).toBe("ready\nsaved\n");
    });
  });

  describe("what an attempt leaves behind", () => {
    it("is killed with its group at its end", async () => {
      const job = shared.job(controller, 1000);
      const pids = shared.path("leftovers");
      const command = `sleep 1000 & echo $! >> "$PIDS"; (trap "" TERM HUP; echo ready; exec sleep 1000) & echo $! >> "$PIDS"; exit 4`;
      const { ended } = await shared.run(controller, job, command, { env: [`PIDS=${pids}`] });
      expect(ended.outcome).toEqual(exited(4));
      expect((await pidsIn(pids, 2)).filter(isAlive)).toEqual([]);
    });

    it("is ended by closeJob where it has left the group, and nothing else is", async () => {
      const job = shared.job(controller, 1000);
      const other = shared.job(controller, 1000);
      const pids = shared.path("daemons");
      const bystander = shared.spawn(other, "sleep 1000");
      controller.send(bystander);
      const { pid } = await controller.started(bystander.key);
      await shared.run(controller, job, `${DAEMONISE} true`, { env: [`PIDS=${pids}`] });
      const [daemon] = await pidsIn(pids, 1);
      expect(isAlive(daemon ?? 0)).toBe(true);
      controller.send({ type: "closeJob", job, graceMs: 15_000, mark: shared.mark(job) });
      const closed = await controller.jobClosed(job);
      expect(closed).toMatchObject({ ended: 1, survivors: 0 });
      expect(isAlive(daemon ?? 0)).toBe(false);
      expect(isAlive(pid)).toBe(true);
      controller.send({ type: "stop", key: bystander.key, graceMs: 0 });
      await controller.ended(bystander.key);
    });

    it("closeJob withdraws what waits and stops what runs", async () => {
      const job = shared.job(controller, 1000);
      const running = shared.spawn(job, "sleep 1000");
      const waiting = shared.spawn(job, "true");
      controller.send(running, waiting);
      await controller.started(running.key);
      const late = shared.spawn(job, "true");
      controller.send({ type: "closeJob", job, graceMs: 15_000, mark: shared.mark(job) }, late);
      await controller.jobClosed(job);
      expect((await controller.ended(running.key)).outcome).toEqual(signalled(SIGTERM));
      expect((await controller.ended(waiting.key)).outcome).toEqual(withdrawn);
      expect((await controller.ended(late.key)).outcome).toEqual(withdrawn);
      const facts = controller.facts.map((fact) => fact.type === "jobClosed" && fact.job === job);
      const end = controller.facts.findIndex(
        (fact) => fact.type === "ended" && sameKey(fact.key, running.key),
      );
      expect(end).toBeLessThan(facts.indexOf(true));
    });

    it("closes many jobs at once, unknown ones and repeated requests too", async () => {
      const jobs = Array.from({ length: 50 }, () => shared.job(controller, 1000));
      const beginMs = performance.now();
      for (const job of [...jobs, ...jobs]) {
        controller.send({ type: "closeJob", job, graceMs: 1000, mark: shared.mark(job) });
      }
      for (const job of jobs)
        expect(await controller.jobClosed(job)).toMatchObject({ ended: 0, survivors: 0 });
      expect(performance.now() - beginMs).toBeLessThan(5000);
    });
  });

  describe("controllers", () => {
    it("an end is held until it is acknowledged, through any number of them", () =>
      alone({}, async (fixture, first) => {
        const job = fixture.job(first, 1000);
        const { spawn, ended } = await fixture.run(first, job, "exit 5");
        first.client.close();
        const second = await fixture.open();
        await second.until("the list", () => second.of("listed").length > 0);
        expect(second.of("ended")).toEqual([ended]);
        second.send({ type: "acknowledge", key: spawn.key }, { type: "acknowledge", key: spawn.key });
        second.send({ type: "setCap", job, serial: 1, cpusMilli: 0 });
        await second.capSet(job, 1);
        second.client.close();
        const third = await fixture.open();
        await third.until("the list", () => third.of("listed").length > 0);
        expect(third.facts.map(({ type }) => type)).toEqual(["listed"]);
      }));

    it("the next one gets a list of all, takes over, and the earlier one is told", () =>
      alone({}, async (fixture, first) => {
        const job = fixture.job(first, 1000);
        const done = await fixture.run(first, job, "true");
        const running = fixture.spawn(job, "sleep 1000");
        const waiting = fixture.spawn(job, "echo late");
        first.send(running, waiting);
        const started = await first.started(running.key);
        const second = await fixture.open();
        await second.until("the list", () => second.of("listed").length > 0);
        expect(second.facts).toEqual([
          done.ended,
          started,
          { type: "queued", key: waiting.key },
          { type: "listed" },
        ]);
        expect(await first.closed()).toMatch(/another controller/);
        second.send({ type: "stop", key: running.key, graceMs: 5000 });
        expect((await second.ended(running.key)).outcome).toEqual(signalled(SIGTERM));
        expect((await second.ended(waiting.key)).outcome).toEqual(exited(0));
      }));

    it("the queue goes on without any", () =>
      alone({}, async (fixture, first) => {
        const job = fixture.job(first, 1000);
        const spawns = Array.from({ length: 20 }, () => fixture.spawn(job, "true"));
        first.send(...spawns);
        await first.started((spawns[0] ?? fixture.spawn(job, "")).key);
        first.client.close();
        let held = 0;
        while (held < 20) held = (await probeForkserver(fixture.target.socketPath))?.report.heldAttempts ?? 0;
        const second = await fixture.open();
        for (const { key } of spawns) expect((await second.ended(key)).outcome).toEqual(exited(0));
      }));

    it("a report may be had beside the controller", async () => {
      const job = shared.job(controller, 1500);
      const running = shared.spawn(job, "sleep 1000", { cpusMilli: 1500 });
      const before = (await probeForkserver(shared.target.socketPath))?.report.queuedAttempts ?? 0;
      controller.send(running, shared.spawn(job, "true"));
      await controller.started(running.key);
      const probe = await probeForkserver(shared.target.socketPath);
      expect(probe).toMatchObject({ pid: controller.client.pid, flavour });
      expect(probe?.report).toMatchObject({
        runningAttempts: 1,
        runningCpusMilli: 1500,
        queuedAttempts: before + 1,
      });
      controller.send({ type: "closeJob", job, graceMs: 0, mark: shared.mark(job) });
      await controller.jobClosed(job);
      expect(controller.closedBecause).toBeNull();
    });

    it("leave is heeded only when nothing is left to tell", () =>
      alone({}, async (fixture, first) => {
        const job = fixture.job(first, 1000);
        const { spawn } = await fixture.run(first, job, "true");
        first.send({ type: "leave" }, { type: "setCap", job, serial: 1, cpusMilli: 0 });
        await first.capSet(job, 1);
        first.send({ type: "acknowledge", key: spawn.key }, { type: "leave" });
        await first.closed();
        await eventually("its end", () => !isAlive(first.client.pid));
        expect(existsSync(fixture.target.socketPath)).toBe(false);
      }));
  });

  describe("a connection that", () => {
    /** Sends bytes; resolves with all that came back when the forkserver has closed. */
    const refusalOf = (bytes: Buffer) =>
      new Promise<string>((resolve) => {
        const socket = createConnection({ path: shared.target.socketPath });
        let answer = "";
        socket.on("data", (chunk) => {
          answer += chunk.toString("latin1");
        });
        socket.on("error", () => {});
        socket.on("close", () => resolve(answer));
        socket.write(bytes);
      });
    const hello = encodeCommands([{ type: "hello", version: 1, control: false }]).bytes;
    const frame = (...payload: number[]) => Buffer.from([payload.length, 0, 0, 0, ...payload]);

    it.each<[string, Buffer, RegExp]>([
      ["sends garbage", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), /a frame of \d+ bytes/],
      ["announces too large a frame", Buffer.from([0, 0, 0x41, 0]), /a frame of \d+ bytes/],
      ["sends an empty frame", Buffer.from([0, 0, 0, 0]), /a frame of 0 bytes/],
      [
        "speaks another version",
        encodeCommands([{ type: "hello", version: 7, control: true }]).bytes,
        /version 1/,
      ],
      ["does not say hello", encodeCommands([{ type: "report" }]).bytes, /has to be a hello/],
      ["sends an unknown type", Buffer.concat([hello, frame(77)]), /type 77/],
      ["sends a fact", Buffer.concat([hello, frame(133)]), /type 133/],
      ["sends too short a payload", Buffer.concat([hello, frame(1, 1)]), /type 1/],
      ["sends too long a payload", Buffer.concat([hello, frame(8, 0)]), /type 8/],
      [
        "commands without control",
        Buffer.concat([hello, encodeCommands([{ type: "leave" }]).bytes]),
        /controller/,
      ],
    ])("%s is refused", async (_, bytes, reason) => {
      expect(await refusalOf(bytes)).toMatch(reason);
      expect(controller.closedBecause).toBeNull();
    });

    it("has control and sends texts or lists that cannot be is refused, and the forkserver goes on", () =>
      alone({}, async (fixture) => {
        const key = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0];
        const spawn = [3, ...key, 232, 3, 0, 0];
        const payloads = [
          [...spawn, 0xff, 0xff, 0xff, 0xff],
          [...spawn, 0, 0, 0, 0],
          [...spawn, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f],
          [...spawn, 1, 0, 0, 0, 2, 0, 0, 0, 65, 0],
          [2, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
          [7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ];
        for (const payload of payloads) {
          const socket = createConnection({ path: fixture.target.socketPath });
          const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
          socket.on("error", () => {}).resume();
          socket.write(encodeCommands([{ type: "hello", version: 1, control: true }]).bytes);
          socket.write(frame(...payload));
          await closed;
        }
        const again = await fixture.open();
        const job = fixture.job(again, 1000);
        expect((await fixture.run(again, job, "true")).ended.outcome).toEqual(exited(0));
      }));

    it("vanishes while it is told something does no harm", () =>
      alone({}, async (fixture, first) => {
        const job = fixture.job(first, 4000);
        first.send(...Array.from({ length: 200 }, () => fixture.spawn(job, ["true"])));
        first.client.close();
        for (let round = 0; round < 5; round++) {
          const socket = createConnection({ path: fixture.target.socketPath });
          await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
          socket.write(encodeCommands([{ type: "hello", version: 1, control: true }]).bytes);
          socket.destroy();
        }
        const last = await fixture.open();
        await last.until("all ends", () => last.of("ended").length === 200);
        expect(last.client.pid).toBe(first.client.pid);
      }));
  });

  describe("its life", () => {
    it("a socket is served by one; another one is refused", async () => {
      await expect(startForkserver(shared.target)).rejects.toThrow(/already served/);
      expect(
        await connectForkserver(shared.target.socketPath, false).then(
          (client) => (client.close(), client.pid),
        ),
      ).toBe(controller.client.pid);
      expect(statSync(shared.target.socketPath).mode & 0o777).toBe(0o600);
    });

    it("nobody is there: no connection, and a start that fails says why", async () => {
      expect(await connectExisting(shared.path("nobody.sock"))).toBeNull();
      expect(await probeForkserver(shared.path("nobody.sock"))).toBeNull();
      const target = { ...shared.target, socketPath: shared.path("no/such/folder.sock") };
      await expect(startForkserver(target)).rejects.toThrow(/folder\.sock/);
    });

    it("killed, it leaves a socket that the next one takes, and what it left can be swept", () =>
      alone({ logPath: "/dev/full" }, async (fixture, first) => {
        const job = fixture.job(first, 1000);
        const pids = fixture.path("swept");
        const command = `${DAEMONISE} echo $$ >> "$PIDS"; exec sleep 1000`;
        const spawn = fixture.spawn(job, command, { env: [`PIDS=${pids}`] });
        first.send(spawn);
        const found = await pidsIn(pids, 2);
        const { pid } = await first.started(spawn.key);
        process.kill(first.client.pid, "SIGKILL");
        await first.closed();
        if (flavour === "c") await eventually("the end of its child", () => !isAlive(pid));
        const swept = await sweepMarked(fixture.mark(job), 5000);
        expect(swept).toEqual({ ended: flavour === "c" ? 1 : 2, survivors: 0 });
        expect(found.filter(isAlive)).toEqual([]);
        const second = await fixture.open();
        expect(second.client.pid).not.toBe(first.client.pid);
        await second.until("the list", () => second.of("listed").length > 0);
      }));

    it("SIGTERM stops its attempts and ends it", () =>
      alone({}, async (fixture, first) => {
        const job = fixture.job(first, 1000);
        const running = fixture.spawn(job, "sleep 1000");
        const waiting = fixture.spawn(job, "true");
        first.send(running, waiting);
        await first.started(running.key);
        process.kill(first.client.pid, "SIGTERM");
        expect((await first.ended(running.key)).outcome).toEqual(signalled(SIGTERM));
        expect((await first.ended(waiting.key)).outcome).toEqual(withdrawn);
        await first.closed();
        await eventually("its end", () => !isAlive(first.client.pid));
        expect(existsSync(fixture.target.socketPath)).toBe(false);
      }));

    it("alone with nothing to do it leaves", () =>
      alone({ idleSeconds: 1 }, async (fixture, first) => {
        first.client.close();
        await eventually("its end", () => !isAlive(first.client.pid));
        expect(existsSync(fixture.target.socketPath)).toBe(false);
      }));

    it("alone for too long it stops its attempts and leaves", () =>
      alone({ idleSeconds: 1, aloneSeconds: 0 }, async (fixture, first) => {
        const job = fixture.job(first, 1000);
        const spawn = fixture.spawn(job, "sleep 1000");
        first.send(spawn);
        const { pid } = await first.started(spawn.key);
        first.client.close();
        await eventually("the end of both", () => !isAlive(first.client.pid) && !isAlive(pid));
      }));
  });

  it.runIf(flavour === "c")("frees the middle of output beyond its bound, where the file system can", () =>
    alone({ outputBytesMax: 65_536 }, async (fixture, first) => {
      const job = fixture.job(first, 1000);
      const block = 4096;
      const command = "i=0; while [ $i -lt 64 ]; do head -c 16384 /dev/zero | tr '\\0' a; i=$((i+1)); done";
      const { spawn } = await fixture.run(first, job, command);
      const { size, blocks } = statSync(spawn.stdoutPath);
      expect(size).toBe(64 * 16_384);
      const bytes = readFileSync(spawn.stdoutPath);
      expect(bytes.subarray(0, 32_768).every((byte) => byte === 97)).toBe(true);
      expect(bytes.subarray(-32_768).every((byte) => byte === 97)).toBe(true);
      const canPunch = bytes.subarray(65_536, 65_536 + block).every((byte) => byte === 0);
      if (canPunch) expect(blocks * 512).toBeLessThanOrEqual(65_536 + 4 * block);
    }),
  );
}
