import { describe, expect, it } from "vitest";
import type { SubmissionOptions } from "../../../protocol/clientLink.ts";
import {
  DOCUMENT_BYTES_MAX,
  ENVIRONMENT_BYTES_MAX,
  SUBMISSION_CHUNK_BYTES,
  SUBMISSION_WINDOW,
  SUBMISSION_LIFE_MS,
} from "../../../protocol/limits.ts";
import { assert } from "../../../protocol/errors.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import { CLIENT, cpus, Daemon, jobRecord, report } from "./daemon.ts";

const options: SubmissionOptions = {
  name: null,
  source: "flows/nightly.yaml",
  directory: { type: "existing", path: "/data" },
  env: {},
  import: { format: null, timeScale: 1, sizeScale: 0, jx: [] },
  retries: null,
  umask: 0o022,
  priority: 3,
};
const bytes = new Uint8Array(3);

function opened(daemon: Daemon, client = CLIENT): number {
  daemon.ask(
    { type: "openSubmission", options, key: null, isNewKey: false, whole: null, follow: false },
    client,
  );
  return daemon.reply("submissionOpened", client).submission;
}

function append(daemon: Daemon, submission: number, index: number): number {
  const request = daemon.ask({ type: "appendSubmission", submission, index, bytes });
  expect(daemon.take("storeChunk")).toMatchObject({ submission, index });
  return request;
}

function sealed(daemon: Daemon): { submission: number; request: number } {
  const submission = opened(daemon);
  append(daemon, submission, 0);
  daemon.feed({ type: "chunkStored", submission, index: 0 });
  daemon.reply("chunkAccepted");
  const request = daemon.ask({ type: "sealSubmission", submission, chunks: 1 });
  daemon.take("planDocument");
  expect(daemon.unexpected()).toEqual([]);
  return { submission, request };
}

function refused(daemon: Daemon, submission: number, request: number): string {
  // Each piece that waits for an answer gets one as well.
  const refusals = daemon.takeAll("reply").map(({ reply }) => reply);
  const reply = refusals.find((found) => found.request === request);
  assert(reply?.type === "refused" && reply.code === "refused", "it is refused");
  expect(refusals.every(({ type }) => type === "refused")).toBe(true);
  expect(daemon.take("forgetSubmission").submission).toBe(submission);
  expect(daemon.unexpected()).toEqual([]);
  expect(daemon.state.submissions.size).toBe(0);
  return reply.message;
}

describe("a short document", () => {
  it("comes with the message that opens its submission, which is answered as the seal is", () => {
    const daemon = new Daemon();
    const request = daemon.ask({
      type: "openSubmission",
      options,
      key: null,
      isNewKey: false,
      whole: bytes,
      follow: false,
    });
    const { submission } = daemon.take("keepDocument");
    expect(daemon.take("planDocument")).toMatchObject({ submission });
    expect(daemon.unexpected()).toEqual([]);
    daemon.plan(submission, { taskCount: 2 });
    const { record } = daemon.take("storeJob");
    daemon.feed({ type: "jobStored", submission, record });
    expect(daemon.reply("jobAccepted")).toMatchObject({ request, job: record.job, tasks: 2 });
  });

  it("gets its loan together with its seat, by what its first tasks ask for", () => {
    const daemon = new Daemon({ capacity: cpus(2) });
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.finish(1);
    daemon.takeAll("tellWorker");
    daemon.ask({ type: "openSubmission", options, key: null, isNewKey: false, whole: bytes, follow: false });
    const { submission } = daemon.take("keepDocument");
    const demand = [{ priority: 3, resources: cpus(1), count: 1 }];
    daemon.plan(submission, { demand });
    const { record } = daemon.take("storeJob");
    daemon.feed({ type: "jobStored", submission, record });
    const told = daemon.takeAll("tellWorker").map(({ command }) => command);
    expect(told).toMatchObject([
      { type: "assignJob", job: 2 },
      { type: "setLoan", job: 2, resources: cpus(1) },
    ]);
  });
});

