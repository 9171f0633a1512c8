/** Turns facts of the forkserver into frames and back. Decoding never throws, whatever the bytes are. */
import { assertNever } from "./errors.ts";
import type { FrameWriter, PayloadReader } from "./forkserverBytes.ts";
import {
  type Decoded,
  decodeFrame,
  type EncodedBatch,
  encodeBatch,
  readKey,
  writeKey,
} from "./forkserverFrames.ts";
import {
  type ForkserverEnded,
  type ForkserverFact,
  type ForkserverFlavour,
  type ForkserverOutcome,
  type ForkserverStream,
  type ForkserverTime,
  START_STEPS,
} from "./forkserverLink.ts";
import { jobSeq } from "./ids.ts";

const FACT_TYPES = {
  welcome: 129,
  started: 130,
  ended: 131,
  queued: 132,
  listed: 133,
  capSet: 134,
  jobClosed: 135,
  report: 136,
  refused: 137,
} as const satisfies Record<ForkserverFact["type"], number>;

const OUTCOMES = {
  exited: 1,
  signalled: 2,
  notStarted: 3,
  withdrawn: 4,
  stopped: 5,
} as const satisfies Record<ForkserverOutcome["type"], number>;

const STREAMS = { inline: 0, file: 1 } as const satisfies Record<ForkserverStream["type"], number>;

const FLAVOURS = { c: 1, typescript: 2 } as const satisfies Record<ForkserverFlavour, number>;

export const encodeFacts = (facts: readonly ForkserverFact[]): EncodedBatch<ForkserverFact> =>
  encodeBatch(facts, writeFact);

/** A frame without its length, as FrameCutter gives it. */
export const decodeFact = (frame: Buffer): Decoded<ForkserverFact> => decodeFrame(frame, readFact);

function writeFact(writer: FrameWriter, fact: ForkserverFact): void {
  writer.begin(FACT_TYPES[fact.type]);
  switch (fact.type) {
    case "welcome":
      writer.u32(fact.version);
      writer.u32(fact.pid);
      writer.u8(FLAVOURS[fact.flavour]);
      return;
    case "started":
      writeKey(writer, fact.key);
      writer.u32(fact.pid);
      writeTime(writer, fact.start);
      return;
    case "ended":
      writeEnded(writer, fact);
      return;
    case "queued":
      writeKey(writer, fact.key);
      return;
    case "listed":
      return;
    case "capSet":
      writer.u32(fact.job);
      writer.u32(fact.serial);
      writer.u32(fact.runningCpusMilli);
      return;
    case "jobClosed":
      writer.u32(fact.job);
      writer.u32(fact.ended);
      writer.u32(fact.survivors);
      return;
    case "report":
      writer.u32(fact.runningAttempts);
      writer.u32(fact.runningCpusMilli);
      writer.u32(fact.queuedAttempts);
      writer.u32(fact.heldAttempts);
      return;
    case "refused":
      writer.str(fact.reason);
      return;
    default:
      assertNever(fact);
  }
}

function writeEnded(writer: FrameWriter, fact: ForkserverEnded): void {
  const { outcome, start, usage } = fact;
  writeKey(writer, fact.key);
  writer.u8(OUTCOMES[outcome.type]);
  switch (outcome.type) {
    case "exited":
    case "stopped":
      writer.u32(outcome.exitCode);
      break;
    case "signalled":
      writer.u32(outcome.signal);
      break;
    case "notStarted":
      writer.u32(outcome.errno);
      break;
    case "withdrawn":
      writer.u32(0);
      break;
    default:
      assertNever(outcome);
  }
  writer.str(outcome.type === "notStarted" ? outcome.step : "");
  writer.u32(fact.survivors);
  writer.u8(start === null ? 0 : 1);
  writeTime(writer, start ?? { monoMs: 0, wallMs: 0 });
  writeTime(writer, fact.end);
  writer.u8(usage === null ? 0 : 1);
  writer.u64(usage?.userMicros ?? 0);
  writer.u64(usage?.systemMicros ?? 0);
  writer.u64(usage?.maxRssBytes ?? 0);
  writeStream(writer, fact.stdout);
  writeStream(writer, fact.stderr);
}

