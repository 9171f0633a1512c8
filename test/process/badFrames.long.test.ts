/** Frames that nobody of ours sends, on every socket of a daemon: nothing breaks, and it is counted. */
import { createConnection } from "node:net";
import { readdirSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Dealer } from "zeromq";
import { probeForkserver } from "../../executor/forkserver/client.ts";
import { type ClientReply, clientReplySchema } from "../../protocol/clientLink.ts";
import { ACTOR_FORM } from "../../protocol/actorForm.ts";
import { decodeFrame, encodeFrame } from "../../protocol/codec.ts";
import { FrameCutter } from "../../protocol/forkserverBytes.ts";
import { decodeFact } from "../../protocol/forkserverFactCodec.ts";
import { MANAGER_SOCKET_NAME, seatNumber, seatSocketName } from "../../protocol/ids.ts";
import { FRAME_BYTES_MAX } from "../../protocol/limits.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { Client } from "../../src/client/index.ts";
import { showJob, submitJob } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { expectUnbroken, managerPid } from "./refusals.ts";
import { startedDaemon } from "./startedDaemon.ts";

let qrew: QrewFolder;
let client: Client;
let manager: number;
/** A job that runs through everything here. */
let witness: number;

beforeAll(async () => {
  qrew = await startedDaemon("--cpus", "2");
  manager = await managerPid(qrew);
  client = await qrew.client({ start: "never" });
  witness = await submitJob(qrew, [{ name: "witness", command: ["sleep", "600"] }]);
  await until("the witness", async () => (await showJob(qrew, witness)).tasks.running === 1);
});

afterAll(async () => {
  await client?.close();
  await qrew?.close();
});

const socketPath = (name: string): string => path.join(client.home.runFolder, name);

async function status() {
  return readJson(shapes.daemonStatus, (await qrew.call("daemon", "status", "--json")).stdout);
}

async function counted(fault: string): Promise<number> {
  return (await status()).refusedFrames[fault] ?? 0;
}

/** Does something `times` times over, and resolves when the daemon has refused that many more frames for this fault. */
async function expectCounted(fault: string, times: number, action: () => Promise<void>): Promise<void> {
  const before = await counted(fault);
  await action();
  await until(`${times} more ${fault}`, async () => (await counted(fault)) >= before + times);
  expect(await counted(fault)).toBe(before + times);
}

/** The daemon is the same, the running task has not noticed, and the next job runs. */
async function expectNothingBroken(): Promise<void> {
  await expectUnbroken(qrew, manager);
  expect((await showJob(qrew, witness)).tasks).toMatchObject({ running: 1, total: 1 });
  const roles = (await status()).processes.map(({ role }) => role);
  expect(roles).toEqual(expect.arrayContaining(["manager", "worker", "executor", "forkserver"]));
}

/** Sends frames, gives the frames that come back as long as any of so many `answers` is missing, and closes. */
async function exchange(
  socket: string,
  frames: readonly Buffer[],
  answers: number,
  routingId?: string,
): Promise<readonly Buffer[]> {
  const dealer = new Dealer({
    linger: 2000,
    receiveTimeout: 10_000,
    ...(routingId === undefined ? {} : { routingId }),
  });
  try {
    dealer.connect(`ipc://${socketPath(socket)}`);
    for (const frame of frames) await dealer.send(frame);
    const received: Buffer[] = [];
    while (received.flatMap(repliesOf).length < answers) received.push(...(await dealer.receive()));
    return received;
  } finally {
    dealer.close();
  }
}

/** Answers of one turn of the manager come in one frame. */
function repliesOf(bytes: Buffer): readonly ClientReply[] {
  const frame = decodeFrame(bytes, clientReplySchema);
  return frame.ok ? frame.messages : [];
}

const GARBAGE = [
  Buffer.alloc(0),
  Buffer.from("\0\0\0\0"),
  Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  Buffer.alloc(70_000, 0xff),
];

function ofVersion(version: number): Buffer {
  const frame = encodeFrame(0, [{ type: "hello", request: 1, packageVersion: "9.9.9" }]);
  frame[4] = version;
  return frame;
}

/** Frames of the right version whose content no schema has. */
const MALFORMED = [
  encodeFrame(0, [{ type: "makeCoffee", request: 7 }]),
  encodeFrame(0, [{ type: "hello", request: -1, packageVersion: "0" }]),
  encodeFrame(0, [{ type: "cancelJobs", request: 1, jobs: ["1"], extra: true }]),
  Buffer.concat([encodeFrame(0, []).subarray(0, 5), Buffer.from([0xc1, 0xc1, 0xc1])]),
  encodeFrame(0, []).subarray(0, 5),
];

it("ignores and counts what is no qrew frame, on the manager's socket", async () => {
  await expectCounted("notQrew", GARBAGE.length, async () => {
    await exchange(MANAGER_SOCKET_NAME, GARBAGE, 0);
  });
  await expectNothingBroken();
});

