/** `qrew daemon start`: a daemon that stays until it is stopped. */
import { spawn } from "node:child_process";
import path from "node:path";
import { QrewError } from "../../../protocol/errors.ts";
import { ensureDaemon } from "../../client/daemon.ts";
import {
  daemonEnvironment,
  type DaemonResources,
  managerArguments,
  managerProgram,
} from "../../client/daemonProcess.ts";
import { livingHolder } from "../../client/holder.ts";
import { daemonStatus } from "../../client/status.ts";
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

/** The manager writes it; programs only say where it is. */
export const MANAGER_LOG_NAME = "manager.log";

export async function daemonStart(context: CommandContext, flags: DaemonStartFlags): Promise<ExitCode> {
  const { terminal } = context;
  const resources = parseResources(flags);
  const home = await context.home();
  if (flags.foreground === true) return runInForeground(context, home, resources);
  const { connection, started } = await ensureDaemon({
    home,
    start: "ifAbsent",
    transient: false,
    resources,
  });
  const pid = connection.managerPid;
  const report = await daemonStatus(connection);
  connection.close();
  const log = path.join(home.folder, MANAGER_LOG_NAME);
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

/** Ctrl-C reaches the manager by itself, since it stays in the terminal's process group: this only waits for it. */
async function runInForeground(
  context: CommandContext,
  home: Home,
  resources: DaemonResources,
): Promise<ExitCode> {
  const holder = await livingHolder(home);
  if (holder !== null) {
    throw new QrewError(
      "refused",
      `A daemon runs already (pid ${holder.pid}): stop it first with \`qrew daemon stop\`.`,
    );
  }
  const program = managerProgram();
  const args = [
    ...program.args,
    ...managerArguments({ home: home.folder, transient: false, resources }),
    "--foreground",
  ];
  const child = spawn(program.file, args, {
    cwd: "/",
    env: daemonEnvironment(process.env),
    stdio: ["ignore", "inherit", "inherit", "ignore"],
  });
  const offSignal = context.onSignal((signal) => {
    if (signal !== "SIGINT") child.kill(signal);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("exit", resolve);
    child.once("error", reject);
  });
  offSignal();
  return code ?? UNREACHABLE_EXIT;
}
