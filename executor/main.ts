/** The TaskExecutor: runs the attempts of one QWorker on this node. Started by the QWorker, outlives it. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { QrewError } from "../protocol/errors.ts";
import {
  forkserverSocketName,
  type SeatNumber,
  seatNumber,
  seatSocketName,
  spoolFolderName,
} from "../protocol/ids.ts";
import { DealerLink } from "../src/link/dealer.ts";
import { logPath, openLog } from "../src/log.ts";
import { createExecutor } from "./core/step.ts";
import { TaskExecutor } from "./taskExecutor.ts";

interface ExecutorArguments {
  readonly home: string;
  readonly runFolder: string;
  readonly seat: SeatNumber;
  readonly instance: string;
  /** Without a QWorker attempts go on for so long; and without a TaskExecutor. */
  readonly orphanMs: number;
}

function parseExecutorArguments(argv: readonly string[]): ExecutorArguments {
  const string = { type: "string" } as const;
  const options = { home: string, run: string, seat: string, instance: string, orphan: string };
  const { home, run, seat, instance, orphan } = parseArgs({ args: [...argv], options }).values;
  if (
    home === undefined ||
    run === undefined ||
    seat === undefined ||
    instance === undefined ||
    !(Number(orphan) > 0)
  ) {
    throw new QrewError(
      "usage",
      "A TaskExecutor is started by a QWorker, with --home, --run, --seat, --instance and --orphan.",
    );
  }
  return { home, runFolder: run, seat: seatNumber(Number(seat)), instance, orphanMs: Number(orphan) };
}

async function main(args: ExecutorArguments): Promise<void> {
  const { home, runFolder, seat, instance, orphanMs } = args;
  const name = `executor-${String(seat).padStart(2, "0")}`;
  const log = openLog(home, name);
  const spoolFolder = path.join(home, spoolFolderName(seat));
  mkdirSync(spoolFolder, { recursive: true, mode: 0o700 });
  const executor = new TaskExecutor({
    home,
    state: createExecutor({ seat, instance, pid: process.pid, spoolFolder, orphanMs }),
    forkserver: {
      socketPath: path.join(runFolder, forkserverSocketName(instance, seat)),
      logPath: logPath(home, `forkserver-${String(seat).padStart(2, "0")}`),
      flavour: "auto",
      aloneSeconds: Math.ceil(orphanMs / 1000),
      spoolFolder,
    },
    logger: log.logger,
    exit: (code) => {
      log.close();
      process.exit(code);
    },
  });
  await executor.prepare();
  executor.connectWorker(
    () =>
      new DealerLink(
        { socketPath: path.join(runFolder, seatSocketName(seat)), routingId: `executor-${process.pid}` },
        {
          onFrame: (bytes) => executor.onFrame(bytes),
          onConnected: () => executor.push({ type: "workerConnected" }),
          onDisconnected: () => executor.push({ type: "workerDisconnected" }),
          onFault: (error) => executor.fail(error),
        },
      ),
  );
}

// It goes when its QWorker says so, or when it has nothing to do and nobody to serve.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

main(parseExecutorArguments(process.argv.slice(2))).catch((error: unknown) => {
  process.stderr.write(`qrew executor: ${QrewError.from(error).message}\n`);
  process.exit(1);
});
