import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { type Connection, openConnection } from "../../../src/client/connection.ts";
import { FOLLOW_TRIES_MAX, followJobs, type JobChange } from "../../../src/client/follow.ts";
import {
  type Answer,
  type FakeManager,
  makeHome,
  openFakeManager,
  type Say,
  type TestHome,
} from "./fakeManager.ts";
import { counts, summary } from "./records.ts";

let home: TestHome;
const fakes: FakeManager[] = [];
const connections: Connection[] = [];

beforeEach(() => {
  home = makeHome();
});

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  for (const fake of fakes.splice(0)) await fake.close();
  home.remove();
});

async function manager(answer: Answer, at: TestHome = home): Promise<FakeManager> {
  const fake = await openFakeManager(at, answer);
  fakes.push(fake);
  return fake;
}

async function reach(at: TestHome = home): Promise<Connection> {
  const last = connections.at(-1);
  if (last?.isOpen === true) return last;
  const outcome = await openConnection(`${at.runFolder}/manager.ipc`);
  if (outcome.type !== "connected") throw new Error("nobody listens");
  connections.push(outcome.connection);
  return outcome.connection;
}

const changed = (say: Say, request: number, job: number, state: "running" | "succeeded" | "failed"): void =>
  say({
    type: "jobChanged",
    request,
    summary: summary({ job: jobSeq(job), state, tasks: counts({ succeeded: 1 }) }),
    running: [],
  });

async function collect(changes: AsyncIterable<JobChange>): Promise<string[]> {
  const seen: string[] = [];
  for await (const change of changes) seen.push(`${change.summary.job} ${change.summary.state}`);
  return seen;
}

describe("followJobs", () => {
  it("ends when all jobs are final", async () => {
    await manager(({ type, request }, say) => {
      if (type !== "followJobs") return;
      changed(say, request, 1, "running");
      changed(say, request, 2, "failed");
      changed(say, request, 1, "succeeded");
    });
    const seen = await collect(followJobs(() => reach(), [jobSeq(1), jobSeq(2)]));
    // A slow reader may miss what is in between, never the end.
    expect(seen).toContain("2 failed");
    expect(seen.at(-1)).toBe("1 succeeded");
  });

  it("goes on with the next manager, for the jobs that are left", async () => {
    const second = makeHome();
    try {
      const first = await manager(({ type, request }, say) => {
        if (type !== "followJobs") return;
        changed(say, request, 1, "succeeded");
        changed(say, request, 2, "running");
      });
      const next = await manager(({ type, request }, say) => {
        if (type === "followJobs") changed(say, request, 2, "succeeded");
      }, second);
      const seen: string[] = [];
      let at = home;
      for await (const { summary: now } of followJobs(() => reach(at), [jobSeq(1), jobSeq(2)])) {
        seen.push(`${now.job} ${now.state}`);
        if (now.job !== 2 || now.state !== "running") continue;
        at = second;
        await first.close();
      }
      expect(seen).toEqual(["1 succeeded", "2 running", "2 succeeded"]);
      expect(next.asked.find(({ type }) => type === "followJobs")).toMatchObject({ jobs: [2] });
    } finally {
      second.remove();
    }
  });

  it("gives up after a bounded number of managers", async () => {
    let tries = 0;
    const dying = async (): Promise<Connection> => {
      tries += 1;
      const at = makeHome();
      const fake = await openFakeManager(at, () => void fake.close());
      const outcome = await openConnection(`${at.runFolder}/manager.ipc`);
      at.remove();
      if (outcome.type !== "connected") throw new Error("nobody listens");
      return outcome.connection;
    };
    await expect(collect(followJobs(dying, [jobSeq(1)]))).rejects.toMatchObject({ code: "unreachable" });
    expect(tries).toBe(FOLLOW_TRIES_MAX);
  });

  it("throws at once for a job that does not exist", async () => {
    const fake = await manager(({ request }, say) =>
      say({ type: "refused", request, code: "notFound", message: "There is no job 9." }),
    );
    await expect(collect(followJobs(() => reach(), [jobSeq(9)]))).rejects.toMatchObject({ code: "notFound" });
    expect(fake.asked.filter(({ type }) => type === "followJobs").length).toBe(1);
  });

  it("ends when it is aborted, and tells the manager", async () => {
    const leave = new AbortController();
    let heard = (): void => undefined;
    const unfollowed = new Promise<void>((resolve) => {
      heard = resolve;
    });
    await manager(({ type, request }, say) => {
      if (type === "followJobs") changed(say, request, 1, "running");
      if (type === "unfollow") heard();
    });
    const seen: string[] = [];
    for await (const change of followJobs(() => reach(), [jobSeq(1)], leave.signal)) {
      seen.push(change.summary.state);
      leave.abort();
    }
    await unfollowed;
    expect(seen).toEqual(["running"]);
  });
});
