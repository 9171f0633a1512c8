import { existsSync, statSync } from "node:fs";
import { constants } from "node:os";
import { expect, it } from "vitest";
import { connectExisting, probeForkserver } from "../../../executor/forkserver/client.ts";
import { connectForkserver } from "../../../executor/forkserver/connection.ts";
import { startForkserver } from "../../../executor/forkserver/start.ts";
import { sweepMarked } from "../../../executor/forkserver/sweep.ts";
import { exited, signalled, withdrawn } from "./controller.ts";
import { alone, describeForkservers } from "./flavours.ts";
import { DAEMONISE, eventually, isAlive, pidsIn } from "./lookups.ts";

const { SIGTERM } = constants.signals;

describeForkservers("its life", (given, flavour) => {
  it("a socket is served by one; another one is refused", async () => {
    for (const other of ["auto", "typescript"] as const) {
      const target = { ...given.shared.target, flavour: other };
      await expect(startForkserver(target)).rejects.toThrow(/already served/);
    }
    expect(
      await connectForkserver(given.shared.target.socketPath, false).then(
        (client) => (client.close(), client.pid),
      ),
    ).toBe(given.controller.client.pid);
    expect(statSync(given.shared.target.socketPath).mode & 0o777).toBe(0o600);
  });

  it("nobody is there: no connection, and a start that fails says why", async () => {
    expect(await connectExisting(given.shared.path("nobody.sock"))).toBeNull();
    expect(await probeForkserver(given.shared.path("nobody.sock"))).toBeNull();
    const target = { ...given.shared.target, socketPath: given.shared.path("no/such/folder.sock") };
    await expect(startForkserver(target)).rejects.toThrow(/folder\.sock/);
  });

  it("killed, it leaves a socket that the next one takes, and what it left can be swept", () =>
    alone(flavour, { logPath: "/dev/full" }, async (fixture, first) => {
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
    alone(flavour, {}, async (fixture, first) => {
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

  it("asked to leave while it closes a job it does so afterwards, unless there is more to do", () =>
    alone(flavour, { idleSeconds: 3600 }, async (fixture, first) => {
      const [job, other] = [fixture.job(first, 1000), fixture.job(first, 1000)];
      const close = (id: typeof job) =>
        ({ type: "closeJob", job: id, graceMs: 0, mark: fixture.mark(id) }) as const;
      const { ended } = await fixture.run(first, job, "true");
      const more = { type: "setCap", job: other, serial: 1, cpusMilli: 1000 } as const;
      first.send({ type: "acknowledge", key: ended.key }, close(job), { type: "leave" }, more);
      await first.jobClosed(job);
      const { ended: last } = await fixture.run(first, other, "true");
      expect(last.outcome).toEqual(exited(0));
      first.send({ type: "acknowledge", key: last.key }, close(other), { type: "leave" });
      await first.closed();
      expect(first.of("jobClosed").map((fact) => fact.job)).toContain(other);
      await eventually("its end", () => !isAlive(first.client.pid));
    }));

  it("alone with nothing to do it leaves", () =>
    alone(flavour, { idleSeconds: 1 }, async (fixture, first) => {
      first.client.close();
      await eventually("its end", () => !isAlive(first.client.pid));
      expect(existsSync(fixture.target.socketPath)).toBe(false);
    }));

  it("alone for too long it stops its attempts and leaves", () =>
    alone(flavour, { idleSeconds: 1, aloneSeconds: 0 }, async (fixture, first) => {
      const job = fixture.job(first, 1000);
      const spawn = fixture.spawn(job, "sleep 1000");
      first.send(spawn);
      const { pid } = await first.started(spawn.key);
      first.client.close();
      await eventually("the end of both", () => !isAlive(first.client.pid) && !isAlive(pid));
      expect(existsSync(fixture.target.socketPath)).toBe(false);
    }));
});
