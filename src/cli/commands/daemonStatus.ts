/** `qrew daemon status`: 0 when a daemon answers, 4 when none runs. */
import { QrewError } from "../../../protocol/errors.ts";
import { ensureDaemon } from "../../client/daemon.ts";
import { livingHolder } from "../../client/holder.ts";
import { daemonStatus as askStatus } from "../../client/status.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDaemon, jsonDocument } from "../json.ts";
import { daemonView } from "../view/daemonView.ts";

export interface DaemonStatusFlags {
  readonly json?: boolean;
}

const UNREACHABLE_EXIT = 4;

export async function daemonStatus(context: CommandContext, flags: DaemonStatusFlags): Promise<ExitCode> {
  const { terminal } = context;
  const home = await context.home();
  try {
    const { connection } = await ensureDaemon({ home, start: "never", transient: true });
    try {
      const report = await askStatus(connection);
      if (flags.json === true)
        await terminal.line(jsonDocument({ running: true, ...jsonDaemon(report, home) }));
      else
        for (const line of daemonView(report, home.folder, Date.now(), terminal.style))
          await terminal.line(line);
      return 0;
    } finally {
      connection.close();
    }
  } catch (thrown) {
    // A daemon that lives and does not answer is an error; one that does not live is a state.
    const isUnreachable = thrown instanceof QrewError && thrown.code === "unreachable";
    if (!isUnreachable || (await livingHolder(home)) !== null) throw thrown;
    if (flags.json === true) await terminal.line(jsonDocument({ running: false, home: home.folder }));
    else await terminal.line(`no daemon runs for ${home.folder}; commands that need one start it`);
    return UNREACHABLE_EXIT;
  }
}