it("answers a frame of another protocol version in a frame that all versions can tell", async () => {
  await expectCounted("otherVersion", 2, async () => {
    const frames = [ofVersion(PROTOCOL_VERSION + 1), ofVersion(0)];
    const answers = await exchange(MANAGER_SOCKET_NAME, frames, 2);
    for (const answer of answers) {
      expect(answer.subarray(0, 4).toString()).toBe("QREW");
    }
    for (const reply of answers.flatMap(repliesOf))
      expect(reply).toMatchObject({ type: "refused", request: 0, code: "otherVersion" });
  });
  await expectNothingBroken();
});

it("refuses and counts requests that it does not know or that do not fit", async () => {
  await expectCounted("malformed", MALFORMED.length, async () => {
    const answers = await exchange(MANAGER_SOCKET_NAME, MALFORMED, MALFORMED.length);
    expect(answers.flatMap(repliesOf)).toHaveLength(MALFORMED.length);
    for (const reply of answers.flatMap(repliesOf))
      expect(reply).toMatchObject({ type: "refused", request: 0, code: "refused" });
  });
  await expectNothingBroken();
});

it("disconnects who sends a frame that is too large", async () => {
  for (const socket of [MANAGER_SOCKET_NAME, seatSocketName(seatNumber(0))]) {
    const dealer = new Dealer({ linger: 0, reconnectInterval: -1 });
    const disconnected = (async () => {
      for await (const { type } of dealer.events) if (type === "disconnect") return type;
      return null;
    })();
    try {
      dealer.connect(`ipc://${socketPath(socket)}`);
      await dealer.send(Buffer.alloc(FRAME_BYTES_MAX + 1, 0x51));
      expect(await disconnected).toBe("disconnect");
    } finally {
      dealer.close();
    }
  }
  await expectNothingBroken();
});

it("ignores and counts strangers and bad frames on a QWorker's socket", async () => {
  const seat = seatSocketName(seatNumber(0));
  await expectCounted("unexpected", 3, async () => {
    await exchange(
      seat,
      [encodeFrame(9, [{ type: "leave" }]), ofVersion(PROTOCOL_VERSION + 1), Buffer.from("x")],
      0,
    );
  });
  const asExecutor = (frames: readonly Buffer[]) => exchange(seat, frames, 0, "executor-0");
  await expectCounted("notQrew", GARBAGE.length, async () => void (await asExecutor(GARBAGE)));
  await expectCounted(
    "otherVersion",
    1,
    async () => void (await asExecutor([ofVersion(PROTOCOL_VERSION + 1)])),
  );
  await expectCounted("malformed", MALFORMED.length, async () => void (await asExecutor(MALFORMED)));
  // Well formed, and said by nobody who has greeted.
  await expectCounted("oldEpoch", 1, async () => {
    await asExecutor([encodeFrame(77, [{ type: "attemptsEnded", attempts: [] }], ACTOR_FORM)]);
  });
  await expectNothingBroken();
});

/** Writes bytes on a unix socket and gives what came back until the other side ends it. */
function talk(socket: string, bytes: Uint8Array, end = false): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const stream = createConnection({ path: socketPath(socket), allowHalfOpen: true });
    const late = setTimeout(() => stream.destroy(new Error(`${socket} does not end the connection`)), 20_000);
    stream.on("data", (piece: Buffer) => received.push(piece));
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // It closes while we still write.
      if (error.code !== "EPIPE" && error.code !== "ECONNRESET") reject(error);
    });
    stream.on("end", () => stream.end());
    stream.on("close", () => {
      clearTimeout(late);
      resolve(Buffer.concat(received));
    });
    stream.write(bytes);
    if (end) stream.end();
  });
}

it("is not moved by bytes that are not even ZeroMQ", async () => {
  for (const socket of [MANAGER_SOCKET_NAME, seatSocketName(seatNumber(0))]) {
    for (const bytes of GARBAGE) await talk(socket, bytes, true);
  }
  await expectNothingBroken();
});

it("is told by a forkserver why it ends a connection", async () => {
  const fork = readdirSync(path.dirname(socketPath("any"))).find((name) => name.startsWith("fork00-")) ?? "";
  const pid = (await probeForkserver(socketPath(fork)))?.pid;
  const header = (length: number, ...bytes: readonly number[]): Buffer => {
    const frame = Buffer.alloc(4 + bytes.length, 0);
    frame.writeUInt32LE(length);
    frame.set(bytes, 4);
    return frame;
  };
  const bad = [
    header(0xffff_ffff),
    header(0),
    header(1, 99),
    // hello of version 9; spawn without anything; a string that is longer than its frame.
    header(6, 1, 9, 0, 0, 0, 0),
    header(1, 3),
    header(13, 2, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0),
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  ];
  for (const bytes of bad) {
    const { frames } = new FrameCutter().push(await talk(fork, bytes));
    const facts = frames.map((frame) => decodeFact(frame)).flatMap((fact) => (fact.ok ? [fact.value] : []));
    expect(facts.at(-1)?.type).toBe("refused");
  }
  // Half a frame, and gone.
  await talk(fork, header(1000, 3, 0, 0), true);
  expect((await probeForkserver(socketPath(fork)))?.pid).toBe(pid);
  await expectNothingBroken();
});
