import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import type { ForkserverSpawn } from "../../../protocol/forkserverLink.ts";
import { taskIndex } from "../../../protocol/ids.ts";
import { type Controller, exited, sameKey, signalled, stopped, withdrawn } from "./controller.ts";
import { describeForkservers } from "./flavours.ts";
import { eventually } from "./lookups.ts";

const behind = ({ key }: ForkserverSpawn): { readonly after: ForkserverSpawn["after"] } => ({
  after: { task: key.task, attempt: key.attempt },
});

/** Places of the facts of one attempt among all that was said. */
const placeOf = (controller: Controller, type: "started" | "ended", { key }: ForkserverSpawn): number =>
  controller.facts.findIndex((fact) => fact.type === type && sameKey(fact.key, key));

describeForkservers("an attempt that follows another", (given) => {
  it("starts when that has succeeded, in its place, before what waits in the queue", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const first = shared.spawn(job, "sleep 0.05");
    const other = shared.spawn(job, "true");
    const second = shared.spawn(job, "true", behind(first));
    const third = shared.spawn(job, "true", behind(second));
    controller.send(first, other, second, third);
    for (const spawn of [first, second, third, other]) {
      expect((await controller.ended(spawn.key)).outcome).toEqual(exited(0));
    }
    const starts = controller.of("started").filter(({ key }) => key.job === job);
    expect(starts.map(({ key }) => key.task)).toEqual(
      [first, second, third, other].map(({ key }) => key.task),
    );
    expect(placeOf(controller, "ended", first)).toBeLessThan(placeOf(controller, "started", second));
  });

  it.each([
    ["has failed", "exit 3", exited(3)],
    ["was killed", "kill -9 $$", signalled(9)],
  ] as const)("is withdrawn when that %s, and this is said first", async (_, command, outcome) => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const first = shared.spawn(job, command);
    const second = shared.spawn(job, "true", behind(first));
    const third = shared.spawn(job, "true", behind(second));
    controller.send(first, second, third);
    expect((await controller.ended(first.key)).outcome).toEqual(outcome);
    expect((await controller.ended(second.key)).outcome).toEqual(withdrawn);
    expect((await controller.ended(third.key)).outcome).toEqual(withdrawn);
    const [end, ...withdrawals] = [first, third, second].map((spawn) => placeOf(controller, "ended", spawn));
    expect(Math.max(...withdrawals)).toBeLessThan(end ?? 0);
  });

  it("is withdrawn when that could not be started", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const first = shared.spawn(job, ["/no/such/program"]);
    const second = shared.spawn(job, "true", behind(first));
    controller.send(first, second);
    expect((await controller.ended(first.key)).outcome.type).toBe("notStarted");
    expect((await controller.ended(second.key)).outcome).toEqual(withdrawn);
  });

  it("is withdrawn when that exits with 0 after it was told to stop", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const ready = shared.path("ready");
    const script = `trap 'exit 0' TERM; : > ${ready}; while :; do sleep 0.01; done`;
    const first = shared.spawn(job, script);
    const second = shared.spawn(job, "true", behind(first));
    controller.send(first, second);
    await eventually("the trap", () => existsSync(ready));
    controller.send({ type: "stop", key: first.key, graceMs: 5000 });
    expect((await controller.ended(first.key)).outcome).toEqual(stopped(0));
    expect((await controller.ended(second.key)).outcome).toEqual(withdrawn);
  });

  it("goes into the queue at once when that has succeeded before, and is withdrawn when it has not, or is unknown", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const [good, bad] = [shared.spawn(job, "true"), shared.spawn(job, "false")];
    controller.send(good, bad);
    await controller.ended(good.key);
    await controller.ended(bad.key);
    const afterGood = shared.spawn(job, "true", behind(good));
    const afterBad = shared.spawn(job, "true", behind(bad));
    const afterNobody = shared.spawn(job, "true", { after: { task: taskIndex(999_999), attempt: 1 } });
    controller.send(afterGood, afterBad, afterNobody);
    expect((await controller.ended(afterGood.key)).outcome).toEqual(exited(0));
    expect((await controller.ended(afterBad.key)).outcome).toEqual(withdrawn);
    expect((await controller.ended(afterNobody.key)).outcome).toEqual(withdrawn);
  });

  it("is withdrawn where that has a follower already, and itself by a stop, after which another may follow", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const first = shared.spawn(job, "sleep 1000");
    const second = shared.spawn(job, "true", behind(first));
    const late = shared.spawn(job, "true", behind(first));
    controller.send(first, second, late);
    expect((await controller.ended(late.key)).outcome).toEqual(withdrawn);
    controller.send({ type: "report" });
    const report = await controller.until("a report", () => controller.of("report").at(-1));
    expect(report).toMatchObject({ runningAttempts: 1, queuedAttempts: 1 });
    controller.send({ type: "stop", key: second.key, graceMs: 5000 });
    expect((await controller.ended(second.key)).outcome).toEqual(withdrawn);
    const third = shared.spawn(job, "true", behind(first));
    controller.send(third, { type: "closeJob", job, graceMs: 0, mark: shared.mark(job) });
    expect((await controller.ended(third.key)).outcome).toEqual(withdrawn);
    expect((await controller.ended(first.key)).outcome.type).toBe("signalled");
  });

  it("waits as the first of the queue where the cap has shrunk", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const first = shared.spawn(job, "sleep 0.05");
    const other = shared.spawn(job, "true");
    const second = shared.spawn(job, "true", behind(first));
    controller.send(first, other, second);
    await controller.started(first.key);
    controller.send({ type: "setCap", job, serial: 1, cpusMilli: 0 });
    await controller.ended(first.key);
    controller.send({ type: "setCap", job, serial: 2, cpusMilli: 1000 });
    await controller.ended(other.key);
    expect(placeOf(controller, "ended", second)).toBeLessThan(placeOf(controller, "started", other));
  });
});
