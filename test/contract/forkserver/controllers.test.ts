import { existsSync } from "node:fs";
import { constants } from "node:os";
import { expect, it } from "vitest";
import { probeForkserver } from "../../../executor/forkserver/client.ts";
import { exited, signalled } from "./controller.ts";
import { alone, describeForkservers } from "./flavours.ts";
import { eventually, isAlive } from "./lookups.ts";

const { SIGTERM } = constants.signals;

describeForkservers("controllers", (given, flavour) => {
  it("an end is held until it is acknowledged, through any number of them", () =>
    alone(flavour, {}, async (fixture, first) => {
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
    alone(flavour, {}, async (fixture, first) => {
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
    alone(flavour, {}, async (fixture, first) => {
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
    const job = given.shared.job(given.controller, 1500);
    const running = given.shared.spawn(job, "sleep 1000", { cpusMilli: 1500 });
    const before = (await probeForkserver(given.shared.target.socketPath))?.report.queuedAttempts ?? 0;
    given.controller.send(running, given.shared.spawn(job, "true"));
    await given.controller.started(running.key);
    const probe = await probeForkserver(given.shared.target.socketPath);
    expect(probe).toMatchObject({ pid: given.controller.client.pid, flavour });
    expect(probe?.report).toMatchObject({
      runningAttempts: 1,
      runningCpusMilli: 1500,
      queuedAttempts: before + 1,
    });
    given.controller.send({ type: "closeJob", job, graceMs: 0, mark: given.shared.mark(job) });
    await given.controller.jobClosed(job);
    expect(given.controller.closedBecause).toBeNull();
  });

  it("leave is heeded only when nothing is left to tell", () =>
    alone(flavour, {}, async (fixture, first) => {
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
