/** `daemon start`, `daemon stop`, `daemon status`. */
import type { Command } from "commander";
import type { DaemonStartFlags } from "../commands/daemonStart.ts";
import type { DaemonStatusFlags } from "../commands/daemonStatus.ts";
import type { DaemonStopFlags } from "../commands/daemonStop.ts";
import { collect, declare, type Surroundings } from "./declare.ts";

export function declareDaemon(program: Command, { context, finish }: Surroundings): void {
  const daemon = program
    .command("daemon")
    .description("start, stop or look at the daemon of the state folder")
    .addHelpText("after", "\nExample:\n  qrew daemon start --cpus 4")
    .helpCommand(false);
  declare(daemon, "start", "start a daemon that stays until it is stopped", [
    "qrew daemon start --cpus 4 --memory 8G --resource licence=2",
  ])
    .option("--cpus <number>", "cpus that tasks may use together (default: those this process may use)")
    .option("--memory <size>", "memory that tasks may use together, as 4G")
    .option("--gpus <number>", "gpus that tasks may use together")
    .option("--resource <name=amount>", "a named resource; may be repeated", collect)
    .option("--foreground", "stay in the foreground, for service managers")
    .action(async (flags: DaemonStartFlags) => {
      const { daemonStart } = await import("../commands/daemonStart.ts");
      await finish(daemonStart(context, flags));
    });
  declare(daemon, "stop", "stop the daemon when running tasks have ended; the queue is kept", [
    "qrew daemon stop",
    "qrew daemon stop --now",
  ])
    .option("--now", "stop running tasks too; they are repeated by the next daemon")
    .option("--timeout <duration>", "how long to wait for the end, as 90s or 1h")
    .action(async (flags: DaemonStopFlags) => {
      const { daemonStop } = await import("../commands/daemonStop.ts");
      await finish(daemonStop(context, flags));
    });
  declare(daemon, "status", "show the daemon's processes and what it does", [
    "qrew daemon status",
    "qrew daemon status --json",
  ]).action(async (flags: DaemonStatusFlags) => {
    const { daemonStatus } = await import("../commands/daemonStatus.ts");
    await finish(daemonStatus(context, flags));
  });
}
