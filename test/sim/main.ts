/** `npm run sim -- --seeds N [--from N]` runs many seeds, `--seed N [--trace]` one of them. */
import { parseArgs } from "node:util";
import { isMutation, MUTATIONS } from "./mutations.ts";
import { describeFailure } from "./report.ts";
import { simulate } from "./simulate.ts";

const string = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    seed: string,
    seeds: { ...string, default: "1000" },
    from: { ...string, default: "1" },
    mutation: string,
    trace: { type: "boolean", default: false },
  },
});
const { mutation = null } = values;
if (mutation !== null && !isMutation(mutation)) {
  console.error(`There is no mutation ${mutation}; there are ${MUTATIONS.join(", ")}.`);
  process.exit(2);
}

const first = Number(values.seed ?? values.from);
const last = values.seed === undefined ? first + Number(values.seeds) - 1 : first;
const beganMs = performance.now();
let failures = 0;
let steps = 0;
for (let seed = first; seed <= last; seed++) {
  const result = simulate(seed, { mutation, keepsTrace: values.trace });
  steps += result.steps;
  if (values.trace) for (const line of result.trace.tail(Number.POSITIVE_INFINITY)) console.log(line);
  if (values.seed !== undefined) console.log(`seed ${seed}: ${result.steps} steps, trace ${result.hash}`);
  if (result.violation === null) continue;
  failures++;
  console.log(describeFailure(result, mutation));
}
const seconds = (performance.now() - beganMs) / 1000;
const count = last - first + 1;
console.log(`${count} seeds from ${first}, ${failures} failed; ${steps} steps in ${seconds.toFixed(1)} s`);
process.exitCode = failures === 0 ? 0 : 1;
