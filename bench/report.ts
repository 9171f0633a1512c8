/** What a run of the benchmark says: as tables for people, as JSON for programs. */
import type { Machine } from "./machine.ts";
import type { Figure, Measured, Scenario, Series, Size } from "./scenario.ts";
import type { Estimate } from "./statistics.ts";
import { reaches, targetOf } from "./targets.ts";

/** The shape of the JSON: fields may be added under this version. */
const REPORT_VERSION = 1;

export interface ScenarioReport extends Measured {
  readonly name: string;
  readonly question: string;
  readonly pairs: number;
}

export interface Report {
  readonly version: number;
  readonly date: string;
  readonly machine: Machine;
  /** Of the other tools, as they say themselves. */
  readonly versions: Readonly<Record<string, string>>;
  readonly size: Size;
  readonly scenarios: readonly ScenarioReport[];
}

export const scenarioReport = (
  { name, question }: Scenario,
  pairs: number,
  measured: Measured,
): ScenarioReport => ({ name, question, pairs, ...measured });

export const report = (parts: Omit<Report, "version" | "date">): Report => ({
  version: REPORT_VERSION,
  date: new Date().toISOString(),
  ...parts,
});

export const reportJson = (whole: Report): string =>
  `${JSON.stringify({ ...whole, scenarios: whole.scenarios.map((one) => withTargets(one, whole.size)) }, null, 2)}\n`;

/** A target is about the whole amount of work: a short version neither reaches nor misses it. */
const withTargets = (scenario: ScenarioReport, { quick }: Size): unknown => ({
  ...scenario,
  figures: scenario.figures.map((figure) => ({
    ...figure,
    ...targetOf(figure.key),
    reached: quick ? null : isReached(figure),
  })),
});

const isReached = ({ key, value }: Figure): boolean => reaches(targetOf(key), value, targetOf(key).target);

/** On what, when, and whether anything else was going on. */
export const headLines = (whole: Report): readonly string[] =>
  isBusy(whole.machine) ? [machineLine(whole), BUSY] : [machineLine(whole)];

/** Markdown that also reads well on a terminal. */
export function reportText(whole: Report): string {
  const lines = [
    ...headLines(whole),
    ...Object.entries(whole.versions).map(([name, version]) => `${name}: ${version}`),
    "",
    ...whole.scenarios.flatMap(scenarioLines),
    ...figureLines(whole),
  ];
  return `${lines.join("\n")}\n`;
}

/** Averages over a minute: a few commands before the benchmark do not count as other work. */
const isBusy = ({ loadBefore, cpus }: Machine): boolean => loadBefore > cpus / 2;
const BUSY = "The machine had other work to do: these figures say what is left beside it, and no more.";

const machineLine = ({ machine, date, size }: Report): string =>
  `Measured ${date.slice(0, 10)} on ${machine.cpus} cpus (${machine.model}, ${machine.kernel}, ${machine.memoryGb} GB), ` +
  `Node ${machine.node.slice(1)}, qrew ${machine.qrew}; fdatasync ${machine.fdatasyncMs.toFixed(2)} ms on ` +
  `${machine.fileSystem}; load before ${machine.loadBefore}${size.quick ? "; short versions (--quick)" : ""}.`;

function scenarioLines({ name, question, pairs, series, absent, notes }: ScenarioReport): readonly string[] {
  const rows = series.map((one) => [
    one.what,
    one.contender,
    measure(one.estimate.value, one.unit),
    range(one.estimate, one.unit),
    one.speedup === null
      ? ""
      : `${ratio(one.speedup.value)} (${ratio(one.speedup.low)} – ${ratio(one.speedup.high)})`,
    one.records,
  ]);
  return [
    `${name}: ${question} (${pairs} rounds)`,
    "",
    ...table(["work", "who", "median", "95 %", "qrew is × as fast", "keeps of a task"], rows),
    ...absent.map(({ contender, reason }) => `absent: ${contender}: ${reason}`),
    ...notes,
    "",
  ];
}

export function figureLines({ scenarios, size }: Report): readonly string[] {
  const figures = scenarios.flatMap((one) => one.figures.map((figure) => ({ ...figure, pairs: one.pairs })));
  if (figures.length === 0) return [];
  const rows = figures.map((figure) => {
    const { what, better, target } = targetOf(figure.key);
    return [
      figure.key,
      what,
      String(figure.pairs),
      amount(figure.value),
      `${amount(figure.low)} – ${amount(figure.high)}`,
      `${better === "higher" ? "≥" : "≤"} ${amount(target)}`,
      size.quick ? "not judged" : isReached(figure) ? "yes" : "no",
    ];
  });
  return table(["figure", "what", "rounds", "measured", "95 %", "target", "reached"], rows);
}

/** What others run is told once, beside the scenario that all of them are in. */
export const contenderLines = (series: readonly Series[]): readonly string[] =>
  table(
    ["who", "median", "qrew is × as fast", "keeps of a task"],
    series.map(({ contender, estimate, unit, speedup, records }) => [
      contender,
      measure(estimate.value, unit),
      speedup === null ? "" : `${ratio(speedup.value)} (${ratio(speedup.low)} – ${ratio(speedup.high)})`,
      records,
    ]),
  );

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)];
}

const range = ({ low, high }: Estimate, unit: Series["unit"]): string =>
  `${measure(low)} – ${measure(high, unit)}`;

const measure = (value: number, unit: Series["unit"] | "" = ""): string => `${amount(value)} ${unit}`.trim();

const ratio = (value: number): string => value.toFixed(2);

/** Three digits are more than such a measurement is good for. */
function amount(value: number): string {
  if (Number.isNaN(value)) return "not known";
  if (value === 0) return "0";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(3);
}
