/** `qrew store compact`: the daemon is stopped. */
import { compactStores } from "../../store/upkeep/compact.ts";
import { formatBytes } from "../../node/resources.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDocument } from "../json.ts";
import type { StoreFlags } from "./storeVerify.ts";

export async function storeCompact(context: CommandContext, flags: StoreFlags): Promise<ExitCode> {
  const { terminal } = context;
  const { folder } = await context.home();
  const stores = await compactStores(folder);
  const savedBytes = stores.reduce((sum, { bytesBefore, bytes }) => sum + bytesBefore - bytes, 0);
  if (flags.json === true) {
    await terminal.line(jsonDocument({ home: folder, stores, savedBytes }));
    return 0;
  }
  for (const { name, bytesBefore, bytes } of stores)
    await terminal.line(`${name}: ${formatBytes(bytesBefore)} before, ${formatBytes(bytes)} now`);
  await terminal.line(`${formatBytes(savedBytes)} saved`);
  return 0;
}
