/** `qrew config`: shows and changes the settings of the state folder. */
import {
  checkSetting,
  readSettings,
  settingOf,
  SETTINGS,
  settingsPath,
  writeSettings,
} from "../../client/settings.ts";
import { QrewError } from "../../../protocol/errors.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDocument } from "../json.ts";
import { span } from "../view/style.ts";
import { type Column, layOut, type Row, tableHead, tableRow } from "../view/table.ts";

export interface ConfigFlags {
  readonly json?: boolean;
}

const COLUMNS: readonly Column[] = [
  { title: "SETTING", align: "left", shrinksTo: 0, leaves: 0 },
  { title: "VALUE", align: "left", shrinksTo: 12, leaves: 0 },
  { title: "MEANING", align: "left", shrinksTo: 12, leaves: 1 },
];

export async function configShow(context: CommandContext, flags: ConfigFlags): Promise<ExitCode> {
  const { terminal } = context;
  const { folder } = await context.home();
  const settings = readSettings(folder);
  if (flags.json === true) {
    const all = SETTINGS.map(({ key, usual }) => ({ key, value: settings.get(key) ?? null, usual }));
    await terminal.line(jsonDocument({ file: settingsPath(folder), settings: all }));
    return 0;
  }
  const rows = SETTINGS.map(({ key, usual, description }): Row => {
    const value = settings.get(key);
    return [
      span(key),
      value === undefined ? span(`(${usual})`, "quiet") : span(value),
      span(description, "quiet"),
    ];
  });
  const layout = layOut(COLUMNS, rows, terminal.style.columns);
  await terminal.line(tableHead(layout, terminal.style));
  for (const row of rows) await terminal.line(tableRow(layout, row, terminal.style));
  return 0;
}

/** The value alone, for scripts. */
export async function configGet(context: CommandContext, key: string, flags: ConfigFlags): Promise<ExitCode> {
  const setting = settingOf(key);
  const value = readSettings((await context.home()).folder).get(setting.key) ?? null;
  if (flags.json === true) {
    await context.terminal.line(jsonDocument({ key: setting.key, value }));
    return 0;
  }
  if (value === null)
    throw new QrewError("notFound", `${setting.key} is not set; without it counts: ${setting.usual}.`);
  await context.terminal.line(value);
  return 0;
}

export async function configSet(
  context: CommandContext,
  key: string,
  value: string,
  flags: ConfigFlags,
): Promise<ExitCode> {
  const checked = checkSetting(key, value);
  const { folder } = await context.home();
  writeSettings(folder, new Map([...readSettings(folder), [checked, value]]));
  if (checked.startsWith("daemon.") || checked.startsWith("prune."))
    context.terminal.note(
      "qrew: it counts for the next daemon: stop the present one with `qrew daemon stop`.",
    );
  if (flags.json === true) await context.terminal.line(jsonDocument({ key: checked, value }));
  return 0;
}

export async function configUnset(
  context: CommandContext,
  key: string,
  flags: ConfigFlags,
): Promise<ExitCode> {
  const { key: known } = settingOf(key);
  const { folder } = await context.home();
  const settings = new Map(readSettings(folder));
  settings.delete(known);
  writeSettings(folder, settings);
  if (flags.json === true) await context.terminal.line(jsonDocument({ key: known, value: null }));
  return 0;
}
