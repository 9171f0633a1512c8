/** Submissions under a key: one of them becomes a job, the others are answered with it. */
import { describe, expect, it } from "vitest";
import type { SubmissionOptions } from "../../../protocol/clientLink.ts";
import { type JobSeq, jobSeq } from "../../../protocol/ids.ts";
import { CLIENT, Daemon } from "./daemon.ts";

const options: SubmissionOptions = {
  name: null,
  source: "nightly.yaml",
  directory: { type: "existing", path: "/data" },
  env: {},
  import: { format: null, timeScale: 1, sizeScale: 0, jx: [] },
  retries: null,
  umask: 0o022,
  priority: 0,
};
const DIGEST = "d1";

interface Sealed {
  readonly submission: number;
  readonly request: number;
}

function seal(daemon: Daemon, key: string | null, client = CLIENT, isNewKey = false): Sealed {
  daemon.ask({ type: "openSubmission", options, key, isNewKey, whole: null, follow: false }, client);
  const { submission } = daemon.reply("submissionOpened", client);
  return { submission, request: daemon.ask({ type: "sealSubmission", submission, chunks: 0 }, client) };
}

function lookedUp(daemon: Daemon, submission: number, found: JobSeq | null, digest = DIGEST): void {
  expect(daemon.take("lookUpKey")).toMatchObject({ submission, key: "night" });
  const job = found === null ? null : { job: found, tasks: 7, digest: DIGEST };
  daemon.feed({ type: "keyLookedUp", submission, digest, found: job });
}

function planned(daemon: Daemon, submission: number): JobSeq {
  expect(daemon.take("planDocument").submission).toBe(submission);
  daemon.plan(submission, { taskCount: 7 });
  const { record, key } = daemon.take("storeJob");
  expect(key).toEqual({ key: "night", digest: DIGEST });
  daemon.feed({ type: "jobStored", submission, record });
  return record.job;
}

describe("a submission under a key", () => {
  it("is stored with its key when no job has it", () => {
    const daemon = new Daemon();
    const { submission, request } = seal(daemon, "night");
    lookedUp(daemon, submission, null);
    const job = planned(daemon, submission);
    expect(daemon.reply("jobAccepted")).toEqual({
      type: "jobAccepted",
      request,
      job,
      tasks: 7,
      repeated: false,
    });
    expect(daemon.takeAll("lookUpKey")).toEqual([]);
  });

  it("is not looked up when nobody can have used it before, and whoever repeats it is answered with its job", () => {
    const daemon = new Daemon();
    const first = seal(daemon, "night", "one", true);
    expect(daemon.takeAll("lookUpKey")).toEqual([]);
    expect(daemon.take("planDocument").submission).toBe(first.submission);
    const again = seal(daemon, "night", "two", true);
    expect(daemon.takeAll("planDocument")).toEqual([]);
    daemon.plan(first.submission, { taskCount: 7 });
    const { record, key } = daemon.take("storeJob");
    expect(key).toEqual({ key: "night", digest: null });
    daemon.feed({ type: "jobStored", submission: first.submission, record });
    expect(daemon.take("lookUpKey")).toMatchObject({ submission: again.submission, key: "night" });
    const found = { job: record.job, tasks: 7, digest: null };
    daemon.feed({ type: "keyLookedUp", submission: again.submission, digest: DIGEST, found });
    expect(daemon.reply("jobAccepted", "two")).toMatchObject({ job: record.job, repeated: true });
    expect([...daemon.state.heldKeys.keys()]).toEqual([]);
  });

  it("is answered with the job that has it, on disk, and nothing is planned", () => {
    const daemon = new Daemon();
    const { submission, request } = seal(daemon, "night");
    lookedUp(daemon, submission, jobSeq(3));
    expect(daemon.take("replyFlushed").reply).toEqual({
      type: "jobAccepted",
      request,
      job: 3,
      tasks: 7,
      repeated: true,
    });
    expect(daemon.take("forgetSubmission").submission).toBe(submission);
    expect(daemon.unexpected()).toEqual([]);
    expect(daemon.state.submissions.size).toBe(0);
  });

  it("is refused when the job of the key came of something else", () => {
    const daemon = new Daemon();
    const { submission } = seal(daemon, "night");
    lookedUp(daemon, submission, jobSeq(3), "d2");
    const { code, message } = daemon.reply("refused");
    expect(code).toBe("refused");
    expect(message).toContain('"night" belongs to job 3');
    daemon.take("forgetSubmission");
    expect(daemon.unexpected()).toEqual([]);
  });

  it("waits for an earlier one with the key, and is answered with its job", () => {
    const daemon = new Daemon();
    const first = seal(daemon, "night", "one");
    const second = seal(daemon, "night", "two");
    const third = seal(daemon, "night", "three");
    lookedUp(daemon, first.submission, null);
    expect(daemon.takeAll("lookUpKey")).toEqual([]);
    const job = planned(daemon, first.submission);
    daemon.reply("jobAccepted", "one");
    lookedUp(daemon, second.submission, job);
    expect(daemon.reply("jobAccepted", "two")).toMatchObject({ job, repeated: true });
    lookedUp(daemon, third.submission, job);
    expect(daemon.reply("jobAccepted", "three")).toMatchObject({ job, repeated: true });
    expect(daemon.state.jobs.size).toBe(1);
  });

  it("takes the place of an earlier one that came to nothing", () => {
    const daemon = new Daemon();
    const first = seal(daemon, "night", "one");
    const second = seal(daemon, "night", "two");
    lookedUp(daemon, first.submission, null);
    daemon.take("planDocument");
    daemon.feed({
      type: "submissionFailed",
      submission: first.submission,
      code: "storeFull",
      message: "full",
    });
    expect(daemon.reply("refused", "one").code).toBe("storeFull");
    lookedUp(daemon, second.submission, null);
    planned(daemon, second.submission);
    expect(daemon.reply("jobAccepted", "two").repeated).toBe(false);
  });

  it("does not wait for others: of another key, without key, or not sealed", () => {
    const daemon = new Daemon();
    daemon.ask({
      type: "openSubmission",
      options,
      key: "night",
      isNewKey: false,
      whole: null,
      follow: false,
    });
    daemon.reply("submissionOpened");
    seal(daemon, "day");
    seal(daemon, null);
    const { submission } = seal(daemon, "night");
    const looked = daemon.takeAll("lookUpKey").map((effect) => effect.submission);
    expect(looked).toContain(submission);
    expect(looked.length).toBe(2);
    expect(daemon.takeAll("planDocument").length).toBe(1);
  });
});
