import { describe, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import type { JobRecord } from "../../../src/store/managerRecords.ts";
import { counts } from "../client/records.ts";
import { CLIENT, Daemon, jobRecord, SEAT } from "./daemon.ts";

const tasks = counts({ succeeded: 6, failed: 1, skipped: 3 });

const failed = (others: Partial<JobRecord> = {}): JobRecord =>
  jobRecord(1, { state: "failed", seat: SEAT, startedAtMs: 1, finishedAtMs: 2, tasks, ...others });

/** A daemon that has had one job, which has ended. */
function afterJob(record: JobRecord | null = failed()): { daemon: Daemon; request: number } {
  const daemon = new Daemon();
  daemon.state.nextJob = 2;
  const request = daemon.ask({ type: "retryJob", job: jobSeq(1) });
  expect(daemon.take("findEndedJob")).toMatchObject({ client: CLIENT, request, job: 1 });
  daemon.feed({ type: "endedJobFound", client: CLIENT, request, job: jobSeq(1), record });
  return { daemon, request };
}

describe("a retry", () => {
  it("opens the next round in the job's seat: what has succeeded stays", () => {
    const { daemon, request } = afterJob();
    expect(daemon.reply("jobAccepted")).toMatchObject({ request, job: 1, tasks: 4 });
    const records = daemon.takeAll("recordJob").map(({ record }) => record);
    expect(records[0]).toMatchObject({ state: "queued", round: 2, seat: SEAT, finishedAtMs: null });
    expect(records[0]?.tasks).toEqual(counts({ succeeded: 6, waiting: 4 }));
    expect(records.at(-1)).toMatchObject({ state: "running", startedAtMs: daemon.wallMs });
    daemon.ready();
    expect(daemon.command("assignJob")).toMatchObject({ job: 1, round: 2 });
  });

  it("is told to the QWorker, with its loan, when a power cut can no longer take it back", () => {
    const daemon = new Daemon();
    daemon.holdsFlushes = true;
    daemon.state.nextJob = 2;
    const request = daemon.ask({ type: "retryJob", job: jobSeq(1) });
    daemon.take("findEndedJob");
    daemon.feed({ type: "endedJobFound", client: CLIENT, request, job: jobSeq(1), record: failed() });
    expect(daemon.take("flushRound")).toMatchObject({ job: 1, round: 2 });
    daemon.take("startWorker");
    daemon.ready();
    daemon.reply("jobAccepted");
    expect(daemon.unexpected()).toEqual([]);
    // Of the round before, or of another job: not this one.
    daemon.feed({ type: "roundFlushed", job: jobSeq(1), round: 1 });
    expect(daemon.unexpected()).toEqual([]);
    daemon.feed({ type: "roundFlushed", job: jobSeq(1), round: 2 });
    expect(daemon.command("assignJob")).toMatchObject({ job: 1, round: 2 });
    expect(daemon.command("setLoan")).toMatchObject({ job: 1 });
    expect(daemon.unexpected()).toEqual([]);
  });

  it("waits in the queue over a restart of the manager", () => {
    const queued = failed({ state: "queued", round: 2, startedAtMs: null, finishedAtMs: null });
    const daemon = new Daemon({}, [queued]);
    expect(daemon.state.queue).toHaveLength(1);
    daemon.feed({ type: "woken" });
    expect(daemon.take("startWorker").seat).toBe(SEAT);
  });

  it("is refused for a job that has not ended, is retried already, has succeeded, or is not there", () => {
    const live = new Daemon();
    live.store(jobRecord(1));
    live.ask({ type: "retryJob", job: jobSeq(1) });
    expect(live.reply("refused").message).toContain("has not ended (it is running)");
    const twice = new Daemon();
    twice.state.nextJob = 2;
    twice.ask({ type: "retryJob", job: jobSeq(1) });
    twice.ask({ type: "retryJob", job: jobSeq(1) });
    expect(twice.reply("refused").message).toContain("being retried already");
    const succeeded = afterJob(failed({ state: "succeeded", tasks: counts({ succeeded: 3 }) }));
    expect(succeeded.daemon.reply("refused").message).toContain("nothing to retry");
    expect(afterJob(null).daemon.reply("refused").code).toBe("notFound");
    live.ask({ type: "retryJob", job: jobSeq(7) });
    expect(live.reply("refused").code).toBe("notFound");
  });

  it("is cancelled by the QWorker that has what was", () => {
    const { daemon } = afterJob();
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(1)] });
    daemon.ready();
    daemon.command("assignJob");
    daemon.command("cancelJob");
    daemon.finish(1, "cancelled");
    // That was said of the round before.
    expect(daemon.state.jobs.size).toBe(1);
  });
});

describe("a corrected document", () => {
  const options = {
    name: null,
    source: "fixed.yaml",
    directory: { type: "fresh" },
    env: {},
    umask: 0,
    import: { format: null, timeScale: 1, sizeScale: 0, jx: [] },
    retries: jobSeq(1),
    priority: 0,
  } as const;

  function sealed(): Daemon {
    const daemon = new Daemon();
    daemon.state.nextJob = 2;
    daemon.ask({ type: "openSubmission", options, key: null, isNewKey: false, whole: null, follow: false });
    const { submission } = daemon.reply("submissionOpened");
    daemon.ask({ type: "sealSubmission", submission, chunks: 0 });
    daemon.take("planDocument");
    daemon.plan(submission, { name: "other", taskCount: 12 });
    return daemon;
  }

  it("is stored as the plan of the next round, and counts from then on", () => {
    const daemon = sealed();
    const stored = daemon.take("storeRound");
    expect(stored).toMatchObject({ job: 1, source: "fixed.yaml", taskCount: 12 });
    const { submission, source, taskCount } = stored;
    daemon.feed({ type: "roundStored", submission, record: failed({ round: 4 }), source, taskCount });
    expect(daemon.take("recordJob").record).toMatchObject({
      job: 1,
      name: "job 1",
      round: 5,
      planRound: 5,
      source: "fixed.yaml",
      tasks: counts({ waiting: 12 }),
    });
    expect(daemon.reply("jobAccepted").job).toBe(1);
    daemon.take("forgetSubmission");
  });

  it("keeps others from a retry until it is stored or has failed", () => {
    const daemon = sealed();
    daemon.ask({ type: "retryJob", job: jobSeq(1) });
    expect(daemon.reply("refused").message).toContain("being retried already");
    const { submission } = daemon.take("storeRound");
    daemon.feed({ type: "submissionFailed", submission, code: "storeFull", message: "full" });
    expect(daemon.reply("refused").message).toBe("full");
    daemon.ask({ type: "retryJob", job: jobSeq(1) });
    daemon.take("findEndedJob");
  });
});
