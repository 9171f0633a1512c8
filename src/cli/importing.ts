/** The options of commands that read files of other tools. */
import { readFileSync, statSync } from "node:fs";
import { QrewError } from "../../protocol/errors.ts";
import { type ImportSettings, WORKFLOW_FORMATS } from "../../protocol/clientLink.ts";
import { captureEnvironment } from "../client/surroundings.ts";
import { type ImportContext, usualImport } from "../workflow/importers/importing.ts";
import { jobFilesOf } from "../workflow/importers/jobFiles.ts";
import type { JxVariables } from "../workflow/importers/jx/readJx.ts";
import { replayCommand } from "../workflow/replay/program.ts";

/** As commander gives them. */
export interface ImportFlags {
  readonly format?: string;
  readonly timeScale?: string;
  readonly sizeScale?: string;
  readonly jxArgs?: readonly string[];
  readonly jxDefine?: readonly string[];
}

export function importSettings(flags: ImportFlags): ImportSettings {
  const { format, timeScale, sizeScale } = flags;
  const known = WORKFLOW_FORMATS.find((name) => name === format) ?? null;
  if (format !== undefined && known === null) {
    throw new QrewError("usage", `--format is one of ${WORKFLOW_FORMATS.join(", ")}, not "${format}".`);
  }
  return {
    format: known,
    timeScale: timeScale === undefined ? usualImport.timeScale : parseScale(timeScale, "--time-scale"),
    sizeScale: sizeScale === undefined ? usualImport.sizeScale : parseScale(sizeScale, "--size-scale"),
    jx: [...(flags.jxArgs ?? []).map(variablesOfFile), ...(flags.jxDefine ?? []).map(definedVariable)],
  };
}

function variablesOfFile(file: string): JxVariables {
  try {
    if (statSync(file).size <= JX_BYTES_MAX)
      return { source: `--jx-args ${file}`, text: readFileSync(file, "utf8") };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      throw new QrewError("notFound", `There is no file ${file}: name the file with the variables of JX.`);
    const why = error instanceof Error ? error.message : String(error);
    throw new QrewError("usage", `The file of --jx-args cannot be read (${why}): name another.`);
  }
  throw new QrewError("usage", `The file ${file} of --jx-args has more than ${JX_BYTES_MAX} bytes.`);
}

function definedVariable(written: string): JxVariables {
  const [, name, value] = /^\s*([A-Za-z_]\w*)\s*=([\s\S]+)$/.exec(written) ?? [];
  if (name !== undefined && value !== undefined)
    return { source: `--jx-define ${name}`, text: `{${JSON.stringify(name)}: ${value}\n}` };
  throw new QrewError(
    "usage",
    `--jx-define takes a name and its value, as N=3 or 'S="a b"' (a text in double quotes), not ${JSON.stringify(written)}.`,
  );
}

/** For commands that read the file themselves: as a job would that is submitted from here. */
export function importContext(flags: ImportFlags): ImportContext {
  return {
    ...importSettings(flags),
    environment: captureEnvironment(process.env, false),
    files: jobFilesOf(process.cwd()),
    replayCommand: replayCommand(),
  };
}

const SCALE_MAX = 1000; // as the manager takes it
const JX_BYTES_MAX = 1024 * 1024; // likewise

function parseScale(text: string, name: string): number {
  const value = /^(\d+(\.\d*)?|\.\d+)(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= SCALE_MAX) return value;
  throw new QrewError("usage", `${name} is a number from 0 to ${SCALE_MAX} like 0.01, not "${text}".`);
}
