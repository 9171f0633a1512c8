import { describe, expect, it } from "vitest";
import { cpus, Daemon, jobRecord, SEAT } from "./daemon.ts";

const ask = (follow = false, priority = 0) =>
  ({
    type: "openSubmission",
    options: {
      name: null,
      source: "one.yaml",
      directory: { type: "existing", path: "/data" },
      env: {},
      import: { format: null, timeScale: 1, sizeScale: 0, jx: [] },
      retries: null,
      umask: 0o022,
      priority,
    },
    key: null,
    isNewKey: false,
    whole: new Uint8Array(3),
    follow,
  }) as const;

/** A daemon whose one QWorker has run job 1. */
function idle(workersMax = 1): Daemon {
  const daemon = new Daemon({ capacity: cpus(2), workersMax });
  daemon.store(jobRecord(1));
  daemon.ready();
  daemon.finish(1);
  daemon.forget();
  return daemon;
}

function planned(daemon: Daemon, asked = ask()) {
  daemon.ask(asked);
  const { submission } = daemon.take("keepDocument");
  daemon.plan(submission, { isOrdinarySingle: true });
  return { submission, record: daemon.take("storeJob").record };
}

describe("a submission while a QWorker has nothing to do", () => {
  it("is recorded with its place, and told to the QWorker without another record", () => {
    const daemon = idle();
    const { submission, record } = planned(daemon);
    expect(record).toMatchObject({ state: "running", seat: SEAT, startedAtMs: daemon.wallMs });
    expect(record.tasks).toMatchObject({ total: 1, waiting: 0, ready: 1 });
    expect(daemon.commands("assignJob")).toEqual([]);
    daemon.feed({ type: "jobStored", submission, record });
    expect(daemon.takeAll("recordJob")).toEqual([]);
    expect(daemon.command("assignJob")).toMatchObject({ job: 2, isPooled: true });
    expect(daemon.reply("jobAccepted")).toMatchObject({ job: 2 });
  });

  it("is told of as running where it is followed and takes its time", () => {
    const daemon = idle();
    const { submission, record } = planned(daemon, ask(true));
    daemon.feed({ type: "jobStored", submission, record });
    daemon.pass(50);
    expect(daemon.changes()).toEqual([{ job: 2, state: "running", flushed: false }]);
  });

  it("gets its loan at once where it does not borrow with others", () => {
    const daemon = idle();
    daemon.ask(ask(false, 3));
    const { submission } = daemon.take("keepDocument");
    daemon.plan(submission, { demand: [{ priority: 0, resources: cpus(1), count: 1 }] });
    const { record } = daemon.take("storeJob");
    daemon.feed({ type: "jobStored", submission, record });
    expect(daemon.command("setLoan")).toMatchObject({ job: 2, resources: cpus(1) });
  });

  it("queues as ever where another is under way, waits, or has a place there", () => {
    const daemon = idle();
    daemon.ask(ask());
    const { submission: first } = daemon.take("keepDocument");
    expect(planned(daemon).record).toMatchObject({ state: "queued", seat: null });
    daemon.plan(first);
    const stored = daemon.take("storeJob").record;
    expect(stored).toMatchObject({ state: "queued", seat: null });
    daemon.feed({ type: "jobStored", submission: first, record: stored });
    daemon.forget();
    const busy = idle();
    busy.store(jobRecord(2));
    expect(planned(busy).record).toMatchObject({ state: "queued", seat: null });
  });

  it("queues as ever behind one that has come to the queue in the same moment", () => {
    const daemon = idle();
    const { submission, record } = planned(daemon);
    daemon.ask(ask());
    const { submission: second } = daemon.take("keepDocument");
    const documentPlanned = {
      type: "documentPlanned",
      submission: second,
      name: null,
      taskCount: 1,
    } as const;
    daemon.feed(
      { type: "jobStored", submission, record: { ...record, state: "queued", seat: null } },
      { ...documentPlanned, demand: [], isOrdinarySingle: true },
    );
    expect(daemon.take("storeJob").record).toMatchObject({ state: "queued", seat: null });
  });

  it("queues as ever while the QWorker is only being started", () => {
    const daemon = idle();
    daemon.lose();
    daemon.pass(60_000);
    daemon.take("startWorker");
    expect(planned(daemon).record).toMatchObject({ state: "queued", seat: null });
  });

  it("queues as ever while the daemon stops", () => {
    const daemon = idle();
    daemon.ask(ask());
    const { submission } = daemon.take("keepDocument");
    daemon.ask({ type: "stopDaemon", mode: "drain" });
    daemon.plan(submission);
    expect(daemon.take("storeJob").record).toMatchObject({ state: "queued", seat: null });
  });

  it("queues as ever where it is too large to be stored in a moment", () => {
    const daemon = idle();
    daemon.ask(ask());
    const { submission } = daemon.take("keepDocument");
    daemon.plan(submission, { taskCount: 1001 });
    expect(daemon.take("storeJob").record).toMatchObject({ state: "queued", seat: null });
  });
});

describe("a place that is gone when the job is stored", () => {
  it("is given anew when the QWorker has died", () => {
    const daemon = idle();
    const { submission, record } = planned(daemon);
    daemon.lose();
    daemon.feed({ type: "jobStored", submission, record });
    expect(daemon.commands("assignJob")).toEqual([]);
    daemon.pass(60_000);
    daemon.ready();
    expect(daemon.command("assignJob")).toMatchObject({ job: 2 });
  });

  it("is given anew elsewhere when the store of the seat is damaged", () => {
    const daemon = idle(2);
    const { submission, record } = planned(daemon);
    daemon.lose(SEAT, "it is damaged");
    daemon.feed({ type: "jobStored", submission, record });
    const other = daemon.take("startWorker").seat;
    expect(other).not.toBe(SEAT);
    daemon.ready(other);
    expect(daemon.commands("assignJob")).toMatchObject([{ seat: other, job: 2 }]);
  });

  it("is behind those that are more urgent, and within the bound of the seat", () => {
    const daemon = idle();
    const { submission, record } = planned(daemon);
    daemon.store(...Array.from({ length: 70 }, (_, index) => jobRecord(3 + index, { priority: 5 })));
    daemon.forget();
    daemon.feed({ type: "jobStored", submission, record });
    expect(daemon.take("recordJob").record).toMatchObject({ job: 2, state: "queued", seat: null });
    expect(daemon.commands("assignJob")).toEqual([]);
    expect(daemon.state.queue.at(-1)?.record).toMatchObject({ job: 2, startedAtMs: null });
    expect(daemon.state.queue.at(-1)?.record.tasks).toMatchObject({ waiting: 1, ready: 0 });
  });

  it("is not taken while the daemon stops: the job is there for the next one", () => {
    const daemon = idle();
    const { submission, record } = planned(daemon);
    daemon.ask({ type: "stopDaemon", mode: "drain" });
    daemon.feed({ type: "jobStored", submission, record });
    expect(daemon.take("recordJob").record).toMatchObject({ job: 2, state: "queued", seat: null });
    expect(daemon.commands("assignJob")).toEqual([]);
    expect(daemon.reply("jobAccepted")).toMatchObject({ job: 2 });
  });
});
