import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { exited, signalled } from "./controller.ts";
import { describeForkservers } from "./flavours.ts";
import { eventually, pidsIn } from "./lookups.ts";

const { SIGTERM } = constants.signals;

const isStopped = (pid: number): boolean => readFileSync(`/proc/${pid}/stat`, "latin1").includes(") T ");

/** A shell whose child was stopped before it became the program. */
const isBusy = (pid: number): boolean => readFileSync(`/proc/${pid}/stat`, "latin1").includes(") D ");

describeForkservers("suspend", (given) => {
  it("stops the process groups of a job, not of another, and lets them go on", async () => {
    const [job, other] = [given.shared.job(given.controller, 2000), given.shared.job(given.controller, 1000)];
    const pids = given.shared.path("group");
    // Without a shell in between: one that is just starting a program waits for it, and counts as busy.
    const group = given.shared.spawn(job, `sleep 1000 & echo $! > ${pids}; exec sleep 1000`);
    const free = given.shared.spawn(other, "sleep 1000");
    given.controller.send(group, free);
    const { pid } = await given.controller.started(group.key);
    const { pid: freePid } = await given.controller.started(free.key);
    const [child = 0] = await pidsIn(pids, 1);
    given.controller.send({ type: "suspendJob", job, suspended: true });
    await eventually("both stand", () => isStopped(pid) && isStopped(child));
    expect(isStopped(freePid)).toBe(false);
    given.controller.send(
      { type: "suspendJob", job, suspended: false },
      { type: "suspendJob", job, suspended: false },
    );
    await eventually("both go on", () => !isStopped(pid) && !isStopped(child));
    given.controller.send({ type: "suspendJob", job, suspended: true });
    await eventually("they stand again", () => isStopped(pid));
    given.controller.send({ type: "suspendJob", job, suspended: false });
    given.controller.send(
      { type: "stop", key: group.key, graceMs: 0 },
      { type: "stop", key: free.key, graceMs: 0 },
    );
    await given.controller.ended(group.key);
  });

  it("stops what starts from now on", async () => {
    const job = given.shared.job(given.controller, 1000);
    given.controller.send({ type: "suspendJob", job, suspended: true });
    const spawn = given.shared.spawn(job, "sleep 0.2; exit 4");
    given.controller.send(spawn);
    const { pid } = await given.controller.started(spawn.key);
    await eventually("it stands", () => isStopped(pid) || isBusy(pid));
    given.controller.send({ type: "suspendJob", job, suspended: false });
    expect((await given.controller.ended(spawn.key)).outcome).toEqual(exited(4));
  });

  it("does not keep what is stopped from its end", async () => {
    const job = given.shared.job(given.controller, 1000);
    const spawn = given.shared.spawn(job, "exec sleep 1000");
    given.controller.send(spawn);
    const { pid } = await given.controller.started(spawn.key);
    given.controller.send({ type: "suspendJob", job, suspended: true });
    await eventually("it stands", () => isStopped(pid));
    given.controller.send({ type: "stop", key: spawn.key, graceMs: 15_000 });
    expect((await given.controller.ended(spawn.key)).outcome).toEqual(signalled(SIGTERM));
    given.controller.send({ type: "suspendJob", job: jobSeq(999), suspended: true });
    given.controller.send({ type: "report" });
    await given.controller.until("the answer after it", () => given.controller.of("report").at(-1));
  });
});
