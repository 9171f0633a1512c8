import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { JobStanding } from "../../../protocol/clientLink.ts";
import { jobSeq, taskIndex } from "../../../protocol/ids.ts";
import type { Resources } from "../../../protocol/resources.ts";
import { explainTask, whyJobWaits } from "../../../src/client/explain.ts";
import type { Asked } from "../../../src/client/reasons.ts";
import type { JobView } from "../../../src/client/jobView.ts";
import { StateReader } from "../../../src/client/read.ts";
import { counts, taskRecord } from "./records.ts";
import { SEAT, stateFolder } from "./stateFolder.ts";

const cpus = (count: number): Resources => ({
  cpusMilli: count * 1000,
  memoryBytes: 0,
  gpusMilli: 0,
  named: {},
});

const free: JobStanding = {
  place: { type: "seated", seat: 0 },
  draining: false,
  capacity: cpus(4),
  holders: [],
};

let folder: string;
let reader: StateReader;
let asked: Asked;

/** Job 1: `wide` is ready and wants 8 cpus, `small` is ready, `next` depends on both. */
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "qe-"));
  const tasks = [
    { name: "wide", command: "x", resources: { cpus: 8 } },
    { name: "small", command: "x" },
    { name: "bad", command: "x" },
    { name: "next", depends: ["wide", "small"], command: "x" },
  ];
  const record = {
    job: jobSeq(1),
    seat: SEAT,
    state: "running",
    tasks: counts({ ready: 2, waiting: 1, failed: 1 }),
  } as const;
  const failed = taskRecord({ state: "failed", reason: { type: "exited", exitCode: 3 } });
  await stateFolder(folder).addJob(record, tasks, [{ name: "bad", record: failed }]);
  reader = new StateReader(folder);
  const job = reader.job(jobSeq(1));
  const plan = reader.plan(jobSeq(1));
  if (job === null || plan === null) throw new Error("the job was written");
  asked = { job, tasks: reader.tasks(job), plan, standing: free, nowMs: 1000 };
});
afterEach(async () => {
  await reader.close();
  rmSync(folder, { recursive: true, force: true });
});

const why = (change: Partial<Asked>) => whyJobWaits({ ...asked, ...change });
const whyPlace = (place: JobStanding["place"]) => why({ standing: { ...free, place } });
const jobWith = (change: Partial<JobView>): Partial<Asked> => ({ job: { ...asked.job, ...change } });
const whyTask = (name: string, change: Partial<Asked> = {}) =>
  explainTask({ ...asked, ...change }, taskIndex(asked.tasks.find(name) ?? Number.NaN));

describe("why a job waits", () => {
  it("is nothing while its tasks may start", () => expect(why({})).toBeNull());

  it.each<readonly [string, () => ReturnType<typeof why>, string, string]>([
    ["no daemon", () => why({ standing: null }), "noDaemon", "No daemon runs"],
    ["a stopping one", () => why({ standing: { ...free, draining: true } }), "draining", "is stopping"],
    ["a cancel", () => why(jobWith({ cancelRequested: true })), "cancelling", "being cancelled"],
    ["a pause", () => why(jobWith({ state: "paused", pause: "hold" })), "paused", "qrew resume 1"],
    [
      "the queue",
      () => whyPlace({ type: "queued", position: 4, ahead: jobSeq(7), seat: null }),
      "queued",
      "job 7 is before it (number 4 in the queue)",
    ],
    ["a repetition", () => whyPlace({ type: "parked", untilMs: 61_000 }), "parked", "(in 60s)"],
    ["a QWorker that starts", () => whyPlace({ type: "seatStarting" }), "worker", "being started"],
    [
      "a QWorker that fails",
      () => whyPlace({ type: "seatAbsent", failures: 3, inMs: 4000, damage: null }),
      "worker",
      "has failed 3 times in a row and is started again in 4s",
    ],
    [
      "a damaged seat",
      () => whyPlace({ type: "seatAbsent", failures: 3, inMs: 0, damage: "The store is damaged." }),
      "damagedSeat",
      "The store is damaged.",
    ],
    ["its end", () => why(jobWith({ state: "failed" })), "ended", "1 of its tasks failed"],
  ])("is %s", (_, reason, code, text) => {
    expect(reason()).toMatchObject({ code });
    expect(reason()?.text).toContain(text);
  });
});

describe("why a task waits", () => {
  it("is what the node can never offer", () => {
    expect(whyTask("wide")).toMatchObject({ code: "neverOffered" });
    expect(whyTask("wide").text).toContain("It needs 8 cpus, and this node offers 4 cpus");
  });

  it("is who holds it, its own job first", () => {
    const holders = [
      { job: jobSeq(5), name: "night", held: cpus(3) },
      { job: jobSeq(1), name: "demo", held: cpus(1) },
    ];
    expect(whyTask("small", { standing: { ...free, holders } }).text).toBe(
      "It waits for 1 cpu (free: nothing of 4 cpus); other tasks of its job hold 1 cpu, job 5 (night) holds 3 cpus.",
    );
  });

  it("is nothing that lasts, a dependency, or how it ended", () => {
    expect(whyTask("small").text).toContain("it starts in a moment");
    expect(whyTask("next").text).toBe("It waits for wide, which is ready, and for 1 more.");
    expect(whyTask("bad").text).toBe("It has ended: failed: exit code 3.");
  });
});
