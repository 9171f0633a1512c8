/** What every command is given: its streams, its folder, and the interrupts. */
import type { Home } from "../node/home.ts";
import type { Terminal } from "./terminal.ts";

export interface CommandContext {
  readonly terminal: Terminal;
  /** The state folder; made and checked at the first call, which also says where it is if that is not where one expects. */
  home(): Promise<Home>;
  /**
   * From now on signals go to `handler`; before, and after what is returned is called, they end the command. Of two
   * handlers the later one counts.
   */
  onSignal(handler: SignalHandler): () => void;
}

export type EndingSignal = "SIGINT" | "SIGTERM" | "SIGHUP";
export type SignalHandler = (signal: EndingSignal) => void;

/** A command returns the exit code; it throws QrewError for what went wrong. */
export type ExitCode = number;

/** As shells count: 130 for Ctrl-C. */
export const exitCodeOfSignal = (signal: EndingSignal): ExitCode =>
  signal === "SIGINT" ? 130 : signal === "SIGTERM" ? 143 : 129;
