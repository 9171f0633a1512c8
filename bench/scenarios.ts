import type { Scenario } from "./scenario.ts";
import { capacity } from "./scenarios/capacity.ts";
import { chain } from "./scenarios/chain.ts";
import { commands } from "./scenarios/commands.ts";
import { fanout } from "./scenarios/fanout.ts";
import { held } from "./scenarios/held.ts";
import { idle } from "./scenarios/idle.ts";
import { jobs } from "./scenarios/jobs.ts";
import { latency } from "./scenarios/latency.ts";
import { launch } from "./scenarios/launch.ts";
import { noopMillion } from "./scenarios/noopMillion.ts";
import { output } from "./scenarios/output.ts";
import { submit } from "./scenarios/submit.ts";
import { wfformat } from "./scenarios/wfformat.ts";

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  fanout,
  output,
  wfformat,
  chain,
  noopMillion,
  submit,
  jobs,
  latency,
  held,
  idle,
  commands,
];

/** Only when they are named. */
export const ASKED_SCENARIOS: readonly Scenario[] = [capacity, launch];
