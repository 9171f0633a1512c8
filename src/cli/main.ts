#!/usr/bin/env node
/** The command `qrew`: streams and signals in, exit code out. What it does is in program.ts and the commands. */
import { exitCodeOf, QrewError } from "../../protocol/errors.ts";
import type { Home } from "../node/home.ts";
import { descriptorLimit } from "../node/limits.ts";
import { type CommandContext, type EndingSignal, exitCodeOfSignal, type SignalHandler } from "./context.ts";
import { runProgram } from "./program.ts";
import { openTerminal, OutputClosed, type Terminal } from "./terminal.ts";

const SIGNALS: readonly EndingSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Set by the first signal that a command ends with. */
let isSignalled = false;

const terminal = openTerminal(process.stdout, process.stderr, process.env);
/** Loading the modules takes about 60 at once, and libzmq ends a process that runs out of them. */
const FILE_DESCRIPTORS_MIN = 128;

async function main(): Promise<number> {
  try {
    checkDescriptors();
    const exitCode = await runProgram(process.argv.slice(2), makeContext());
    // What a caller takes for the result must not be lost on a full disk, with a 0 to it.
    await terminal.settled();
    return exitCode;
  } catch (thrown) {
    // Whoever was reading has what he wanted.
    if (thrown instanceof OutputClosed) return 0;
    const error = QrewError.from(thrown);
    reportError(error, process.argv.includes("--debug"));
    return exitCodeOf(error);
  }
}

function checkDescriptors(): void {
  const limit = descriptorLimit();
  if (limit === null || limit.soft >= FILE_DESCRIPTORS_MIN) return;
  throw new QrewError(
    "refused",
    `This shell allows ${limit.soft} open files and qrew needs ${FILE_DESCRIPTORS_MIN}, its daemon more: run \`ulimit -n 1024\` first.`,
  );
}

function makeContext(): CommandContext {
  const handlers: SignalHandler[] = [(signal) => process.exit(exitCodeOfSignal(signal))];
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      isSignalled = true;
      handlers.at(-1)?.(signal);
    });
  }
  return {
    terminal,
    home: openHomeOnce(terminal),
    onSignal: (handler) => {
      handlers.push(handler);
      return () => void handlers.splice(handlers.indexOf(handler), 1);
    },
  };
}

function openHomeOnce(notices: Terminal): () => Promise<Home> {
  let opened: Promise<Home> | null = null;
  return () => {
    opened ??= import("../node/home.ts").then(({ openHome }) => {
      const home = openHome();
      if (home.notice !== null) notices.note(`qrew: ${home.notice}`);
      return home;
    });
    return opened;
  };
}

function reportError(error: QrewError, debug: boolean): void {
  terminal.note(`qrew: ${error.message}`);
  for (const detail of error.details) terminal.note(`  ${detail}`);
  if (!debug) {
    if (error.code === "internal")
      terminal.note("qrew: this is a defect of qrew; --debug shows where it happened.");
    return;
  }
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    terminal.note(cause.stack ?? cause.message);
}

process.exitCode = await main();
// What was left half done, as a daemon that starts or a stdin that is read, must not keep an interrupted command.
if (isSignalled) process.exit();