describe("a submission that is followed", () => {
  const opening = { type: "openSubmission", options, isNewKey: false, whole: bytes, follow: true } as const;

  it("is answered by the changes of its job under its own number, of a quick one by its end alone", () => {
    const daemon = new Daemon();
    const request = daemon.ask({ ...opening, key: null });
    const { submission } = daemon.take("keepDocument");
    daemon.plan(submission, {});
    const { record } = daemon.take("storeJob");
    daemon.feed({ type: "jobStored", submission, record });
    daemon.reply("jobAccepted");
    daemon.ready();
    daemon.tell({ type: "jobProgressed", report: report(1, 1) });
    expect(daemon.changes()).toEqual([]);
    daemon.pass(50);
    expect(daemon.changes()).toEqual([{ job: 1, state: "running", flushed: false }]);
    daemon.tell({ type: "jobProgressed", report: report(1, 2) });
    expect(daemon.changes()).toHaveLength(1);
    daemon.finish(1);
    const [end] = daemon.takeAll("reply").map(({ reply }) => reply);
    expect(end).toMatchObject({ type: "jobChanged", request, summary: { state: "succeeded" } });
    expect(daemon.state.followers.size).toBe(0);
  });

  it("hears of the job that is there under its key already", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.takeAll("tellWorker");
    const request = daemon.ask({ ...opening, key: "night" });
    const { submission } = daemon.take("lookUpKey");
    const found = { job: jobSeq(1), tasks: 1, digest: "same" };
    daemon.feed({ type: "keyLookedUp", submission, digest: "same", found });
    expect(daemon.reply("jobAccepted").repeated).toBe(true);
    const [now] = daemon.takeAll("reply").map(({ reply }) => reply);
    expect(now).toMatchObject({ type: "jobChanged", request, summary: { job: 1, state: "running" } });
    daemon.finish(1);
    expect(daemon.changes()).toHaveLength(1);
  });
});

