import type { Scenario } from "./scenario.ts";
import { chain } from "./scenarios/chain.ts";
import { fanout } from "./scenarios/fanout.ts";
import { latency } from "./scenarios/latency.ts";
import { noopMillion } from "./scenarios/noopMillion.ts";

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [fanout, chain, latency, noopMillion];
