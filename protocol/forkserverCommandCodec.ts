/** Turns commands to the forkserver into frames and back. Nothing here throws, whatever the bytes are. */
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
import type { FollowedAttempt, ForkserverCommand } from "./forkserverLink.ts";
import { jobSeq, taskIndex } from "./ids.ts";

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
  suspendJob: 10,
} as const satisfies Record<ForkserverCommand["type"], number>;

export const encodeCommands = (commands: readonly ForkserverCommand[]): EncodedBatch<ForkserverCommand> =>
  encodeBatch(commands, writeCommand);

/** A frame without its length, as FrameCutter gives it. */
export const decodeCommand = (frame: Buffer): Decoded<ForkserverCommand> => decodeFrame(frame, readCommand);

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
      writer.u32(command.pool);
      writer.list(command.argv);
      writer.list(command.env);
      writer.str(command.workdir);
      writer.u8(command.stdin === null ? 0 : 1);
      writer.str(command.stdin ?? "");
      writer.str(command.stdoutPath);
      writer.str(command.stderrPath);
      writer.str(command.mark);
      writer.u8(command.after === null ? 0 : 1);
      writer.u32(command.after?.task ?? 0);
      writer.u32(command.after?.attempt ?? 0);
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
    case "suspendJob":
      writer.u32(command.job);
      writer.u8(command.suspended ? 1 : 0);
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
    case COMMAND_TYPES.suspendJob:
      return { type: "suspendJob", job: jobSeq(reader.u32()), suspended: reader.flag() };
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
  const pool = jobSeq(reader.u32());
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
    pool,
    argv,
    env,
    workdir,
    stdin: hasStdin ? text : null,
    stdoutPath: reader.str(),
    stderrPath: reader.str(),
    mark: reader.str(),
    after: readAfter(reader),
  };
}

function readAfter(reader: PayloadReader): FollowedAttempt | null {
  const follows = reader.flag();
  const after = { task: taskIndex(reader.u32()), attempt: reader.u32() };
  return follows ? after : null;
}
