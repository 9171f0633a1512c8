import { parseArgs } from "node:util";
import { QrewError } from "../protocol/errors.ts";
import type { Scenario } from "./scenario.ts";

export const USAGE = `npm run bench -- [SCENARIO…] [options]

  --pairs N     rounds of each scenario, instead of its own number
  --quick       small amounts of work and three rounds: a look, nothing for a table
  --no-peers    only what the targets need: leave out the other tools
  --json FILE   the report as JSON, with all samples
  --folder DIR  where state folders are made (a local disk); default: the temporary folder
  --readme      write the table into README.md
  --list        name the scenarios`;

export interface BenchArguments {
  readonly scenarios: readonly Scenario[];
  readonly pairs: number | null;
  readonly quick: boolean;
  readonly peers: boolean;
  readonly json: string | null;
  readonly folder: string | null;
  readonly readme: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

const OPTIONS = {
  pairs: { type: "string" },
  quick: { type: "boolean", default: false },
  "no-peers": { type: "boolean", default: false },
  json: { type: "string" },
  folder: { type: "string" },
  readme: { type: "boolean", default: false },
  list: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

const PAIRS_MAX = 1_000;

/** `usual` are the scenarios when none is named, `all` those that can be named. Throws `usage`. */
export function parseArguments(
  args: readonly string[],
  all: readonly Scenario[],
  usual: readonly Scenario[],
): BenchArguments {
  const { values, positionals } = parse(args);
  if (values.readme && values.quick)
    throw new QrewError("usage", "Short versions are nothing for a table: leave out --quick or --readme.");
  const named = positionals.map((name) => {
    const scenario = all.find((one) => one.name === name);
    if (scenario !== undefined) return scenario;
    const names = all.map((one) => one.name).join(", ");
    throw new QrewError("usage", `There is no scenario ${name}: choose of ${names}.`);
  });
  return {
    scenarios: named.length === 0 ? usual : named,
    pairs: values.pairs === undefined ? null : pairsOf(values.pairs),
    quick: values.quick,
    peers: !values["no-peers"],
    json: values.json ?? null,
    folder: values.folder ?? null,
    readme: values.readme,
    list: values.list,
    help: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (thrown) {
    const { message } = QrewError.from(thrown);
    throw new QrewError("usage", `${message}\n\n${USAGE}`);
  }
}

function pairsOf(text: string): number {
  const pairs = Number(text);
  if (Number.isInteger(pairs) && pairs >= 1 && pairs <= PAIRS_MAX) return pairs;
  throw new QrewError("usage", `--pairs is a number from 1 to ${PAIRS_MAX}, not ${text}.`);
}
