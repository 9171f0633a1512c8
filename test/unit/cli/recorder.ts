/** A command's surroundings that remember what was written, and signals that a test sends. */
import type { CommandContext, EndingSignal, SignalHandler } from "../../../src/cli/context.ts";
import { runProgram } from "../../../src/cli/program.ts";
import { exitCodeOf, QrewError } from "../../../protocol/errors.ts";
import type { Terminal } from "../../../src/cli/terminal.ts";
import type { Style } from "../../../src/cli/view/style.ts";
import type { Home } from "../../../src/node/home.ts";

export const PLAIN: Style = { colour: false, unicode: true, columns: Number.POSITIVE_INFINITY };
export const ascii = (columns: number): Style => ({ colour: false, unicode: false, columns });

export interface Recorder {
  readonly context: CommandContext;
  /** What is on stdout and on stderr so far. */
  stdout(): string;
  stderr(): string;
  bytes(): Buffer;
  /** As if the process got it. */
  signal(name: EndingSignal): void;
  /** Resolves when stderr has this text. */
  noted(text: string): Promise<void>;
  /** Runs `qrew ARGS…`; errors are written and counted as main does. */
  run(...args: readonly string[]): Promise<number>;
  /** The JSON on stdout. */
  json(): unknown;
}

/** `home` may be a look for it, made when the command asks for it. */
export function recorder(
  home: Home | (() => Home),
  options: { readonly canRedraw?: boolean } = {},
): Recorder {
  const written: Buffer[] = [];
  let notes = "";
  const handlers: SignalHandler[] = [];
  const listeners = new Set<() => void>();
  const draw = (text: string): void => {
    notes += text;
    for (const listener of listeners) listener();
  };
  const write = async (text: string | Uint8Array): Promise<void> => {
    written.push(Buffer.from(text));
  };
  const terminal: Terminal = {
    write,
    line: (text) => write(`${text}\n`),
    note: (text) => draw(`${text}\n`),
    draw,
    settled: async () => undefined,
    writeError: async (bytes) => draw(Buffer.from(bytes).toString("utf8")),
    style: PLAIN,
    noteStyle: { ...PLAIN, columns: 80 },
    canRedraw: options.canRedraw === true,
    size: () => ({ columns: 80, rows: 24 }),
    onResize: () => () => undefined,
  };
  const context: CommandContext = {
    terminal,
    home: async () => (typeof home === "function" ? home() : home),
    onSignal: (handler) => {
      handlers.push(handler);
      return () => void handlers.splice(handlers.indexOf(handler), 1);
    },
  };
  const stdout = (): string => Buffer.concat(written).toString("utf8");
  return {
    context,
    stdout,
    stderr: () => notes,
    bytes: () => Buffer.concat(written),
    signal: (name) => handlers.at(-1)?.(name),
    noted: (text) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!notes.includes(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
      }),
    run: async (...args) => {
      try {
        return await runProgram(args, context);
      } catch (thrown) {
        const error = QrewError.from(thrown);
        draw([`qrew: ${error.message}`, ...error.details, ""].join("\n"));
        return exitCodeOf(error);
      }
    },
    json: (): unknown => JSON.parse(stdout()),
  };
}
