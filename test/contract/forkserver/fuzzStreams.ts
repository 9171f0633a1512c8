/**
 * Bytes for a forkserver's socket, from a seed: valid frames, frames that are changed, cut, stretched, or of lengths that cannot be,
 * and noise. The codec of this side says of each stream whether it can be understood to its end; the forkserver has to agree.
 */
import { FrameCutter } from "../../../protocol/forkserverBytes.ts";
import { decodeCommand, encodeCommands } from "../../../protocol/forkserverCommandCodec.ts";
import { FORKSERVER_VERSION, type ForkserverCommand } from "../../../protocol/forkserverLink.ts";
import { COMMON_POOL, jobSeq, taskIndex } from "../../../protocol/ids.ts";
import { FORKSERVER_FRAME_BYTES_MAX } from "../../../protocol/limits.ts";
import type { Random } from "../../sim/random.ts";

/** Jobs that a stream may speak of; others are not touched by it. */
export const FUZZ_JOBS = 16;
const TASKS = 8;
const FRAMES_MAX = 8;
const LENGTH_BYTES = 4;
/** What is executed; nothing else is, whatever becomes of a frame. */
const PROGRAMS: readonly string[] = ["/bin/true", "/bin/false", "/bin/echo"];

export interface Stream {
  readonly bytes: Buffer;
  /** Null: all of it is understood, and the connection stays. */
  readonly fault: string | null;
}

/** What the attempts of a stream may write to, and the first part of all its marks. */
interface Place {
  readonly folder: string;
  readonly instance: string;
}

/** One connection's bytes: a greeting with control, then up to eight frames of all kinds. */
export function streamOf(random: Random, place: Place): Stream {
  const greeting = frameOf({ type: "hello", version: FORKSERVER_VERSION, control: true });
  for (;;) {
    const frames = Array.from({ length: random.between(1, FRAMES_MAX) }, () => anyFrame(random, place));
    const bytes = Buffer.concat([greeting, ...frames]);
    const stream = judged(bytes, place);
    if (stream !== null) return stream;
  }
}

