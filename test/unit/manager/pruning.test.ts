import { describe, expect, it } from "vitest";
import type { PrunePolicy } from "../../../manager/core/state.ts";
import type { JobState } from "../../../protocol/fields.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import { FINAL_JOB_STATES } from "../../../protocol/states.ts";
import { Daemon, jobRecord, SEAT } from "./daemon.ts";

const HOUR_MS = 3_600_000;

const policy = (others: Partial<PrunePolicy>): PrunePolicy => ({
  keep: 0,
  olderThanMs: 0,
  states: FINAL_JOB_STATES,
  folders: false,
  ...others,
});

/** A daemon with the policy that has begun its first look. */
function looking(others: Partial<PrunePolicy>): Daemon {
  const daemon = new Daemon({ prune: policy(others) });
  daemon.feed({ type: "woken" });
  expect(daemon.take("listJobs")).toMatchObject({ before: null });
  return daemon;
}

const ended = (daemon: Daemon, job: number, agoMs: number, state: JobState = "succeeded") =>
  jobRecord(job, { state, finishedAtMs: daemon.wallMs - agoMs });

const deleted = (daemon: Daemon): readonly number[] =>
  daemon.takeAll("markDeleted").flatMap(({ jobs }) => jobs.map(Number));

describe("the policy that deletes jobs", () => {
  it("is not there unless it is set", () => {
    const daemon = new Daemon();
    daemon.pass(10 * HOUR_MS);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("deletes what ended so long ago, and never what has not ended", () => {
    const daemon = looking({ olderThanMs: HOUR_MS, folders: true });
    const old = ended(daemon, 1, HOUR_MS);
    const records = [
      ended(daemon, 4, 0),
      jobRecord(3, { state: "running" }),
      ended(daemon, 2, HOUR_MS - 1),
      old,
    ];
    daemon.feed({ type: "jobsListed", records });
    expect(daemon.take("markDeleted")).toMatchObject({ asked: null, jobs: [1], folders: true });
    daemon.feed({ type: "jobsMarked", asked: null, deletions: [{ job: jobSeq(1), seat: SEAT }] });
    expect(daemon.take("startWorker").seat).toBe(SEAT);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("keeps the newest of those that have ended, whatever their state; age and number both have to agree", () => {
    const daemon = looking({ keep: 2, olderThanMs: HOUR_MS, states: ["succeeded"] });
    const records = [
      ended(daemon, 6, HOUR_MS, "failed"),
      jobRecord(5),
      ended(daemon, 4, HOUR_MS),
      ended(daemon, 3, HOUR_MS),
      ended(daemon, 2, HOUR_MS, "failed"),
      ended(daemon, 1, 0),
    ];
    daemon.feed({ type: "jobsListed", records });
    expect(deleted(daemon)).toEqual([3]);
  });

  it("goes on page by page, and counts over all of them", () => {
    const daemon = looking({ keep: 1500 });
    const page = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ended(daemon, from - index, 0));
    daemon.feed({ type: "jobsListed", records: page(2000, 1000) });
    expect(deleted(daemon)).toEqual([]);
    expect(daemon.take("listJobs").before).toBe(1001);
    daemon.feed({ type: "jobsListed", records: page(1000, 1000) });
    expect(deleted(daemon)).toEqual(Array.from({ length: 500 }, (_, index) => 500 - index));
    expect(daemon.take("listJobs").before).toBe(1);
    daemon.feed({ type: "jobsListed", records: [] });
    expect(daemon.unexpected()).toEqual([]);
  });

  it("looks again every hour, not while a look is under way, and not when the daemon stops", () => {
    const daemon = looking({ olderThanMs: HOUR_MS });
    daemon.pass(2 * HOUR_MS);
    expect(daemon.takeAll("listJobs")).toEqual([]);
    daemon.feed({ type: "jobsListed", records: [] });
    expect(daemon.takeAll("listJobs")).toHaveLength(1);
    daemon.feed({ type: "jobsListed", records: [] });
    daemon.pass(HOUR_MS - 1);
    expect(daemon.takeAll("listJobs")).toEqual([]);
    daemon.pass(1);
    expect(daemon.takeAll("listJobs")).toHaveLength(1);
    daemon.feed({ type: "jobsListed", records: [] }, { type: "terminationAsked" });
    daemon.pass(3 * HOUR_MS);
    expect(daemon.takeAll("listJobs")).toEqual([]);
  });

  it("leaves alone what is being retried", () => {
    const daemon = looking({});
    daemon.state.nextJob = 3;
    daemon.ask({ type: "retryJob", job: jobSeq(1) });
    daemon.feed({ type: "jobsListed", records: [ended(daemon, 2, 0), ended(daemon, 1, 0)] });
    expect(deleted(daemon)).toEqual([2]);
  });
});
