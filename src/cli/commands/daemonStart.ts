/** `qrew daemon start`: a daemon that stays until it is stopped. */
import type { DaemonReport } from "../../../protocol/clientLink.ts";
import { exitCodeOf, QrewError } from "../../../protocol/errors.ts";
import { DAEMON_START_TIMEOUT_MS, type DaemonOptions, ensureDaemon } from "../../client/daemon.ts";
import { type DaemonResources, readyReport, spawnManager, withSettings } from "../../client/daemonProcess.ts";
import { LostManager } from "../../client/managerErrors.ts";
import { daemonStatus } from "../../client/status.ts";
import { logPath } from "../../log.ts";
import type { Home } from "../../node/home.ts";
import { readSize } from "../../workflow/quantity.ts";
import { parseCpus, parseInteger, parseNamedResources } from "../arguments.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDocument } from "../json.ts";

export interface DaemonStartFlags {
  readonly cpus?: string;
  readonly memory?: string;
  readonly gpus?: string;
  readonly resource?: readonly string[];
  readonly foreground?: boolean;
  readonly json?: boolean;
}

const GPUS_MAX = 1024;
/** For a manager that ended by a signal and has no code of its own. */
const UNREACHABLE_EXIT = 4;

export async function daemonStart(context: CommandContext, flags: DaemonStartFlags): Promise<ExitCode> {
  const { terminal } = context;
  const resources = parseResources(flags);
  const home = await context.home();
  if (flags.foreground === true) return runInForeground(context, home, resources);
  const options = { home, start: "ifAbsent", transient: false, resources } as const;
  // One that was found may have been dying: then it is gone at the second look.
  const { pid, started, report } = await reach(options).catch((error: unknown) => {
    if (error instanceof LostManager) return reach(options);
    throw error;
  });
  const log = logPath(home.folder, "manager");
  if (flags.json === true) {
    await terminal.line(jsonDocument({ started, pid, transient: report.transient, log }));
    return 0;
  }
  if (started) {
    await terminal.line(`daemon started (pid ${pid}); its log is ${log}`);
    return 0;
  }
  await terminal.line(`a daemon runs already (pid ${pid}); its log is ${log}`);
  if (report.transient) {
    terminal.note(
      "qrew: it leaves when it is idle; for one that stays stop it first with `qrew daemon stop`.",
    );
  }
  if (Object.keys(resources).length > 0) {
    terminal.note("qrew: it keeps its resources; for others stop it first with `qrew daemon stop`.");
  }
  return 0;
}

async function reach(
  options: DaemonOptions,
): Promise<{ readonly pid: number; readonly started: boolean; readonly report: DaemonReport }> {
  const { connection, started } = await ensureDaemon(options);
  try {
    return { pid: connection.managerPid, started, report: await daemonStatus(connection) };
  } finally {
    connection.close();
  }
}

function parseResources(flags: DaemonStartFlags): DaemonResources {
  return {
    ...(flags.cpus === undefined ? {} : { cpus: parseCpus(flags.cpus) }),
    ...(flags.memory === undefined ? {} : { memory: checkedSize(flags.memory) }),
    ...(flags.gpus === undefined ? {} : { gpus: parseInteger(flags.gpus, "--gpus", 0, GPUS_MAX) }),
    ...(flags.resource === undefined ? {} : { named: parseNamedResources(flags.resource) }),
  };
}

function checkedSize(text: string): string {
  const size = readSize(text);
  if (size.ok && size.amount > 0) return text;
  throw new QrewError("usage", `--memory is a size like 512M or 4G, not "${text}".`);
}

/** For service managers, and to see what keeps a daemon from starting. Ends with it, and passes signals on. */
async function runInForeground(
  context: CommandContext,
  home: Home,
  resources: DaemonResources,
): Promise<ExitCode> {
  const launch = { home: home.folder, transient: false, resources };
  const child = spawnManager(withSettings(launch), { detached: false, output: "inherit" });
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
    child.once("error", () => resolve(null));
  });
  // A terminal sends Ctrl-C to the manager as well.
  const offSignal = context.onSignal((signal) => void (signal === "SIGINT" || child.kill(signal)));
  const report = await readyReport(child, DAEMON_START_TIMEOUT_MS);
  // It has said on stderr what is wrong.
  if (report.type === "failed") return exitCodeOf(new QrewError(report.code, report.message));
  await context.terminal.line(
    `daemon serves (pid ${report.pid}); its log is ${logPath(home.folder, "manager")}`,
  );
  const code = await ended;
  offSignal();
  return code ?? UNREACHABLE_EXIT;
}
