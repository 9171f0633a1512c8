/**
 * The two streams of a command. Results go to stdout, everything about the way there to stderr, so that a pipe gets the
 * results alone. Who no longer reads (`| head`) ends a command quietly.
 */
import type { Writable } from "node:stream";
import { QrewError } from "../../protocol/errors.ts";
import type { Style } from "./view/style.ts";

/** Thrown by writes to a stdout that nobody reads any more; not an error of the user's. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

export interface Terminal {
  /** Writes to stdout and waits until the stream takes more. Throws OutputClosed. */
  write(text: string | Uint8Array): Promise<void>;
  /** A line to stdout. */
  line(text: string): Promise<void>;
  /** A line to stderr; never fails. */
  note(text: string): void;
  /** Resolves when what was written to stdout has left this process. Throws as `write` does. */
  settled(): Promise<void>;
  /** Bytes of a task to stderr; waits until the stream takes more, and never fails. */
  writeError(bytes: Uint8Array): Promise<void>;
  /** Raw text to stderr, for a view that is redrawn; never fails. */
  draw(text: string): void;
  /** For what is written to stdout; `noteStyle` for stderr. */
  readonly style: Style;
  readonly noteStyle: Style;
  /** Whether stderr is a terminal on which a view can be redrawn. */
  readonly canRedraw: boolean;
  /** Of the terminal behind stderr, now. */
  size(): { readonly columns: number; readonly rows: number };
  /** Calls `listener` when the size changes; returns what ends that. */
  onResize(listener: () => void): () => void;
}

interface TerminalStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Some terminals say 0 while they are set up. */
const COLUMNS_DEFAULT = 80;
const ROWS_DEFAULT = 24;

export function openTerminal(
  stdout: TerminalStream,
  stderr: TerminalStream,
  environment: NodeJS.ProcessEnv,
): Terminal {
  const { write, settled } = makeWriter(stdout);
  // Without anybody who reads them, notes are worth nothing, and no reason to fail.
  stderr.on("error", () => undefined);
  const { write: writeStderr } = makeWriter(stderr);
  const draw = (text: string): void => {
    if (stderr.writable) stderr.write(text);
  };
  return {
    write,
    settled,
    line: (text) => write(`${text}\n`),
    note: (text) => draw(`${text}\n`),
    draw,
    writeError: (bytes) => writeStderr(bytes).catch(() => undefined),
    get style() {
      return styleFor(stdout, environment);
    },
    get noteStyle() {
      return styleFor(stderr, environment);
    },
    canRedraw: stderr.isTTY === true && environment["TERM"] !== "dumb",
    size: () => ({ columns: stderr.columns || COLUMNS_DEFAULT, rows: stderr.rows || ROWS_DEFAULT }),
    onResize: (listener) => {
      stderr.on("resize", listener);
      return () => void stderr.off("resize", listener);
    },
  };
}

/** Writes wait until the stream takes more. They throw OutputClosed, or what is wrong with the stream. */
function makeWriter(stream: TerminalStream): Pick<Terminal, "write" | "settled"> {
  let isClosed = false;
  let fault: QrewError | null = null;
  const waiting: (() => void)[] = [];
  const goOn = (): void => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  stream.on("drain", goOn);
  stream.on("close", goOn);
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") isClosed = true;
    else fault = unwritable(error);
    goOn();
  });
  const check = (): void => {
    if (isClosed) throw new OutputClosed();
    if (fault !== null) throw fault;
  };
  const write = async (text: string | Uint8Array): Promise<void> => {
    check();
    if (stream.write(text)) return;
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
  };
  const settled = async (): Promise<void> => {
    // The callback of an empty write comes after all that was written before; the event of an error a turn later.
    if (stream.writable) await new Promise<void>((resolve) => stream.write("", () => setImmediate(resolve)));
    check();
  };
  return { write, settled };
}

/** As for a store on a full disk: the command line was right. */
const unwritable = (error: Error): QrewError =>
  new QrewError("storeFull", `The output cannot be written (${error.message}): send it elsewhere.`, [], {
    cause: error,
  });

/** NO_COLOR counts when it is set to anything (no-color.org); a dumb terminal has no colours either. */
function styleFor(stream: TerminalStream, environment: NodeJS.ProcessEnv): Style {
  const isTerminal = stream.isTTY === true;
  const isPlain = (environment["NO_COLOR"] ?? "") !== "" || environment["TERM"] === "dumb";
  return {
    colour: isTerminal && !isPlain,
    unicode: speaksUnicode(environment),
    columns: isTerminal ? stream.columns || COLUMNS_DEFAULT : Number.POSITIVE_INFINITY,
  };
}

/** The first of the three that is set decides, as in the C library. */
function speaksUnicode(environment: NodeJS.ProcessEnv): boolean {
  const locale = [environment["LC_ALL"], environment["LC_CTYPE"], environment["LANG"]].find(
    (name) => (name ?? "") !== "",
  );
  return /utf-?8/i.test(locale ?? "");
}
