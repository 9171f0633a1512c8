import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { expect, it } from "vitest";
import { signalled, stopped, withdrawn } from "./controller.ts";
import { describeForkservers } from "./flavours.ts";
import { DAEMONISE, LOSE_PARENT_AND_GROUP, eventually, isAlive, pidsIn } from "./lookups.ts";

const { SIGKILL, SIGTERM } = constants.signals;

describeForkservers("stop", (given) => {
  it("asks politely", async () => {
    const job = given.shared.job(given.controller, 1000);
    const command = "trap 'echo cleaned; exit 3' TERM; echo ready; while :; do sleep 0.01; done";
    const spawn = given.shared.spawn(job, command);
    given.controller.send(spawn);
    await eventually(
      "the trap",
      () => existsSync(spawn.stdoutPath) && readFileSync(spawn.stdoutPath, "utf8") !== "",
    );
    given.controller.send({ type: "stop", key: spawn.key, graceMs: 15_000 });
    expect((await given.controller.ended(spawn.key)).outcome).toEqual(stopped(3));
    expect(readFileSync(spawn.stdoutPath, "utf8")).toBe("ready\ncleaned\n");
  });

  it("insists after the grace; a second stop shortens it", async () => {
    const job = given.shared.job(given.controller, 2000);
    const command = "trap '' TERM; echo ready; while :; do sleep 0.01; done";
    const spawns = [given.shared.spawn(job, command), given.shared.spawn(job, command)] as const;
    given.controller.send(...spawns);
    for (const { stdoutPath } of spawns) {
      await eventually("the trap", () => existsSync(stdoutPath) && readFileSync(stdoutPath, "utf8") !== "");
    }
    const [short, long] = spawns;
    const beginMs = performance.now();
    given.controller.send(
      { type: "stop", key: short.key, graceMs: 150 },
      { type: "stop", key: long.key, graceMs: 3_600_000 },
    );
    expect((await given.controller.ended(short.key)).outcome).toEqual(signalled(SIGKILL));
    expect(performance.now() - beginMs).toBeGreaterThan(140);
    given.controller.send({ type: "stop", key: long.key, graceMs: 0 });
    expect((await given.controller.ended(long.key)).outcome).toEqual(signalled(SIGKILL));
  });

  it("withdraws what has not started, and ignores what it does not know", async () => {
    const job = given.shared.job(given.controller, 0);
    const spawn = given.shared.spawn(job, "true");
    given.controller.send(spawn, { type: "stop", key: { ...spawn.key, attempt: 9 }, graceMs: 0 });
    given.controller.send({ type: "stop", key: spawn.key, graceMs: 0 });
    const ended = await given.controller.ended(spawn.key);
    expect(ended).toMatchObject({ outcome: withdrawn, start: null });
  });

  it("reaches stopped processes", async () => {
    const job = given.shared.job(given.controller, 1000);
    const spawn = given.shared.spawn(job, "kill -STOP $$; sleep 1000");
    given.controller.send(spawn);
    const { pid } = await given.controller.started(spawn.key);
    await eventually("the stop", () => readFileSync(`/proc/${pid}/stat`, "latin1").includes(") T "));
    given.controller.send({ type: "stop", key: spawn.key, graceMs: 15_000 });
    expect((await given.controller.ended(spawn.key)).outcome).toEqual(signalled(SIGTERM));
  });

  it("leaves no descendant: forked, in a session of its own, daemonised, without environment", async () => {
    const job = given.shared.job(given.controller, 1000);
    const pids = given.shared.path("descendants");
    const command = `${DAEMONISE} sleep 1000 & echo $! >> "$PIDS"; setsid sleep 1000 & echo $! >> "$PIDS";
      env -i setsid sleep 1000 & echo $! >> "$PIDS"; ${LOSE_PARENT_AND_GROUP} echo $$ >> "$PIDS"; wait`;
    const spawn = given.shared.spawn(job, command, { env: [`PIDS=${pids}`] });
    given.controller.send(spawn);
    const found = await pidsIn(pids, 6);
    expect(found.every(isAlive)).toBe(true);
    given.controller.send({ type: "stop", key: spawn.key, graceMs: 15_000 });
    const ended = await given.controller.ended(spawn.key);
    expect(found.filter(isAlive)).toEqual([]);
    expect(ended).toMatchObject({ outcome: signalled(SIGTERM), survivors: 0 });
  });

  it("kills descendants that ignore SIGTERM, and those they start meanwhile", async () => {
    const job = given.shared.job(given.controller, 1000);
    const pids = given.shared.path("stubborn");
    const stubborn = `trap "" TERM; echo $$ >> "$PIDS"; while :; do sleep 0.005; done`;
    const command = `(setsid sh -c '${stubborn}' &); ${stubborn}`;
    const spawn = given.shared.spawn(job, command, { env: [`PIDS=${pids}`] });
    given.controller.send(spawn);
    const found = await pidsIn(pids, 2);
    given.controller.send({ type: "stop", key: spawn.key, graceMs: 50 });
    expect((await given.controller.ended(spawn.key)).outcome).toEqual(signalled(SIGKILL));
    expect(found.filter(isAlive)).toEqual([]);
  });

  it("gives the other processes of the group their grace when the first has gone", async () => {
    const job = given.shared.job(given.controller, 1000);
    const out = given.shared.path("late");
    const inner = `trap 'sleep 0.05; echo saved >> ${out}; exit' TERM; echo ready >> ${out}; while :; do sleep 0.01; done`;
    const spawn = given.shared.spawn(job, `sh -c "${inner}" & wait`);
    given.controller.send(spawn);
    await eventually("the trap", () => existsSync(out));
    given.controller.send({ type: "stop", key: spawn.key, graceMs: 15_000 });
    expect((await given.controller.ended(spawn.key)).outcome).toEqual(signalled(SIGTERM));
    expect(readFileSync(out, "utf8")).toBe("ready\nsaved\n");
  });
});
