/** `npm run bench`: see bench/README.md. */
import { writeFileSync } from "node:fs";
import { exitCodeOf, QrewError } from "../protocol/errors.ts";
import { type BenchArguments, parseArguments, USAGE } from "./arguments.ts";
import { versionsOf } from "./contenders/peer.ts";
import { PEERS } from "./contenders/peers.ts";
import { describeMachine } from "./machine.ts";
import { report, reportJson, reportText, type ScenarioReport } from "./report.ts";
import { writeIntoReadme } from "./readme.ts";
import { ASKED_SCENARIOS, SCENARIOS } from "./scenarios.ts";
import { measure, pairsOf, withSession } from "./session.ts";

const ALL = [...SCENARIOS, ...ASKED_SCENARIOS];

/** Returns the exit code: 0 also where a target is missed, which is for bench:gate to judge. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const wanted = parseArguments(args, ALL, SCENARIOS);
    if (wanted.help) process.stdout.write(`${USAGE}\n`);
    else if (wanted.list)
      process.stdout.write(ALL.map(({ name, question }) => `${name}: ${question}\n`).join(""));
    else return await run(wanted);
    return 0;
  } catch (thrown) {
    const error = QrewError.from(thrown);
    process.stderr.write(
      `bench: ${error.code === "internal" ? (error.stack ?? error.message) : error.message}\n`,
    );
    return exitCodeOf(error);
  }
}

function run(wanted: BenchArguments): Promise<number> {
  return withSession(wanted.folder, async (session) => {
    const { quick, peers } = wanted;
    const machine = describeMachine(session.folder);
    const versions = peers ? await versionsOf(PEERS, session) : {};
    const scenarios: ScenarioReport[] = [];
    let failed = 0;
    for (const scenario of wanted.scenarios) {
      const pairs = pairsOf(scenario, wanted.pairs, quick);
      try {
        scenarios.push(await measure(scenario, session, { pairs, quick, peers }));
      } catch (thrown) {
        // What was measured before is told also when the user has had enough.
        if (scenarios.length === 0 && session.signal.aborted) throw thrown;
        failed += 1;
        process.stderr.write(`bench: ${scenario.name} failed: ${QrewError.from(thrown).message}\n`);
        if (session.signal.aborted) break;
      }
    }
    const whole = report({
      machine,
      versions,
      size: { pairs: wanted.pairs ?? 0, quick, peers },
      scenarios,
    });
    process.stdout.write(reportText(whole));
    if (wanted.json !== null) writeFileSync(wanted.json, reportJson(whole));
    if (wanted.readme) writeIntoReadme(whole);
    if (session.signal.aborted) return exitCodeOf(new QrewError("interrupted", ""));
    return failed === 0 ? 0 : 1;
  });
}
