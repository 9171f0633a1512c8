/** `qrew daemon stop`: returns when the daemon is gone. */
import { stopDaemon } from "../../client/stop.ts";
import { parseWait } from "../arguments.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDocument } from "../json.ts";
import { plural } from "../view/text.ts";

export interface DaemonStopFlags {
  readonly now?: boolean;
  readonly timeout?: string;
  readonly json?: boolean;
}

/** Running tasks may take as long as they like: a day is where waiting at a prompt has no meaning any more. */
const DRAIN_TIMEOUT = "24h";
/** Grace periods of tasks are seconds; then everything is killed. */
const NOW_TIMEOUT = "60s";

export async function daemonStop(context: CommandContext, flags: DaemonStopFlags): Promise<ExitCode> {
  const { terminal } = context;
  const mode = flags.now === true ? "now" : "drain";
  const timeoutMs = parseWait(flags.timeout ?? (mode === "now" ? NOW_TIMEOUT : DRAIN_TIMEOUT), "--timeout");
  const outcome = await stopDaemon({
    home: await context.home(),
    mode,
    timeoutMs,
    onProgress: (running) => {
      if (running > 0) terminal.note(progressText(mode, running));
    },
  });
  if (flags.json === true) {
    await terminal.line(
      jsonDocument({
        stopped: outcome.type === "stopped",
        pid: outcome.type === "stopped" ? outcome.pid : null,
      }),
    );
    return 0;
  }
  await terminal.line(outcome.type === "stopped" ? `daemon stopped (pid ${outcome.pid})` : "no daemon runs");
  return 0;
}

function progressText(mode: "drain" | "now", running: number): string {
  const attempts = plural(running, "attempt");
  return mode === "now"
    ? `stopping ${attempts}`
    : `waiting for ${attempts} to end (Ctrl-C leaves, the daemon goes on stopping; --now ends them)`;
}
