/** Attempts that wait in, and run under the cap of, another queue than their job's. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { expect, it } from "vitest";
import type { ForkserverFact, ForkserverSpawn } from "../../../protocol/forkserverLink.ts";
import { COMMON_POOL, type JobSeq, jobSeq } from "../../../protocol/ids.ts";
import { type Controller, exited, notStarted, sameKey, signalled, withdrawn } from "./controller.ts";
import { describeForkservers, type Given } from "./flavours.ts";
import type { SpawnOptions } from "./fixture.ts";
import { eventually, readTextIfAny } from "./lookups.ts";

const { SIGKILL, SIGTERM } = constants.signals;
const { EINVAL } = constants.errno;

/** Pools that no job of these tests has as its number; each test has one of its own. */
let pools = 1_000_000;

/** A pool under this cap, as its own job's cap would be told. */
function poolUnder(controller: Controller, capMilli: number): JobSeq {
  const pool = jobSeq(++pools);
  controller.send({ type: "setCap", job: pool, serial: 0, cpusMilli: capMilli });
  return pool;
}

/** An attempt of a new job that has no cap of its own. */
function pooled(
  { shared, controller }: Given,
  pool: JobSeq,
  argv: readonly string[] | string,
  options: SpawnOptions = {},
): ForkserverSpawn {
  return shared.spawn(shared.job(controller, 0), argv, { pool, ...options });
}

const placeOf = (
  { facts }: Controller,
  type: "started" | "ended" | "jobClosed",
  { key }: ForkserverSpawn,
): number =>
  facts.findIndex((fact) => {
    if (fact.type !== type) return false;
    return fact.type === "jobClosed" ? fact.job === key.job : sameKey(fact.key, key);
  });

/** Of these, in the order in which they were started. */
const startsOf = ({ facts }: Controller, spawns: readonly ForkserverSpawn[]): JobSeq[] =>
  facts.flatMap((fact) => {
    const isOne = fact.type === "started" && spawns.some(({ key }) => sameKey(key, fact.key));
    return isOne ? [fact.key.job] : [];
  });

/** The most that they held together. */
function mostHeld(facts: readonly ForkserverFact[], spawns: readonly ForkserverSpawn[]): number {
  let held = 0;
  let most = 0;
  for (const fact of facts) {
    if (fact.type !== "started" && fact.type !== "ended") continue;
    const spawn = spawns.find(({ key }) => sameKey(key, fact.key));
    if (spawn !== undefined) held += fact.type === "started" ? spawn.cpusMilli : -spawn.cpusMilli;
    most = Math.max(most, held);
  }
  return most;
}

/** A further answer to `report`. */
async function reportOf(controller: Controller) {
  const before = controller.of("report").length;
  controller.send({ type: "report" });
  return controller.until("a report", () => controller.of("report")[before]);
}

