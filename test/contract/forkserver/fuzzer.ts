/** Sends the streams of a seed to a sanitized forkserver, and looks at what is left of it afterwards. */
import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { FrameCutter } from "../../../protocol/forkserverBytes.ts";
import { encodeCommands } from "../../../protocol/forkserverCommandCodec.ts";
import { decodeFact } from "../../../protocol/forkserverFactCodec.ts";
import type { ForkserverFact } from "../../../protocol/forkserverLink.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import { Random } from "../../sim/random.ts";
import { until } from "../../support/until.ts";
import { type Controller, exited } from "./controller.ts";
import { Fixture } from "./fixture.ts";
import { FUZZ_JOBS, pieces, type Stream, streamOf } from "./fuzzStreams.ts";
import { DEADLINE_MS, isAlive } from "./lookups.ts";
import { complaintIn, useSanitized } from "./sanitized.ts";

/** Jobs of this side's own, which no stream touches. */
const KEEPER_JOB = jobSeq(1_000_000);
/** Between two reports while something is left. */
const LOOK_MS = 10;
/** What the sanitizer, the tables and one large frame may take beyond what was there before. */
const GROWTH_BYTES_MAX = 32 * 1024 * 1024;

/** Throws with what is wrong, and the seed's round. Resolves to how many streams were understood, and how many refused. */
export async function fuzz(seed: number, rounds: number): Promise<{ understood: number; refused: number }> {
  const useOther = useSanitized();
  const fixture = new Fixture("c");
  try {
    const { client } = await fixture.open();
    const random = new Random(seed);
    const counts = { understood: 0, refused: 0 };
    await openKeeper(fixture);
    let startBytes = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round++) {
      const stream = streamOf(random, fixture);
      await sendStream(fixture, random, stream).catch((error: unknown) => {
        throw new Error(`seed ${seed}, round ${round}: ${String(error)}\n${log(fixture)}`, { cause: error });
      });
      counts[stream.fault === null ? "understood" : "refused"] += 1;
      // By then every job has a context, and every buffer the size that it needs.
      if (round === rounds >> 2) startBytes = await cleanUp(fixture, client.pid);
    }
    const growth = (await cleanUp(fixture, client.pid)) - startBytes;
    if (growth > GROWTH_BYTES_MAX) throw new Error(`seed ${seed}: it has grown by ${growth} bytes`);
    await endOf(fixture, client.pid);
    return counts;
  } finally {
    useOther();
    await fixture.dispose();
  }
}

/** With something that runs, `leave` is not heeded. */
async function openKeeper(fixture: Fixture): Promise<void> {
  const controller = await fixture.open();
  const spawn = fixture.spawn(KEEPER_JOB, ["/bin/sleep", "1000"]);
  controller.send(
    { type: "context", job: KEEPER_JOB, directory: fixture.folder, umask: 0, env: [] },
    { type: "setCap", job: KEEPER_JOB, serial: 1, cpusMilli: 2000 },
    spawn,
  );
  await controller.started(spawn.key);
}

/** A connection whose bytes all fit answers the report at their end; any other is told why, and closed. */
async function sendStream(fixture: Fixture, random: Random, stream: Stream): Promise<void> {
  const socket = createConnection({ path: fixture.target.socketPath });
  const answered = new Promise<ForkserverFact["type"]>((resolve, reject) => {
    setTimeout(() => reject(new Error("it does not answer")), DEADLINE_MS).unref();
    const cutter = new FrameCutter();
    let reports = countReports(stream) + 1;
    socket.on("data", (chunk) => {
      for (const frame of cutter.push(chunk).frames) {
        const fact = decodeFact(frame);
        if (!fact.ok) return reject(new Error(`it said ${fact.detail}`));
        if (fact.value.type === "refused") resolve("refused");
        if (fact.value.type === "report" && --reports === 0) resolve("report");
      }
    });
    // Its word may be lost where it is closed while this side still writes.
    socket.on("close", () => resolve("refused"));
    socket.on("error", () => undefined);
  });
  for (const piece of pieces(random, stream.bytes)) await write(socket, piece);
  await write(socket, encodeCommands([{ type: "report" }]).bytes);
  const expected = isCutShort(stream) ? null : stream.fault === null ? "report" : "refused";
  // Of a frame that never ends there is no answer.
  if (expected !== null && (await answered) !== expected) {
    throw new Error(`it took for ${await answered} what is: ${stream.fault ?? "all right"}`);
  }
  answered.catch(() => undefined);
  socket.destroy();
}

const countReports = ({ bytes }: Stream): number =>
  new FrameCutter().push(bytes).frames.filter((frame) => frame.length === 1 && frame[0] === 8).length;

/** Its last frame is longer than what follows. */
function isCutShort({ bytes, fault }: Stream): boolean {
  if (fault !== null) return false;
  const taken = new FrameCutter().push(bytes).frames.reduce((sum, frame) => sum + 4 + frame.length, 0);
  return taken < bytes.length;
}

/** Each piece is a packet of its own as far as the kernel lets it. */
const write = (socket: Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.write(bytes, () => resolve());
  });

/** A good client: it ends what is left, is served as ever, and finds nothing more. Resolves to the forkserver's memory. */
async function cleanUp(fixture: Fixture, pid: number): Promise<number> {
  const controller = await fixture.open();
  if (controller.client.pid !== pid) throw new Error("it is another process");
  await controller.until("the list", () => controller.of("listed").length > 0);
  for (let index = 0; index < FUZZ_JOBS; index++) {
    const job = jobSeq(index);
    controller.send({ type: "suspendJob", job, suspended: false });
    controller.send({ type: "closeJob", job, graceMs: 0, mark: `${fixture.instance}/${job}/` });
    await controller.jobClosed(job);
  }
  const spawn = fixture.spawn(KEEPER_JOB, ["/bin/echo", "served"]);
  controller.send(spawn);
  const ended = await controller.ended(spawn.key);
  if (JSON.stringify(ended.outcome) !== JSON.stringify(exited(0)))
    throw new Error("an attempt of a good client failed");
  await untilNothingIsLeft(controller);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** A close that a stream had asked for may have been told in place of the last one: then more ends come after it. */
async function untilNothingIsLeft(controller: Controller): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (let asked = 1; ; asked++) {
    for (const { key } of controller.of("ended")) controller.send({ type: "acknowledge", key });
    controller.send({ type: "report" });
    const report = await controller.until("the report", () => controller.of("report")[asked - 1]);
    if (report.runningAttempts === 1 && report.queuedAttempts + report.heldAttempts === 0) return;
    if (performance.now() > deadlineMs) throw new Error(`something is left: ${JSON.stringify(report)}`);
    await delay(LOOK_MS);
  }
}

/** Asked to go, it goes; a leak would be told in its log then. */
async function endOf(fixture: Fixture, pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  await until("the end of the forkserver", () => !isAlive(pid));
  const complaint = complaintIn(log(fixture));
  if (complaint !== null) throw new Error(complaint);
}

const log = (fixture: Fixture): string => readFileSync(fixture.path("log"), "utf8").slice(0, 10_000);