describe("a submission", () => {
  it("is accepted when all its pieces are stored, it is planned, and the job is on disk", () => {
    const daemon = new Daemon();
    const submission = opened(daemon);
    const first = append(daemon, submission, 0);
    const second = append(daemon, submission, 1);
    expect(daemon.unexpected()).toEqual([]);
    daemon.feed({ type: "chunkStored", submission, index: 1 });
    expect(daemon.reply("chunkAccepted")).toMatchObject({ request: second, index: 1 });
    daemon.feed({ type: "chunkStored", submission, index: 0 });
    expect(daemon.reply("chunkAccepted")).toMatchObject({ request: first, index: 0 });
    const request = daemon.ask({ type: "sealSubmission", submission, chunks: 2 });
    expect(daemon.take("planDocument")).toMatchObject({ submission, options });
    daemon.plan(submission, { taskCount: 7 });
    const { record } = daemon.take("storeJob");
    expect(record).toMatchObject({ job: 1, name: "nightly", state: "queued", priority: 3, seat: null });
    expect(record.tasks).toMatchObject({ total: 7, waiting: 7 });
    expect(daemon.unexpected()).toEqual([]);
    daemon.feed({ type: "jobStored", submission, record });
    expect(daemon.reply("jobAccepted")).toEqual({
      type: "jobAccepted",
      request,
      job: record.job,
      tasks: 7,
      repeated: false,
    });
    daemon.take("forgetSubmission");
    daemon.take("startWorker");
    expect(daemon.unexpected()).toEqual([]);
  });

  it.each([
    ["asked", "document", "flow.yaml", "asked"],
    [null, "document", "flow.yaml", "document"],
    [null, null, "a/b/flow.YML", "flow"],
    [null, null, "-", "workflow"],
    [null, null, "", "workflow"],
  ])("is named by %s, %s or %s: %s", (asked, inDocument, source, name) => {
    const daemon = new Daemon();
    daemon.ask({
      type: "openSubmission",
      options: { ...options, name: asked, source },
      key: null,
      isNewKey: false,
      whole: null,
      follow: false,
    });
    const { submission } = daemon.reply("submissionOpened");
    daemon.ask({ type: "sealSubmission", submission, chunks: 0 });
    daemon.plan(submission, { name: inDocument });
    expect(daemon.take("storeJob").record.name).toBe(name);
  });

  it("acknowledges a repeated piece and ignores it", () => {
    const daemon = new Daemon();
    const submission = opened(daemon);
    append(daemon, submission, 0);
    daemon.feed({ type: "chunkStored", submission, index: 0 });
    daemon.reply("chunkAccepted");
    const again = daemon.ask({ type: "appendSubmission", submission, index: 0, bytes });
    expect(daemon.reply("chunkAccepted").request).toBe(again);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("acknowledges a piece that is repeated while it is being stored, when it is", () => {
    const daemon = new Daemon();
    const submission = opened(daemon);
    append(daemon, submission, 0);
    const again = daemon.ask({ type: "appendSubmission", submission, index: 0, bytes });
    expect(daemon.unexpected()).toEqual([]);
    daemon.feed({ type: "chunkStored", submission, index: 0 });
    expect(daemon.reply("chunkAccepted").request).toBe(again);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("is refused when a piece is missing, and then forgotten", () => {
    const daemon = new Daemon();
    const submission = opened(daemon);
    const request = daemon.ask({ type: "appendSubmission", submission, index: 1, bytes });
    expect(refused(daemon, submission, request)).toContain("submit again");
  });

  it("is refused when it is sealed with pieces missing, or still being stored", () => {
    const daemon = new Daemon();
    const one = opened(daemon);
    refused(daemon, one, daemon.ask({ type: "sealSubmission", submission: one, chunks: 2 }));
    const two = opened(daemon);
    append(daemon, two, 0);
    refused(daemon, two, daemon.ask({ type: "sealSubmission", submission: two, chunks: 1 }));
    daemon.feed({ type: "chunkStored", submission: two, index: 0 });
    expect(daemon.unexpected()).toEqual([]);
  });

  it("is refused when a piece comes after the seal", () => {
    const daemon = new Daemon();
    const { submission } = sealed(daemon);
    refused(daemon, submission, daemon.ask({ type: "appendSubmission", submission, index: 1, bytes }));
    daemon.plan(submission);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("that nobody has opened, or somebody else, is not found", () => {
    const daemon = new Daemon();
    const submission = opened(daemon, "somebody else");
    daemon.ask({ type: "appendSubmission", submission, index: 0, bytes });
    expect(daemon.reply("refused").code).toBe("notFound");
    daemon.ask({ type: "sealSubmission", submission, chunks: 0 });
    expect(daemon.reply("refused").code).toBe("notFound");
    daemon.ask({ type: "sealSubmission", submission: 77, chunks: 0 });
    expect(daemon.reply("refused").code).toBe("notFound");
    expect(daemon.unexpected()).toEqual([]);
    expect(daemon.state.submissions.size).toBe(1);
  });

  it("tells the faults of its document", () => {
    const daemon = new Daemon();
    const { submission, request } = sealed(daemon);
    const faults = [{ message: "unknown key", line: 1, column: 2 }];
    daemon.feed({ type: "documentRejected", submission, faults, total: 5 });
    expect(daemon.reply("documentInvalid")).toEqual({ type: "documentInvalid", request, faults, total: 5 });
    daemon.take("forgetSubmission");
    expect(daemon.unexpected()).toEqual([]);
  });

  it("is refused when it cannot be stored, under the request that waits", () => {
    const daemon = new Daemon();
    const open = opened(daemon);
    const request = append(daemon, open, 0);
    daemon.feed({ type: "submissionFailed", submission: open, code: "storeFull", message: "full" });
    expect(daemon.reply("refused")).toEqual({ type: "refused", request, code: "storeFull", message: "full" });
    daemon.take("forgetSubmission");
    const { submission, request: seal } = sealed(daemon);
    daemon.feed({ type: "submissionFailed", submission, code: "internal", message: "oh" });
    expect(daemon.reply("refused")).toMatchObject({ request: seal, code: "internal" });
    daemon.take("forgetSubmission");
    daemon.feed({ type: "submissionFailed", submission, code: "internal", message: "again" });
    expect(daemon.unexpected()).toEqual([]);
  });

  it("expires some time after its last piece, but not once it is sealed", () => {
    const daemon = new Daemon();
    const submission = opened(daemon);
    daemon.pass(SUBMISSION_LIFE_MS - 1);
    append(daemon, submission, 0);
    daemon.feed({ type: "chunkStored", submission, index: 0 });
    daemon.reply("chunkAccepted");
    daemon.pass(SUBMISSION_LIFE_MS - 1);
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1);
    daemon.take("forgetSubmission");
    daemon.ask({ type: "appendSubmission", submission, index: 1, bytes });
    expect(daemon.reply("refused").code).toBe("notFound");
    expect(daemon.unexpected()).toEqual([]);
    sealed(daemon);
    daemon.pass(10 * SUBMISSION_LIFE_MS);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("is refused beyond the bounds: number, environment, size", () => {
    const daemon = new Daemon();
    for (let i = 0; i < 1000; i++) opened(daemon);
    daemon.ask({ type: "openSubmission", options, key: null, isNewKey: false, whole: null, follow: false });
    expect(daemon.reply("refused").code).toBe("refused");
    expect(daemon.unexpected()).toEqual([]);
    const other = new Daemon();
    const env = { LARGE: "x".repeat(ENVIRONMENT_BYTES_MAX) };
    other.ask({
      type: "openSubmission",
      options: { ...options, env },
      key: null,
      isNewKey: false,
      whole: null,
      follow: false,
    });
    expect(other.reply("refused").message).toContain("--clean-env");
    const submission = opened(other);
    const piece = new Uint8Array(SUBMISSION_CHUNK_BYTES);
    const pieces = DOCUMENT_BYTES_MAX / SUBMISSION_CHUNK_BYTES;
    for (let index = 0; index < pieces; index++) {
      other.ask({ type: "appendSubmission", submission, index, bytes: piece });
      other.take("storeChunk");
      other.feed({ type: "chunkStored", submission, index });
      other.reply("chunkAccepted");
    }
    refused(other, submission, other.ask({ type: "appendSubmission", submission, index: pieces, bytes }));
  });

  it("is refused when its pieces are larger, or more at a time, than a client may send", () => {
    const daemon = new Daemon();
    const first = opened(daemon);
    const large = new Uint8Array(SUBMISSION_CHUNK_BYTES + 1);
    refused(
      daemon,
      first,
      daemon.ask({ type: "appendSubmission", submission: first, index: 0, bytes: large }),
    );
    const second = opened(daemon);
    for (let index = 0; index < SUBMISSION_WINDOW; index++) {
      daemon.ask({ type: "appendSubmission", submission: second, index, bytes });
      daemon.take("storeChunk");
    }
    daemon.ask({ type: "appendSubmission", submission: second, index: SUBMISSION_WINDOW, bytes });
    expect(daemon.reply("refused").code).toBe("refused");
  });

  it("of a client that has gone is accepted all the same", () => {
    const daemon = new Daemon();
    const { submission } = sealed(daemon);
    daemon.feed({ type: "clientGone", client: CLIENT });
    daemon.plan(submission);
    const { record } = daemon.take("storeJob");
    daemon.feed({ type: "jobStored", submission, record });
    expect(daemon.state.jobs.size).toBe(1);
  });

  it("is refused while the daemon stops", () => {
    const daemon = new Daemon();
    daemon.feed({ type: "terminationAsked" });
    daemon.ask({ type: "openSubmission", options, key: null, isNewKey: false, whole: null, follow: false });
    expect(daemon.reply("refused").code).toBe("refused");
    daemon.take("announceLeaving");
    daemon.take("leave");
    expect(daemon.unexpected()).toEqual([]);
  });
});