describeForkservers("a pool", (given) => {
  it("runs attempts of many jobs under one cap, in the order of their arrival", async () => {
    const { controller } = given;
    controller.send({ type: "setCap", job: COMMON_POOL, serial: 1, cpusMilli: 2500 });
    const spawns = Array.from({ length: 60 }, (_, index) =>
      pooled(given, COMMON_POOL, index % 7 === 0 ? "sleep 0.02" : "true", {
        cpusMilli: [1000, 500, 2500][index % 3] ?? 1000,
      }),
    );
    controller.send(...spawns);
    for (const { key } of spawns) expect((await controller.ended(key)).outcome).toEqual(exited(0));
    expect(startsOf(controller, spawns)).toEqual(spawns.map(({ key }) => key.job));
    expect(mostHeld(controller.facts, spawns)).toBe(2500);
  });

  it("starts nothing under a cap of 0, and counts with each cap what runs under it", async () => {
    const { shared, controller } = given;
    const pool = poolUnder(controller, 0);
    const waiting = [pooled(given, pool, "sleep 1000"), pooled(given, pool, "sleep 1000")] as const;
    // Of the same job, in its own queue: what runs there is not the pool's.
    const own = shared.spawn(shared.job(controller, 1000), "sleep 1000");
    const sibling = shared.spawn(own.key.job, "sleep 1000", { pool, cpusMilli: 500 });
    controller.send(...waiting, own, sibling);
    await controller.started(own.key);
    expect(startsOf(controller, waiting)).toEqual([]);
    controller.send({ type: "setCap", job: pool, serial: 1, cpusMilli: 2500 });
    expect((await controller.capSet(pool, 1)).runningCpusMilli).toBe(0);
    for (const { key } of [...waiting, sibling]) await controller.started(key);
    controller.send(
      { type: "setCap", job: pool, serial: 2, cpusMilli: 0 },
      { type: "setCap", job: own.key.job, serial: 2, cpusMilli: 0 },
    );
    expect((await controller.capSet(pool, 2)).runningCpusMilli).toBe(2500);
    expect((await controller.capSet(own.key.job, 2)).runningCpusMilli).toBe(1000);
    for (const { key } of [...waiting, own, sibling]) {
      controller.send({ type: "stop", key, graceMs: 5000 });
      await controller.ended(key);
    }
    controller.send({ type: "setCap", job: pool, serial: 3, cpusMilli: 0 });
    expect((await controller.capSet(pool, 3)).runningCpusMilli).toBe(0);
  });

  it("is opened by what is sent to it, and holds that until it has a cap", async () => {
    const { controller } = given;
    const pool = jobSeq(++pools);
    const spawn = pooled(given, pool, "true");
    controller.send(spawn);
    expect(await reportOf(controller)).toMatchObject({ queuedAttempts: 1 });
    controller.send({ type: "setCap", job: pool, serial: 1, cpusMilli: 1000 });
    expect((await controller.ended(spawn.key)).outcome).toEqual(exited(0));
  });

  it("takes nothing of a job without context", async () => {
    const { shared, controller } = given;
    const pool = poolUnder(controller, 1000);
    const spawn = shared.spawn(jobSeq(++pools), "true", { pool });
    controller.send(spawn);
    expect((await controller.ended(spawn.key)).outcome).toEqual(notStarted("context", EINVAL));
  });

  it("lets the next one start when its first is withdrawn, or what runs is stopped", async () => {
    const { controller } = given;
    const pool = poolUnder(controller, 1000);
    const running = pooled(given, pool, "sleep 1000", { cpusMilli: 500 });
    const wide = pooled(given, pool, "true");
    const narrow = pooled(given, pool, "sleep 1000", { cpusMilli: 500 });
    const last = pooled(given, pool, "true");
    controller.send(running, wide, narrow, last);
    await controller.started(running.key);
    controller.send({ type: "stop", key: wide.key, graceMs: 0 });
    expect((await controller.ended(wide.key)).outcome).toEqual(withdrawn);
    await controller.started(narrow.key);
    for (const { key } of [running, narrow]) controller.send({ type: "stop", key, graceMs: 5000 });
    expect((await controller.ended(running.key)).outcome).toEqual(signalled(SIGTERM));
    expect((await controller.ended(last.key)).outcome).toEqual(exited(0));
  });

  it("goes on after one that cannot be started", async () => {
    const { controller } = given;
    const pool = poolUnder(controller, 1000);
    const [bad, good] = [pooled(given, pool, ["/no/such/program"]), pooled(given, pool, "true")];
    controller.send(bad, good);
    expect((await controller.ended(bad.key)).outcome.type).toBe("notStarted");
    expect((await controller.ended(good.key)).outcome).toEqual(exited(0));
  });

  it("has a follower start in the place of the other, before what waits of other jobs", async () => {
    const { shared, controller } = given;
    const pool = poolUnder(controller, 1000);
    const first = pooled(given, pool, "sleep 0.05");
    const other = pooled(given, pool, "true");
    const second = shared.spawn(first.key.job, "true", { pool, after: first.key });
    const third = shared.spawn(first.key.job, "exit 3", { pool, after: second.key });
    const fourth = shared.spawn(first.key.job, "true", { pool, after: third.key });
    controller.send(first, other, second, third, fourth);
    expect((await controller.ended(third.key)).outcome).toEqual(exited(3));
    expect((await controller.ended(fourth.key)).outcome).toEqual(withdrawn);
    expect((await controller.ended(other.key)).outcome).toEqual(exited(0));
    const { job } = first.key;
    expect(startsOf(controller, [first, other, second, third])).toEqual([job, job, job, other.key.job]);
  });

  it("goes on for other jobs when one is closed, whose own attempts end", async () => {
    const { shared, controller } = given;
    const pool = poolUnder(controller, 2000);
    const others = [pooled(given, pool, "sleep 1000"), pooled(given, pool, "true")] as const;
    const job = shared.job(controller, 0);
    const running = shared.spawn(job, "sleep 1000", { pool });
    const waiting = shared.spawn(job, "sleep 1000", { pool });
    const late = shared.spawn(job, "sleep 1000", { pool });
    const follower = shared.spawn(job, "true", { pool, after: running.key });
    controller.send(others[0], running, waiting, follower, others[1]);
    await controller.started(others[0].key);
    await controller.started(running.key);
    controller.send({ type: "closeJob", job, graceMs: 15_000, mark: shared.mark(job) }, late);
    await controller.jobClosed(job);
    expect((await controller.ended(running.key)).outcome).toEqual(signalled(SIGTERM));
    for (const { key } of [waiting, follower, late]) {
      expect((await controller.ended(key)).outcome).toEqual(withdrawn);
    }
    expect((await controller.ended(others[1].key)).outcome).toEqual(exited(0));
    expect(placeOf(controller, "started", waiting)).toBe(-1);
    controller.send({ type: "setCap", job: pool, serial: 1, cpusMilli: 0 });
    expect((await controller.capSet(pool, 1)).runningCpusMilli).toBe(1000);
    controller.send({ type: "stop", key: others[0].key, graceMs: 0 });
    expect((await controller.ended(others[0].key)).outcome.type).toBe("signalled");
  });

  it("is not held up by a job whose next round waits for the close of the one before", async () => {
    const { shared, controller } = given;
    const pool = poolUnder(controller, 1000);
    // Under the cap of its job, so that the pool's is free while it is being closed.
    const job = shared.job(controller, 1000);
    const stubborn = shared.spawn(job, `trap "" TERM; echo there; while :; do sleep 0.05; done`);
    controller.send(stubborn);
    const { pid } = await controller.started(stubborn.key);
    await eventually("it does not heed SIGTERM", () => readTextIfAny(stubborn.stdoutPath) === "there\n");
    const next = shared.spawn(job, `kill -0 ${pid}; echo $?`, { pool });
    const cancelled = shared.spawn(job, "true", { pool });
    const second = shared.spawn(job, "true", { pool });
    const others = [pooled(given, pool, "true"), pooled(given, pool, "true")];
    controller.send(
      { type: "closeJob", job, graceMs: 3_600_000, mark: shared.mark(job) },
      { type: "context", job, directory: shared.path(`job${job}`), umask: 0o022, env: [] },
      next,
      cancelled,
      second,
      { type: "stop", key: cancelled.key, graceMs: 0 },
      ...others,
    );
    for (const { key } of others) expect((await controller.ended(key)).outcome).toEqual(exited(0));
    expect((await controller.ended(cancelled.key)).outcome).toEqual(withdrawn);
    expect(startsOf(controller, [next, second])).toEqual([]);
    controller.send({ type: "stop", key: stubborn.key, graceMs: 0 });
    for (const { key } of [next, second]) expect((await controller.ended(key)).outcome).toEqual(exited(0));
    expect((await controller.ended(stubborn.key)).outcome).toEqual(signalled(SIGKILL));
    expect(readTextIfAny(next.stdoutPath)).toBe("1\n");
    const places = [
      placeOf(controller, "jobClosed", next),
      placeOf(controller, "started", next),
      placeOf(controller, "started", second),
    ];
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBeGreaterThanOrEqual(0);
  });

  it("never sees a round that is closed before it has begun", async () => {
    const { shared, controller } = given;
    const pool = poolUnder(controller, 1000);
    const job = shared.job(controller, 0);
    const running = shared.spawn(job, `trap "" TERM; echo there; while :; do sleep 0.05; done`, { pool });
    controller.send(running);
    await controller.started(running.key);
    await eventually("it does not heed SIGTERM", () => readTextIfAny(running.stdoutPath) === "there\n");
    const next = shared.spawn(job, "true", { pool });
    const other = pooled(given, pool, "true");
    const close = { type: "closeJob", job, graceMs: 100, mark: shared.mark(job) } as const;
    const directory = shared.path(`job${job}`);
    controller.send(close, { type: "context", job, directory, umask: 0o022, env: [] }, next, close, other);
    expect((await controller.ended(next.key)).outcome).toEqual(withdrawn);
    await controller.jobClosed(job);
    expect((await controller.ended(other.key)).outcome).toEqual(exited(0));
  });

  it("starts attempts of a suspended job suspended, and those of others as ever", async () => {
    const { controller } = given;
    const pool = poolUnder(controller, 0);
    const [held, free] = [pooled(given, pool, "exec sleep 1000"), pooled(given, pool, "exit 4")];
    const standing = (pid: number): boolean => /\) [TD] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
    controller.send(held, free, { type: "suspendJob", job: held.key.job, suspended: true });
    // The pool is no job of theirs: nobody stands still for it.
    controller.send({ type: "suspendJob", job: pool, suspended: true });
    controller.send({ type: "setCap", job: pool, serial: 1, cpusMilli: 2000 });
    const { pid } = await controller.started(held.key);
    expect((await controller.ended(free.key)).outcome).toEqual(exited(4));
    await eventually("it stands", () => standing(pid));
    controller.send({ type: "suspendJob", job: held.key.job, suspended: false });
    await eventually("it goes on", () => !standing(pid));
    controller.send({ type: "stop", key: held.key, graceMs: 0 });
    await controller.ended(held.key);
  });

  it("that is closed keeps what others have sent to it, under a cap of 0 until it is given another", async () => {
    const { shared, controller } = given;
    const pool = poolUnder(controller, 1000);
    const [running, waiting] = [pooled(given, pool, "sleep 1000"), pooled(given, pool, "true")];
    controller.send(running, waiting);
    await controller.started(running.key);
    const close = { type: "closeJob", job: pool, graceMs: 0, mark: shared.mark(pool) } as const;
    controller.send(close);
    expect(await controller.jobClosed(pool)).toMatchObject({ ended: 0, survivors: 0 });
    controller.send({ type: "stop", key: running.key, graceMs: 5000 });
    await controller.ended(running.key);
    expect(await reportOf(controller)).toMatchObject({ runningAttempts: 0, queuedAttempts: 1 });
    controller.send({ type: "setCap", job: pool, serial: 1, cpusMilli: 1000 });
    expect((await controller.ended(waiting.key)).outcome).toEqual(exited(0));
    controller.send(close);
    await controller.until("the second close", () => {
      return controller.of("jobClosed").filter(({ job }) => job === pool).length === 2;
    });
  });

  it("of another job's number has that job's own attempts in its queue as well", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const own = shared.spawn(job, "sleep 0.05");
    const guest = pooled(given, job, "true");
    const last = shared.spawn(job, "true");
    controller.send(own, guest, last);
    for (const { key } of [own, guest, last]) await controller.ended(key);
    expect(startsOf(controller, [own, guest, last])).toEqual([job, guest.key.job, job]);
  });
});
