/** Turns commands and facts of the forkserver's link into frames and back. Nothing here throws, whatever the bytes are. */
import { assertNever } from "./errors.ts";
import { FrameWriter, PayloadReader } from "./forkserverBytes.ts";
import {
  type ForkserverCommand,
  type ForkserverEnded,
  type ForkserverFact,
  type ForkserverFlavour,
  type ForkserverOutcome,
  type ForkserverTime,
  START_STEPS,
} from "./forkserverLink.ts";
import { type AttemptId, jobSeq, taskIndex } from "./ids.ts";

export type Decoded<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly detail: string };

export interface EncodedBatch<Value> {
  /** The frames of all that could be encoded, in order. */
  readonly bytes: Buffer;
  /** What could not: a zero byte in a text, a frame beyond its limit, a number out of range. */
  readonly rejected: readonly { readonly value: Value; readonly detail: string }[];
}

const COMMAND_TYPES = {
  hello: 1,
  context: 2,
  spawn: 3,
  setCap: 4,
  stop: 5,
  acknowledge: 6,
  closeJob: 7,
  report: 8,
  leave: 9,
} as const satisfies Record<ForkserverCommand["type"], number>;

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

const OUTCOMES = { exited: 1, signalled: 2, notStarted: 3, withdrawn: 4 } as const satisfies Record<
  ForkserverOutcome["type"],
  number
>;

const FLAVOURS = { c: 1, typescript: 2 } as const satisfies Record<ForkserverFlavour, number>;

export const encodeCommands = (commands: readonly ForkserverCommand[]): EncodedBatch<ForkserverCommand> =>
  encodeBatch(commands, writeCommand);

export const encodeFacts = (facts: readonly ForkserverFact[]): EncodedBatch<ForkserverFact> =>
  encodeBatch(facts, writeFact);

/** A frame without its length, as FrameCutter gives it. */
export const decodeCommand = (frame: Buffer): Decoded<ForkserverCommand> => decode(frame, readCommand);
export const decodeFact = (frame: Buffer): Decoded<ForkserverFact> => decode(frame, readFact);

function encodeBatch<Value>(values: readonly Value[], write: (writer: FrameWriter, value: Value) => void) {
  const writer = new FrameWriter();
  const rejected: { value: Value; detail: string }[] = [];
  for (const value of values) {
    write(writer, value);
    const detail = writer.finish();
    if (detail !== null) rejected.push({ value, detail });
  }
  return { bytes: writer.take(), rejected };
}

function decode<Value>(
  frame: Buffer,
  read: (type: number, reader: PayloadReader) => Value | null,
): Decoded<Value> {
  const type = frame[0] ?? 0;
  const reader = new PayloadReader(frame.subarray(1));
  const value = read(type, reader);
  if (value === null) return { ok: false, detail: `a frame of the unknown type ${type}` };
  const detail = reader.finish();
  return detail === null ? { ok: true, value } : { ok: false, detail: `a frame of type ${type}: ${detail}` };
}

function writeCommand(writer: FrameWriter, command: ForkserverCommand): void {
  writer.begin(COMMAND_TYPES[command.type]);
  switch (command.type) {
    case "hello":
      writer.u32(command.version);
      writer.u8(command.control ? 1 : 0);
      return;
    case "context":
      writer.u32(command.job);
      writer.str(command.directory);
      writer.u32(command.umask);
      writer.list(command.env);
      return;
    case "spawn":
      writeKey(writer, command.key);
      writer.u32(command.cpusMilli);
      writer.list(command.argv);
      writer.list(command.env);
      writer.str(command.workdir);
      writer.u8(command.stdin === null ? 0 : 1);
      writer.str(command.stdin ?? "");
      writer.str(command.stdoutPath);
      writer.str(command.stderrPath);
      writer.str(command.mark);
      return;
    case "setCap":
      writer.u32(command.job);
      writer.u32(command.serial);
      writer.u32(command.cpusMilli);
      return;
    case "stop":
      writeKey(writer, command.key);
      writer.u32(command.graceMs);
      return;
    case "acknowledge":
      writeKey(writer, command.key);
      return;
    case "closeJob":
      writer.u32(command.job);
      writer.u32(command.graceMs);
      writer.str(command.mark);
      return;
    case "report":
    case "leave":
      return;
    default:
      assertNever(command);
  }
}

/** The fields of the object literals are read in the order in which they stand on the wire. */
function readCommand(type: number, reader: PayloadReader): ForkserverCommand | null {
  switch (type) {
    case COMMAND_TYPES.hello:
      return { type: "hello", version: reader.u32(), control: reader.flag() };
    case COMMAND_TYPES.context:
      return {
        type: "context",
        job: jobSeq(reader.u32()),
        directory: reader.str(),
        umask: reader.u32(),
        env: reader.list(),
      };
    case COMMAND_TYPES.spawn:
      return readSpawn(reader);
    case COMMAND_TYPES.setCap:
      return { type: "setCap", job: jobSeq(reader.u32()), serial: reader.u32(), cpusMilli: reader.u32() };
    case COMMAND_TYPES.stop:
      return { type: "stop", key: readKey(reader), graceMs: reader.u32() };
    case COMMAND_TYPES.acknowledge:
      return { type: "acknowledge", key: readKey(reader) };
    case COMMAND_TYPES.closeJob:
      return { type: "closeJob", job: jobSeq(reader.u32()), graceMs: reader.u32(), mark: reader.str() };
    case COMMAND_TYPES.report:
      return { type: "report" };
    case COMMAND_TYPES.leave:
      return { type: "leave" };
    default:
      return null;
  }
}

function readSpawn(reader: PayloadReader): ForkserverCommand {
  const key = readKey(reader);
  const cpusMilli = reader.u32();
  const argv = reader.list();
  if (argv.length === 0) reader.reject("argv is empty");
  const env = reader.list();
  const workdir = reader.str();
  const hasStdin = reader.flag();
  const text = reader.str();
  return {
    type: "spawn",
    key,
    cpusMilli,
    argv,
    env,
    workdir,
    stdin: hasStdin ? text : null,
    stdoutPath: reader.str(),
    stderrPath: reader.str(),
    mark: reader.str(),
  };
}

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
  writer.str(fact.stdoutPath);
  writer.str(fact.stderrPath);
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
    stdoutPath: reader.str(),
    stderrPath: reader.str(),
  };
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

function writeKey(writer: FrameWriter, key: AttemptId): void {
  writer.u32(key.job);
  writer.u32(key.task);
  writer.u32(key.attempt);
}

function readKey(reader: PayloadReader): AttemptId {
  return { job: jobSeq(reader.u32()), task: taskIndex(reader.u32()), attempt: reader.u32() };
}

function writeTime(writer: FrameWriter, time: ForkserverTime): void {
  writer.time(time.monoMs);
  writer.time(time.wallMs);
}

function readTime(reader: PayloadReader): ForkserverTime {
  return { monoMs: reader.time(), wallMs: reader.time() };
}
