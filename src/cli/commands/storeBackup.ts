/** `qrew store backup FOLDER`: while a daemon works or not. */
import path from "node:path";
import { backUp } from "../../store/upkeep/backup.ts";
import { formatBytes } from "../../node/resources.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDocument } from "../json.ts";
import { plural } from "../view/text.ts";
import type { StoreFlags } from "./storeVerify.ts";

export async function storeBackup(
  context: CommandContext,
  folder: string,
  flags: StoreFlags,
): Promise<ExitCode> {
  const { terminal } = context;
  const target = path.resolve(folder);
  const { stores, outputBytes } = await backUp((await context.home()).folder, target);
  const bytes = stores.reduce((sum, store) => sum + store.bytes, outputBytes);
  await terminal.line(
    flags.json === true
      ? jsonDocument({ folder: target, stores, outputBytes, bytes })
      : `backed up ${plural(stores.length, "store")} and the output files into ${target} (${formatBytes(bytes)})`,
  );
  return 0;
}