/** Pieces of random lengths, so that a frame is read in any number of parts. */
export function* pieces(random: Random, bytes: Buffer): Generator<Buffer> {
  const largest = random.chance(0.5) ? bytes.length : random.between(1, 64);
  for (let at = 0; at < bytes.length; ) {
    const length = random.between(1, largest);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

/** Null: it might do harm beyond its own place. */
function judged(bytes: Buffer, place: Place): Stream | null {
  const { frames, fault } = new FrameCutter().push(bytes);
  for (const frame of frames) {
    const decoded = decodeCommand(frame);
    if (!decoded.ok) return { bytes, fault: decoded.detail };
    const command = decoded.value;
    if (!isHarmless(command, place)) return null;
    if (command.type === "hello" && command.version !== FORKSERVER_VERSION) {
      return { bytes, fault: "another version" };
    }
    if (command.type === "closeJob" && command.mark === "") return { bytes, fault: "an empty mark" };
  }
  return { bytes, fault };
}

function isHarmless(command: ForkserverCommand, { folder, instance }: Place): boolean {
  const isOwn = (text: string): boolean => text.startsWith(`${instance}/`);
  // The beginning of a mark, `instance/1`, is also that of the keeper, which has to live.
  const isOfJob = (text: string): boolean =>
    isOwn(text) &&
    /^\d+\//.test(text.slice(instance.length + 1)) &&
    parseInt(text.slice(instance.length + 1), 10) < FUZZ_JOBS;
  const isInside = (file: string): boolean => file.startsWith(`${folder}/`) && !file.includes("/..");
  switch (command.type) {
    case "spawn":
      return (
        command.key.job < FUZZ_JOBS &&
        command.pool < FUZZ_JOBS &&
        PROGRAMS.includes(command.argv[0] ?? "") &&
        isInside(command.stdoutPath) &&
        isInside(command.stderrPath) &&
        isOwn(command.mark)
      );
    case "closeJob":
      return command.job < FUZZ_JOBS && (command.mark === "" || isOfJob(command.mark));
    case "stop":
    case "acknowledge":
      return command.key.job < FUZZ_JOBS;
    case "context":
    case "setCap":
    case "suspendJob":
      return command.job < FUZZ_JOBS;
    default:
      return true;
  }
}

function anyFrame(random: Random, place: Place): Buffer {
  const frame = frameOf(anyCommand(random, place));
  switch (random.between(0, 9)) {
    case 0:
    case 1:
      return changed(random, frame);
    case 2:
      return withLength(frame.subarray(0, random.between(LENGTH_BYTES, frame.length)));
    case 3:
      return withLength(Buffer.concat([frame, noise(random, random.between(1, 40))]));
    case 4:
      return stretched(random, frame);
    case 5:
      return withLength(Buffer.concat([Buffer.alloc(LENGTH_BYTES), noise(random, random.between(0, 60))]));
    default:
      return frame;
  }
}

function anyCommand(random: Random, place: Place): ForkserverCommand {
  const job = jobSeq(random.between(0, FUZZ_JOBS - 1));
  const key = { job, task: taskIndex(random.between(0, TASKS - 1)), attempt: random.between(1, 2) };
  const graceMs = random.chance(0.8) ? random.between(0, 50) : 0xffff_ffff;
  switch (random.between(0, 11)) {
    case 0:
      return {
        type: "context",
        job,
        directory: place.folder,
        umask: random.between(0, 0o777),
        env: texts(random),
      };
    case 1:
      return { type: "setCap", job, serial: random.between(0, 9), cpusMilli: random.between(0, 4000) };
    case 2:
      return { type: "stop", key, graceMs };
    case 3:
      return { type: "acknowledge", key };
    case 4:
      return { type: "closeJob", job, graceMs: Math.min(graceMs, 50), mark: `${place.instance}/${job}/` };
    case 5:
      return { type: "suspendJob", job, suspended: random.chance(0.5) };
    case 6:
      return random.chance(0.5) ? { type: "report" } : { type: "leave" };
    default: {
      const file = `${place.folder}/spool/${job}-${key.task}-${key.attempt}`;
      const mark = `${place.instance}/${job}/${key.task}/${key.attempt}`;
      return {
        type: "spawn",
        key,
        cpusMilli: random.between(0, 2000),
        pool: random.pick([job, COMMON_POOL, jobSeq(random.between(0, FUZZ_JOBS - 1))]),
        argv: [PROGRAMS[random.between(0, 2)] ?? "", ...texts(random)],
        env: [...texts(random), `QREW_MARK=${mark}`],
        workdir: random.chance(0.9) ? "" : "nowhere",
        stdin: random.chance(0.8) ? null : "x".repeat(random.between(0, 5000)),
        stdoutPath: `${file}.out`,
        stderrPath: random.chance(0.8) ? `${file}.err` : `${file}.out`,
        mark,
        after: random.chance(0.7) ? null : { task: taskIndex(random.between(0, 40)), attempt: 1 },
      };
    }
  }
}

const texts = (random: Random): string[] =>
  Array.from({ length: random.between(0, 4) }, () => "a=".repeat(random.between(0, 20)));

function changed(random: Random, frame: Buffer): Buffer {
  const bytes = Buffer.from(frame);
  for (let left = random.between(1, 3); left > 0; left--) {
    const lengths = lengthsIn(bytes);
    const at =
      lengths[random.between(0, lengths.length * 2)] ?? random.between(LENGTH_BYTES, bytes.length - 1);
    const before = bytes[at] ?? 0;
    const values = [before + 1, before - 1, before + 4, 0, 0x7f, 0x80, 0xff, random.between(0, 255)];
    bytes[at] = values[random.between(0, values.length - 1)] ?? 0;
  }
  return bytes;
}

/** Where a length or a count may stand: a byte before three zeros. */
function lengthsIn(bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = LENGTH_BYTES + 1; at + 3 < bytes.length; at++) {
    if (bytes[at] !== 0 && bytes[at + 1] === 0 && bytes[at + 2] === 0 && bytes[at + 3] === 0) places.push(at);
  }
  return places;
}

/** A length that its payload has not: none, more than is allowed, or more than ever comes. */
function stretched(random: Random, frame: Buffer): Buffer {
  const bytes = Buffer.from(frame);
  const lengths = [0, FORKSERVER_FRAME_BYTES_MAX, FORKSERVER_FRAME_BYTES_MAX + 1, 0x7fff_ffff, 0xffff_ffff];
  bytes.writeUInt32LE(lengths[random.between(0, lengths.length - 1)] ?? 0, 0);
  return bytes;
}

const noise = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => random.between(0, 255)));

function withLength(frame: Buffer): Buffer {
  const bytes = Buffer.from(frame);
  bytes.writeUInt32LE(bytes.length - LENGTH_BYTES, 0);
  return bytes;
}

function frameOf(command: ForkserverCommand): Buffer {
  const { bytes, rejected } = encodeCommands([command]);
  if (rejected.length > 0) throw new Error(`cannot be said: ${rejected[0]?.detail ?? ""}`);
  return bytes;
}
