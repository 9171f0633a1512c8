/** `qrew store verify`: 0 when every store is sound, 1 when not. */
import { type StoreReport, verifyStores } from "../../store/upkeep/verify.ts";
import { formatBytes } from "../../node/resources.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDocument } from "../json.ts";
import { plural } from "../view/text.ts";

export interface StoreFlags {
  readonly json?: boolean;
}

const FAULTS_EXIT = 1;

export async function storeVerify(context: CommandContext, flags: StoreFlags): Promise<ExitCode> {
  const { terminal } = context;
  const { folder } = await context.home();
  const stores = await verifyStores(folder);
  const isSound = stores.every(({ faultsTotal }) => faultsTotal === 0);
  if (flags.json === true) await terminal.line(jsonDocument({ home: folder, isSound, stores }));
  else {
    for (const store of stores) for (const line of reportLines(store)) await terminal.line(line);
    await terminal.line(verdict(folder, stores, isSound));
  }
  return isSound ? 0 : FAULTS_EXIT;
}

function reportLines(store: StoreReport): readonly string[] {
  const { name, jobs, records, bytes, usedBytes, faults, faultsTotal, strayPlans } = store;
  const state = faultsTotal === 0 ? "sound" : plural(faultsTotal, "fault");
  const size = `${formatBytes(usedBytes)} of ${formatBytes(bytes)} used`;
  const lines = [`${name}: ${plural(jobs, "job")}, ${plural(records, "record")}, ${size}: ${state}`];
  for (const fault of faults) lines.push(`  ${fault}`);
  if (faultsTotal > faults.length) lines.push(`  and ${plural(faultsTotal - faults.length, "more fault")}`);
  if (strayPlans > 0)
    lines.push(`  ${plural(strayPlans, "plan")} of submissions that were not accepted (harmless)`);
  return lines;
}

function verdict(folder: string, stores: readonly StoreReport[], isSound: boolean): string {
  if (stores.length === 0) return `there is no store in ${folder}: nothing was run there yet`;
  if (isSound) return "everything can be read, and fits";
  return "next: stop the daemon, and go back to a backup with `qrew store restore FOLDER --replace`, or move damaged stores away";
}
