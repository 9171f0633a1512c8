import { expect, it } from "vitest";
import { exited, sameKey } from "./controller.ts";
import { describeForkservers } from "./flavours.ts";

describeForkservers("the queue", (given) => {
  it("starts first in, first out, and never exceeds the cap", async () => {
    const job = given.shared.job(given.controller, 2500);
    const spawns = Array.from({ length: 60 }, (_, index) =>
      given.shared.spawn(job, index % 7 === 0 ? "sleep 0.02" : "true", {
        cpusMilli: [1000, 500, 2500][index % 3] ?? 1000,
      }),
    );
    given.controller.send(...spawns);
    for (const spawn of spawns) await given.controller.ended(spawn.key);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    for (const fact of given.controller.facts) {
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
    const job = given.shared.job(given.controller, 2000);
    const long = given.shared.spawn(job, "sleep 1000");
    const wide = given.shared.spawn(job, "true", { cpusMilli: 2000 });
    const small = given.shared.spawn(job, "true");
    given.controller.send(long, wide, small);
    await given.controller.started(long.key);
    given.controller.send({ type: "setCap", job, serial: 1, cpusMilli: 2000 });
    expect((await given.controller.capSet(job, 1)).runningCpusMilli).toBe(1000);
    given.controller.send({ type: "stop", key: long.key, graceMs: 5000 });
    await given.controller.ended(small.key);
    const order = given.controller.of("started").map(({ key }) => key.task);
    expect(order.indexOf(wide.key.task)).toBeLessThan(order.indexOf(small.key.task));
  });

  it("starts nothing under a cap of 0, or what is larger than the cap, until it is raised", async () => {
    const job = given.shared.job(given.controller, 0);
    const spawn = given.shared.spawn(job, "true", { cpusMilli: 3000 });
    given.controller.send(spawn, { type: "setCap", job, serial: 1, cpusMilli: 2999 });
    expect((await given.controller.capSet(job, 1)).runningCpusMilli).toBe(0);
    given.controller.send({ type: "report" });
    const report = await given.controller.until("a report", () => given.controller.of("report").at(-1));
    expect(report.queuedAttempts).toBe(1);
    given.controller.send({ type: "setCap", job, serial: 2, cpusMilli: 3000 });
    expect((await given.controller.ended(spawn.key)).outcome).toEqual(exited(0));
  });

  it("answers a lowered cap with what still runs", async () => {
    const job = given.shared.job(given.controller, 3000);
    const spawns = [1, 2, 3].map(() => given.shared.spawn(job, "sleep 1000"));
    given.controller.send(...spawns);
    for (const { key } of spawns) await given.controller.started(key);
    const next = given.shared.spawn(job, "true");
    given.controller.send({ type: "setCap", job, serial: 1, cpusMilli: 1000 }, next);
    expect((await given.controller.capSet(job, 1)).runningCpusMilli).toBe(3000);
    for (const { key } of spawns) given.controller.send({ type: "stop", key, graceMs: 5000 });
    await given.controller.ended(next.key);
    const facts = given.controller.facts;
    const startOfNext = facts.findIndex((fact) => fact.type === "started" && sameKey(fact.key, next.key));
    const endsBefore = facts.slice(0, startOfNext).filter((fact) => {
      return fact.type === "ended" && spawns.some(({ key }) => sameKey(key, fact.key));
    });
    expect(endsBefore).toHaveLength(3);
  });
});