function writeStream(writer: FrameWriter, stream: ForkserverStream): void {
  writer.u8(STREAMS[stream.type]);
  if (stream.type === "inline") writer.raw(stream.bytes);
  else writer.str(stream.path);
}

function readFact(type: number, reader: PayloadReader): ForkserverFact | null {
  switch (type) {
    case FACT_TYPES.welcome:
      return { type: "welcome", version: reader.u32(), pid: reader.u32(), flavour: readFlavour(reader) };
    case FACT_TYPES.started:
      return { type: "started", key: readKey(reader), pid: reader.u32(), start: readTime(reader) };
    case FACT_TYPES.ended:
      return readEnded(reader);
    case FACT_TYPES.queued:
      return { type: "queued", key: readKey(reader) };
    case FACT_TYPES.listed:
      return { type: "listed" };
    case FACT_TYPES.capSet:
      return {
        type: "capSet",
        job: jobSeq(reader.u32()),
        serial: reader.u32(),
        runningCpusMilli: reader.u32(),
      };
    case FACT_TYPES.jobClosed:
      return { type: "jobClosed", job: jobSeq(reader.u32()), ended: reader.u32(), survivors: reader.u32() };
    case FACT_TYPES.report:
      return {
        type: "report",
        runningAttempts: reader.u32(),
        runningCpusMilli: reader.u32(),
        queuedAttempts: reader.u32(),
        heldAttempts: reader.u32(),
      };
    case FACT_TYPES.refused:
      return { type: "refused", reason: reader.str() };
    default:
      return null;
  }
}

function readEnded(reader: PayloadReader): ForkserverEnded {
  const key = readKey(reader);
  const outcome = readOutcome(reader);
  const survivors = reader.u32();
  const hasStart = reader.flag();
  const start = readTime(reader);
  const end = readTime(reader);
  const hasUsage = reader.flag();
  const usage = { userMicros: reader.u64(), systemMicros: reader.u64(), maxRssBytes: reader.u64() };
  return {
    type: "ended",
    key,
    outcome,
    survivors,
    start: hasStart ? start : null,
    end,
    usage: hasUsage ? usage : null,
    stdout: readStream(reader),
    stderr: readStream(reader),
  };
}

function readStream(reader: PayloadReader): ForkserverStream {
  const type = reader.u8();
  if (type === STREAMS.inline) return { type: "inline", bytes: reader.raw() };
  if (type !== STREAMS.file) reader.reject(`the unknown stream ${type}`);
  return { type: "file", path: reader.str() };
}

function readOutcome(reader: PayloadReader): ForkserverOutcome {
  const outcome = reader.u8();
  const code = reader.u32();
  const stepName = reader.str();
  switch (outcome) {
    case OUTCOMES.exited:
      return { type: "exited", exitCode: code };
    case OUTCOMES.signalled:
      return { type: "signalled", signal: code };
    case OUTCOMES.stopped:
      return { type: "stopped", exitCode: code };
    case OUTCOMES.withdrawn:
      return { type: "withdrawn" };
    case OUTCOMES.notStarted: {
      const step = START_STEPS.find((name) => name === stepName);
      if (step === undefined) reader.reject(`the unknown step ${JSON.stringify(stepName)}`);
      return { type: "notStarted", errno: code, step: step ?? "spawn" };
    }
    default:
      reader.reject(`the unknown outcome ${outcome}`);
      return { type: "withdrawn" };
  }
}

function readFlavour(reader: PayloadReader): ForkserverFlavour {
  const flavour = reader.u8();
  if (flavour !== FLAVOURS.c && flavour !== FLAVOURS.typescript)
    reader.reject(`the unknown flavour ${flavour}`);
  return flavour === FLAVOURS.typescript ? "typescript" : "c";
}

function writeTime(writer: FrameWriter, time: ForkserverTime): void {
  writer.time(time.monoMs);
  writer.time(time.wallMs);
}

function readTime(reader: PayloadReader): ForkserverTime {
  return { monoMs: reader.time(), wallMs: reader.time() };
}
