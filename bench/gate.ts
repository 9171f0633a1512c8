/**
 * `npm run bench:gate`: short versions of the main scenarios, judged by ratios within the run, so that a slow machine is as good
 * as a fast one. A figure that misses its gate is measured once more with more rounds before it breaks the build.
 */
import { exitCodeOf, QrewError } from "../protocol/errors.ts";
import type { Figure, Scenario } from "./scenario.ts";
import { chain } from "./scenarios/chain.ts";
import { fanout } from "./scenarios/fanout.ts";
import { jobs } from "./scenarios/jobs.ts";
import { latency } from "./scenarios/latency.ts";
import { noopMillion } from "./scenarios/noopMillion.ts";
import { output } from "./scenarios/output.ts";
import { measure, type Session, withSession } from "./session.ts";
import { gateOf, reaches, targetOf } from "./targets.ts";

const JUDGED: readonly Scenario[] = [fanout, output, chain, jobs, latency, noopMillion];
const PAIRS = 3;
const PAIRS_AGAIN = 7;

/** Returns the exit code. */
export async function gate(): Promise<number> {
  try {
    return await withSession(null, judgeAll);
  } catch (thrown) {
    const error = QrewError.from(thrown);
    process.stderr.write(`bench: ${error.message}\n`);
    return exitCodeOf(error);
  }
}

async function judgeAll(session: Session): Promise<number> {
  const missed: string[] = [];
  for (const scenario of JUDGED) {
    const first = await figuresOf(scenario, session, PAIRS);
    // The second look counts alone: the first one may have met a bad moment.
    const figures = first.every(passes) ? first : await figuresOf(scenario, session, PAIRS_AGAIN);
    for (const figure of figures) {
      process.stdout.write(`${passes(figure) ? "ok" : "missed"}: ${describe(figure)}\n`);
      if (!passes(figure)) missed.push(figure.key);
    }
  }
  process.stdout.write(
    missed.length === 0 ? "bench:gate: ok\n" : `bench:gate: missed: ${missed.join(", ")}\n`,
  );
  return missed.length === 0 ? 0 : 1;
}

/** Those that the gate judges. */
async function figuresOf(scenario: Scenario, session: Session, pairs: number): Promise<readonly Figure[]> {
  const { figures } = await measure(scenario, session, { pairs, quick: true, peers: false });
  return figures.filter(({ key }) => gateOf(targetOf(key)) !== null);
}

function passes({ key, value }: Figure): boolean {
  const bound = gateOf(targetOf(key));
  return bound === null || reaches(targetOf(key), value, bound);
}

function describe({ key, value, low, high }: Figure): string {
  const { what, better, target } = targetOf(key);
  const sign = better === "higher" ? "≥" : "≤";
  const measured = `${value.toFixed(2)} (${low.toFixed(2)} – ${high.toFixed(2)})`;
  return `${key}: ${measured}, the gate asks ${sign} ${gateOf(targetOf(key))?.toFixed(2)}, the target is ${sign} ${target} (${what})`;
}
