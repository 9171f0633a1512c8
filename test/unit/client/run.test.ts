import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SubmissionOptions } from "../../../protocol/clientLink.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import { type Connection, openConnection } from "../../../src/client/connection.ts";
import { runDocument } from "../../../src/client/run.ts";
import type { AcceptedJob } from "../../../src/client/submit.ts";
import {
  type Answer,
  type FakeManager,
  makeHome,
  openFakeManager,
  type Say,
  type TestHome,
} from "./fakeManager.ts";
import { counts, summary } from "./records.ts";

const homes: TestHome[] = [];
const fakes: FakeManager[] = [];
const connections: Connection[] = [];

beforeEach(() => {
  homes.push(makeHome());
});

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  for (const fake of fakes.splice(0)) await fake.close();
  for (const home of homes.splice(0)) home.remove();
});

async function manager(answer: Answer): Promise<FakeManager> {
  const [home] = homes.slice(-1);
  if (home === undefined) throw new Error("there is a home");
  const fake = await openFakeManager(home, answer);
  fakes.push(fake);
  return fake;
}

async function reach(): Promise<Connection> {
  const last = connections.at(-1);
  if (last?.isOpen === true) return last;
  const outcome = await openConnection(`${homes.at(-1)?.runFolder}/manager.ipc`);
  if (outcome.type !== "connected") throw new Error("nobody listens");
  connections.push(outcome.connection);
  return outcome.connection;
}

const options: SubmissionOptions = {
  name: null,
  source: "flow.yaml",
  directory: { type: "existing", path: "/data" },
  env: {},
  import: { format: null, timeScale: 1, sizeScale: 0, jx: [] },
  umask: 0o022,
  retries: null,
  priority: 0,
};
const document = Buffer.from("{}");

const accept = (say: Say, request: number): void =>
  say({ type: "jobAccepted", request, job: jobSeq(3), tasks: 1, repeated: false });
const change = (say: Say, request: number, state: "running" | "succeeded" | "failed"): void =>
  say({
    type: "jobChanged",
    request,
    summary: summary({ job: jobSeq(3), state, tasks: counts({ succeeded: 1 }) }),
    running: [],
  });

describe("runDocument", () => {
  it("asks once, and resolves with the end when the job is accepted, whichever is told first", async () => {
    const told: string[] = [];
    const fake = await manager(({ type, request }, say) => {
      if (type !== "openSubmission") return;
      change(say, request, "running");
      change(say, request, "failed");
      setImmediate(() => {
        told.push("accepted");
        accept(say, request);
      });
    });
    const accepted: AcceptedJob[] = [];
    const ended = await runDocument(reach, { document, options, onAccepted: (job) => accepted.push(job) });
    expect(ended).toMatchObject({ job: 3, state: "failed" });
    expect(told).toEqual(["accepted"]);
    expect(accepted).toEqual([{ job: 3, tasks: 1, repeated: false }]);
    expect(fake.asked.map(({ type }) => type)).toEqual(["hello", "openSubmission"]);
    expect(fake.asked[1]).toMatchObject({ follow: true });
  });

  it("follows the job over the next connection when the manager goes away after the acceptance", async () => {
    const first = await manager(({ type, request }, say) => {
      if (type !== "openSubmission") return;
      accept(say, request);
    });
    let next: FakeManager | null = null;
    const moved = async (): Promise<void> => {
      homes.push(makeHome());
      next = await manager(({ type, request }, say) => {
        if (type === "followJobs") change(say, request, "succeeded");
      });
      await first.close();
    };
    const ended = await runDocument(reach, { document, options, onAccepted: () => void moved() });
    expect(ended.state).toBe("succeeded");
    expect(next).toMatchObject({ asked: [{ type: "hello" }, { type: "followJobs", jobs: [3] }] });
  });

  it("throws when it is aborted, and tells the manager", async () => {
    const leave = new AbortController();
    let heard = (): void => undefined;
    const unfollowed = new Promise<void>((resolve) => {
      heard = resolve;
    });
    await manager(({ type, request }, say) => {
      if (type === "openSubmission") accept(say, request);
      if (type === "unfollow") heard();
    });
    const running = runDocument(reach, {
      document,
      options,
      signal: leave.signal,
      onAccepted: () => leave.abort(),
    });
    await expect(running).rejects.toMatchObject({ code: "interrupted" });
    await unfollowed;
  });

  it("throws what is wrong with the document", async () => {
    await manager(({ type, request }, say) => {
      const faults = [{ message: "no", line: 1, column: 1 }];
      if (type === "openSubmission") say({ type: "documentInvalid", request, faults, total: 1 });
    });
    await expect(runDocument(reach, { document, options })).rejects.toMatchObject({
      code: "invalidDocument",
    });
  });
});
