import { linkSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClientReply } from "../../../protocol/clientLink.ts";
import { encodeFrame } from "../../../protocol/codec.ts";
import type { QrewError } from "../../../protocol/errors.ts";
import { MANAGER_SOCKET_NAME } from "../../../protocol/ids.ts";
import { type Connection, openConnection } from "../../../src/client/connection.ts";
import { type Answer, type FakeManager, makeHome, openFakeManager, type TestHome } from "./fakeManager.ts";
import { matching } from "./matching.ts";

let home: TestHome;
const opened: (Connection | FakeManager)[] = [];

beforeEach(() => {
  home = makeHome();
});

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  home.remove();
});

const socketPath = (): string => path.join(home.runFolder, MANAGER_SOCKET_NAME);

async function manager(answer: Answer): Promise<FakeManager> {
  const fake = await openFakeManager(home, answer);
  opened.push(fake);
  return fake;
}

async function connected(timeoutMs?: number): Promise<Connection> {
  const outcome = await openConnection(socketPath(), timeoutMs);
  if (outcome.type !== "connected") throw new Error("nobody listens");
  opened.unshift(outcome.connection);
  return outcome.connection;
}

const chunk = (request: number, index: number): ClientReply => ({ type: "chunkAccepted", request, index });

const STANDSTILL_DEADLINE_MS = 300;

describe("openConnection", () => {
  it("finds nobody where there is no socket", async () => {
    expect(await openConnection(socketPath())).toEqual({ type: "absent" });
  });

  it("finds nobody where a killed manager has left its socket", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(`${socketPath()}.bound`, resolve));
    // A server that closes in peace removes its name; the second one stays, as after kill -9.
    linkSync(`${socketPath()}.bound`, socketPath());
    await new Promise((resolve) => server.close(resolve));
    expect(await openConnection(socketPath())).toEqual({ type: "absent" });
  });

  it("greets, and knows the manager's pid", async () => {
    const fake = await manager(() => undefined);
    const connection = await connected();
    expect(connection.managerPid).toBe(process.pid);
    expect(fake.asked.map(({ type }) => type)).toEqual(["hello"]);
  });

  it("refuses a manager of another version with instructions", async () => {
    const fake = await manager(() => undefined);
    fake.version = "9.9.9";
    await expect(openConnection(socketPath())).rejects.toMatchObject({
      code: "otherVersion",
      message: matching(/qrew 9\.9\.9.*qrew daemon stop/s),
    });
  });
});

describe("requests", () => {
  it("get their own answers, whatever the order", async () => {
    const held: (() => void)[] = [];
    await manager((request, say) => {
      held.push(() => say(chunk(request.request, request.request)));
      if (held.length === 3) for (const answer of held.toReversed()) answer();
    });
    const connection = await connected();
    const replies = await Promise.all([1, 2, 3].map(() => connection.request({ type: "daemonStatus" })));
    const numbers = replies.map((reply) => (reply.type === "chunkAccepted" ? reply.index : null));
    expect(numbers).toEqual([2, 3, 4]);
  });

  it("fail alone when they cannot be written, beside others of the same turn", async () => {
    await manager((request, say) => say(chunk(request.request, 1)));
    const connection = await connected();
    // What no type allows, as a program without types may pass it.
    const jobs: never[] = Object.assign([], [Symbol("job")]);
    const outcomes = await Promise.allSettled([
      connection.request({ type: "daemonStatus" }),
      connection.request({ type: "cancelJobs", jobs }),
      connection.request({ type: "daemonStatus" }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(connection.isOpen).toBe(true);
  });

  it("are rejected with what the manager says when it refuses", async () => {
    await manager((request, say) =>
      say({ type: "refused", request: request.request, code: "notFound", message: "There is no job 7." }),
    );
    const connection = await connected();
    await expect(connection.request({ type: "cancelJobs", jobs: [] })).rejects.toMatchObject({
      code: "notFound",
      message: "There is no job 7.",
    });
    expect(connection.isOpen).toBe(true);
  });

  it("end at their deadline", async () => {
    await manager(() => undefined);
    const connection = await connected();
    await expect(connection.request({ type: "daemonStatus" }, 30)).rejects.toMatchObject({
      code: "unreachable",
      message: matching(/does not answer/),
    });
  });

  it("do not end for a standstill in which the answer came", async () => {
    await manager((request, say) => {
      say(chunk(request.request, 7));
      // All of the process stands still, as when its machine does.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * STANDSTILL_DEADLINE_MS);
    });
    const connection = await connected();
    const reply = await connection.request({ type: "daemonStatus" }, STANDSTILL_DEADLINE_MS);
    expect(reply).toMatchObject({ type: "chunkAccepted", index: 7 });
  });

  it("end when the manager goes away, those that come later as well", async () => {
    const fake = await manager(() => void fake.close());
    const connection = await connected();
    await expect(connection.request({ type: "daemonStatus" })).rejects.toMatchObject({ code: "unreachable" });
    expect(connection.isOpen).toBe(false);
    await expect(connection.request({ type: "daemonStatus" })).rejects.toMatchObject({ code: "unreachable" });
  });

  it("hear what was said just before the manager left", async () => {
    const last = 500;
    const fake = await manager((request, say) => {
      for (let index = 0; index <= last; index += 1) say(chunk(request.request, index));
      void fake.close();
    });
    const connection = await connected();
    const heard: number[] = [];
    const error = await new Promise<QrewError>((resolve) => {
      connection.open(
        { type: "daemonStatus" },
        {
          answered: (reply) => {
            if (reply.type === "chunkAccepted") heard.push(reply.index);
          },
          failed: resolve,
        },
      );
    });
    expect(heard.length).toBe(last + 1);
    expect(error.code).toBe("unreachable");
  });

  it.each([
    ["is none", Buffer.from("garbage"), "internal"],
    ["does not fit the protocol", encodeFrame(0, [{ type: "welcome" }]), "internal"],
    ["is of another version", ofVersion(99), "otherVersion"],
  ])("all fail when a frame comes that %s", async (_, frame, code) => {
    await manager((request, say) => {
      if (request.type === "cancelJobs") say(frame);
    });
    const connection = await connected();
    const requests = [
      connection.request({ type: "daemonStatus" }),
      connection.request({ type: "cancelJobs", jobs: [] }),
    ];
    const results = await Promise.allSettled(requests);
    for (const result of results) expect(result).toMatchObject({ status: "rejected", reason: { code } });
    expect(connection.isOpen).toBe(false);
  });
});

function ofVersion(version: number): Buffer {
  const frame = encodeFrame(0, []);
  frame[4] = version;
  return frame;
}
