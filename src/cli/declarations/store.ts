/** `store verify`, `store backup`, `store restore`, `store compact`. */
import type { Command } from "commander";
import type { StoreRestoreFlags } from "../commands/storeRestore.ts";
import type { StoreFlags } from "../commands/storeVerify.ts";
import { declare, type Surroundings } from "./declare.ts";

export function declareStore(program: Command, { context, finish }: Surroundings): void {
  const store = program
    .command("store")
    .description("look after what is kept in the state folder")
    .addHelpText("after", "\nExample:\n  qrew store backup /backups/qrew-$(date +%F)")
    .helpCommand(false);
  declare(store, "verify", "read every record and see whether they fit; exits 1 if they do not", [
    "qrew store verify",
  ]).action(async (flags: StoreFlags) => {
    const { storeVerify } = await import("../commands/storeVerify.ts");
    await finish(storeVerify(context, flags));
  });
  declare(store, "backup <folder>", "copy jobs, tasks and output into a new folder; the daemon goes on", [
    "qrew store backup /backups/qrew-$(date +%F)",
  ]).action(async (folder: string, flags: StoreFlags) => {
    const { storeBackup } = await import("../commands/storeBackup.ts");
    await finish(storeBackup(context, folder, flags));
  });
  declare(store, "restore <folder>", "go back to a backup; the daemon must be stopped", [
    "qrew store restore /backups/qrew-2026-03-14 --replace",
  ])
    .option("--replace", "keep what is there aside, in the state folder")
    .action(async (folder: string, flags: StoreRestoreFlags) => {
      const { storeRestore } = await import("../commands/storeRestore.ts");
      await finish(storeRestore(context, folder, flags));
    });
  declare(store, "compact", "give free pages back to the disk; the daemon must be stopped", [
    "qrew store compact",
  ]).action(async (flags: StoreFlags) => {
    const { storeCompact } = await import("../commands/storeCompact.ts");
    await finish(storeCompact(context, flags));
  });
}
