/** The surroundings of measurements: a folder that goes with them, and an end by Ctrl-C that leaves nothing. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { QrewError } from "../protocol/errors.ts";
import { usableCpus } from "./machine.ts";
import type { Bench, Scenario, Size } from "./scenario.ts";
import { type ScenarioReport, scenarioReport } from "./report.ts";

const QUICK_PAIRS = 3;

export interface Session {
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Runs `body` and removes everything it has left in the folder. A signal aborts it; then `interrupted` is thrown. */
export async function withSession<Result>(
  parent: string | null,
  body: (session: Session) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(path.join(parent ?? os.tmpdir(), "qb-"));
  const interrupt = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void =>
    interrupt.abort(new QrewError("interrupted", `Ended by ${signal}.`));
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  try {
    return await body({ folder, signal: interrupt.signal });
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rounds: what the user says, else few for a quick look, else the scenario's own number. */
export const pairsOf = (scenario: Scenario, asked: number | null, quick: boolean): number =>
  asked ?? (quick ? Math.min(QUICK_PAIRS, scenario.pairs) : scenario.pairs);

export async function measure(scenario: Scenario, session: Session, size: Size): Promise<ScenarioReport> {
  const folder = mkdtempSync(path.join(session.folder, "s"));
  const say = (text: string): void => void process.stderr.write(`${scenario.name}: ${text}\n`);
  const bench: Bench = { ...size, parallel: usableCpus(), folder, signal: session.signal, say };
  try {
    return scenarioReport(scenario, size.pairs, await scenario.run(bench));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
