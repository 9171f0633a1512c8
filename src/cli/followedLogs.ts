/**
 * `qrew logs -f`: what tasks write, as they write it, until they have ended. Of one task it is the bytes as they are; of
 * several each line has the name of its task before it.
 */
import type { TaskIndex } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { followOutput, type OutputPiece } from "../client/followOutput.ts";
import type { StateReader } from "../client/read.ts";
import type { StreamName } from "../client/readOutput.ts";
import type { JobTasks } from "../client/readTasks.ts";
import type { Terminal } from "./terminal.ts";
import { paintLine, span } from "./view/style.ts";
import { printable } from "./view/text.ts";

export interface FollowedLogs {
  readonly tasks: JobTasks;
  /** Null: all of the job. */
  readonly wanted: readonly TaskIndex[] | null;
  readonly stream: StreamName;
}

export async function followLogs(
  terminal: Terminal,
  reader: StateReader,
  { tasks, wanted, stream }: FollowedLogs,
): Promise<void> {
  const { job } = tasks;
  if (!isFinalJobState(job.state) && reader.holder() === null) {
    terminal.note("qrew: no daemon runs: the job goes on with the next one (qrew daemon start).");
  }
  const isAlone = (wanted?.length ?? tasks.count) === 1;
  const writer = isAlone ? new PlainWriter(terminal) : new PrefixWriter(terminal);
  const options = { streams: [stream], ...(wanted === null ? {} : { tasks: wanted }) };
  for await (const piece of followOutput(reader, job.job, options)) await writer.write(piece);
}

class PlainWriter {
  readonly #terminal: Terminal;
  #attempt = 1;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  async write({ attempt, bytes }: OutputPiece): Promise<void> {
    if (bytes.length === 0) return;
    if (attempt !== this.#attempt) this.#terminal.note(`qrew: attempt ${attempt}`);
    this.#attempt = attempt;
    await this.#terminal.write(bytes);
  }
}

/** A line without an end is held until it ends, or becomes longer than this. */
const HELD_BYTES_MAX = 64 * 1024;
const LINE_END = 0x0a;

class PrefixWriter {
  readonly #terminal: Terminal;
  /** Begun lines, of tasks that run. */
  readonly #held = new Map<TaskIndex, Uint8Array>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  async write({ task, name, attempt, bytes, isLast }: OutputPiece): Promise<void> {
    const all = Buffer.concat([this.#held.get(task) ?? new Uint8Array(0), bytes]);
    this.#held.delete(task);
    const isCut = isLast || all.length > HELD_BYTES_MAX;
    const end = isCut ? all.length : all.lastIndexOf(LINE_END) + 1;
    if (end < all.length) this.#held.set(task, all.subarray(end));
    if (end > 0) await this.#terminal.write(this.#prefixed(all.subarray(0, end), name, attempt));
  }

  #prefixed(lines: Buffer, name: string, attempt: number): Buffer {
    const text = attempt > 1 ? `${printable(name)} (attempt ${attempt})` : printable(name);
    const style = { ...this.#terminal.style, columns: Number.POSITIVE_INFINITY };
    const prefix = Buffer.from(paintLine([span(text, "busy"), span(" | ", "quiet")], style));
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < lines.length; ) {
      const found = lines.indexOf(LINE_END, at);
      const end = found === -1 ? lines.length : found + 1;
      pieces.push(prefix, lines.subarray(at, end));
      if (found === -1) pieces.push(Buffer.from("\n"));
      at = end;
    }
    return Buffer.concat(pieces);
  }
}
