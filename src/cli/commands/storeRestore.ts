/** `qrew store restore FOLDER`: the daemon is stopped, and the state folder empty or to be replaced. */
import path from "node:path";
import { restoreBackup } from "../../store/upkeep/restore.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDocument, jsonTime } from "../json.ts";
import { formatMoment } from "../view/time.ts";
import type { StoreFlags } from "./storeVerify.ts";

export interface StoreRestoreFlags extends StoreFlags {
  readonly replace?: boolean;
}

export async function storeRestore(
  context: CommandContext,
  folder: string,
  flags: StoreRestoreFlags,
): Promise<ExitCode> {
  const { terminal } = context;
  const backup = path.resolve(folder);
  const { folder: home } = await context.home();
  const { manifest, asideFolder } = await restoreBackup({ home, backup, replace: flags.replace === true });
  const { createdAtMs } = manifest;
  if (flags.json === true) {
    await terminal.line(jsonDocument({ home, backup, createdAt: jsonTime(createdAtMs), asideFolder }));
    return 0;
  }
  await terminal.line(`restored the state of ${formatMoment(createdAtMs)} into ${home}`);
  if (asideFolder !== null)
    await terminal.line(`what was there is in ${asideFolder}: remove it when you are done with it`);
  await terminal.line("tasks that ran at that time are repeated when the daemon is started");
  return 0;
}
