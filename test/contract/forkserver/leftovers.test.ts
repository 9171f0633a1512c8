import { constants } from "node:os";
import { expect, it } from "vitest";
import { exited, sameKey, signalled, withdrawn } from "./controller.ts";
import { describeForkservers } from "./flavours.ts";
import { DAEMONISE, eventually, isAlive, pidsIn, readTextIfAny } from "./lookups.ts";

const { SIGTERM } = constants.signals;

describeForkservers("what an attempt leaves behind", (given) => {
  it("is killed with its group at its end", async () => {
    const job = given.shared.job(given.controller, 1000);
    const pids = given.shared.path("leftovers");
    const command = `sleep 1000 & echo $! >> "$PIDS"; (trap "" TERM HUP; echo ready; exec sleep 1000) & echo $! >> "$PIDS"; exit 4`;
    const { ended } = await given.shared.run(given.controller, job, command, { env: [`PIDS=${pids}`] });
    expect(ended.outcome).toEqual(exited(4));
    expect((await pidsIn(pids, 2)).filter(isAlive)).toEqual([]);
  });

  it("is ended by closeJob where it has left the group, and nothing else is", async () => {
    const job = given.shared.job(given.controller, 1000);
    const other = given.shared.job(given.controller, 1000);
    const pids = given.shared.path("daemons");
    const bystander = given.shared.spawn(other, "sleep 1000");
    given.controller.send(bystander);
    const { pid } = await given.controller.started(bystander.key);
    await given.shared.run(given.controller, job, `${DAEMONISE} true`, { env: [`PIDS=${pids}`] });
    const [daemon] = await pidsIn(pids, 1);
    expect(isAlive(daemon ?? 0)).toBe(true);
    given.controller.send({ type: "closeJob", job, graceMs: 15_000, mark: given.shared.mark(job) });
    const closed = await given.controller.jobClosed(job);
    expect(closed).toMatchObject({ ended: 1, survivors: 0 });
    expect(isAlive(daemon ?? 0)).toBe(false);
    expect(isAlive(pid)).toBe(true);
    given.controller.send({ type: "stop", key: bystander.key, graceMs: 0 });
    await given.controller.ended(bystander.key);
  });

  it("closeJob withdraws what waits and stops what runs", async () => {
    const job = given.shared.job(given.controller, 1000);
    const running = given.shared.spawn(job, "sleep 1000");
    const waiting = given.shared.spawn(job, "true");
    given.controller.send(running, waiting);
    await given.controller.started(running.key);
    const late = given.shared.spawn(job, "true");
    given.controller.send({ type: "closeJob", job, graceMs: 15_000, mark: given.shared.mark(job) }, late);
    await given.controller.jobClosed(job);
    expect((await given.controller.ended(running.key)).outcome).toEqual(signalled(SIGTERM));
    expect((await given.controller.ended(waiting.key)).outcome).toEqual(withdrawn);
    expect((await given.controller.ended(late.key)).outcome).toEqual(withdrawn);
    const facts = given.controller.facts.map((fact) => fact.type === "jobClosed" && fact.job === job);
    const end = given.controller.facts.findIndex(
      (fact) => fact.type === "ended" && sameKey(fact.key, running.key),
    );
    expect(end).toBeLessThan(facts.indexOf(true));
  });

  it("is gone before anything of the job's next round starts", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const stubborn = shared.spawn(job, `trap "" TERM; echo there; while :; do sleep 0.05; done`);
    controller.send(stubborn);
    const { pid } = await controller.started(stubborn.key);
    await eventually("it does not heed SIGTERM", () => readTextIfAny(stubborn.stdoutPath) === "there\n");
    const directory = shared.path(`job${job}`);
    const [next, second] = [shared.spawn(job, `kill -0 ${pid}; echo $?`), shared.spawn(job, "true")];
    controller.send(
      { type: "closeJob", job, graceMs: 300, mark: shared.mark(job) },
      { type: "context", job, directory, umask: 0o022, env: [`PATH=${process.env["PATH"] ?? ""}`] },
      { type: "setCap", job, serial: 1, cpusMilli: 1000 },
      next,
      second,
    );
    expect((await controller.ended(next.key)).outcome).toEqual(exited(0));
    expect((await controller.ended(second.key)).outcome).toEqual(exited(0));
    expect(readTextIfAny(next.stdoutPath)).toBe("1\n");
    const closed = controller.facts.findIndex((fact) => fact.type === "jobClosed" && fact.job === job);
    const started = controller.facts.findIndex(
      (fact) => fact.type === "started" && sameKey(fact.key, next.key),
    );
    expect(closed).toBeLessThan(started);
    expect(closed).toBeGreaterThanOrEqual(0);
  });

  it("a round that is closed before it has begun does not begin", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const running = shared.spawn(job, `trap "" TERM; echo there; while :; do sleep 0.05; done`);
    controller.send(running);
    await controller.started(running.key);
    await eventually("it does not heed SIGTERM", () => readTextIfAny(running.stdoutPath) === "there\n");
    const next = shared.spawn(job, "true");
    const close = { type: "closeJob", job, graceMs: 300, mark: shared.mark(job) } as const;
    const directory = shared.path(`job${job}`);
    controller.send(
      close,
      { type: "context", job, directory, umask: 0o022, env: [] },
      { type: "setCap", job, serial: 1, cpusMilli: 1000 },
      next,
      close,
    );
    expect((await controller.ended(next.key)).outcome).toEqual(withdrawn);
    await controller.jobClosed(job);
    const late = shared.spawn(job, "true");
    controller.send(late);
    expect((await controller.ended(late.key)).outcome).toMatchObject({ type: "notStarted", step: "context" });
  });

  it("closes many jobs at once, unknown ones and repeated requests too", async () => {
    const jobs = Array.from({ length: 50 }, () => given.shared.job(given.controller, 1000));
    const beginMs = performance.now();
    for (const job of [...jobs, ...jobs]) {
      given.controller.send({ type: "closeJob", job, graceMs: 1000, mark: given.shared.mark(job) });
    }
    for (const job of jobs)
      expect(await given.controller.jobClosed(job)).toMatchObject({ ended: 0, survivors: 0 });
    expect(performance.now() - beginMs).toBeLessThan(5000);
  });
});
