/** Which resource a ready task waits for, and who holds it. */
import type { JobStanding } from "../../protocol/clientLink.ts";
import type { TaskIndex } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import {
  addResources,
  fits,
  formatResources,
  maxResources,
  namedAmount,
  NO_RESOURCES,
  subtractResources,
} from "../node/resources.ts";
import type { Asked, Reason } from "./reasons.ts";
import { classOfTask } from "./readiness.ts";

export function waitsForSlots({ job, plan, standing }: Asked, task: TaskIndex): Reason {
  const { resources: need } = classOfTask(plan.graph, task);
  if (standing === null) return { code: "noDaemon", text: "No daemon runs." };
  const { capacity, holders } = standing;
  if (!fits(need, capacity)) {
    const text = `It needs ${formatResources(need)}, and this node offers ${formatResources(capacity)}: start the daemon with more (\`qrew daemon start --help\`), or cancel the job.`;
    return { code: "neverOffered", text };
  }
  const { maxRunning } = plan.graph;
  if (maxRunning !== null && job.tasks.running >= maxRunning) {
    const text = `Its job runs as many tasks as its document allows at a time (maxRunning: ${maxRunning}).`;
    return { code: "maxRunning", text };
  }
  const held = holders.reduce((sum, holder) => addResources(sum, holder.held), NO_RESOURCES);
  const free = subtractResources(maxResources(capacity, held), held);
  if (fits(need, free)) {
    return {
      code: "slots",
      text: `It needs ${formatResources(need)}, which is free: it starts in a moment.`,
    };
  }
  const missing = missingOf(need, free);
  const who = holdersOf(job.job, missing, standing);
  const text = `It waits for ${formatResources(missing)} (free: ${formatResources(only(missing, free))} of ${formatResources(only(missing, capacity))}); ${who}.`;
  return { code: "slots", text };
}

/** What is needed of the resources of which there is not enough. */
function missingOf(need: Resources, free: Resources): Resources {
  const named = Object.keys(need.named).filter((name) => namedAmount(need, name) > namedAmount(free, name));
  return {
    cpusMilli: need.cpusMilli > free.cpusMilli ? need.cpusMilli : 0,
    memoryBytes: need.memoryBytes > free.memoryBytes ? need.memoryBytes : 0,
    gpusMilli: need.gpusMilli > free.gpusMilli ? need.gpusMilli : 0,
    named: Object.fromEntries(named.map((name) => [name, namedAmount(need, name)])),
  };
}

/** `of` without the resources that `kinds` has nothing of. */
function only(kinds: Resources, of: Resources): Resources {
  return {
    cpusMilli: kinds.cpusMilli > 0 ? of.cpusMilli : 0,
    memoryBytes: kinds.memoryBytes > 0 ? of.memoryBytes : 0,
    gpusMilli: kinds.gpusMilli > 0 ? of.gpusMilli : 0,
    named: Object.fromEntries(Object.keys(kinds.named).map((name) => [name, namedAmount(of, name)])),
  };
}

const NAMED_HOLDERS_MAX = 3;

function holdersOf(own: number, missing: Resources, { holders }: JobStanding): string {
  const parts = holders
    .map(({ job, name, held }) => ({ job, name, part: only(missing, held) }))
    .filter(({ part }) => !fits(part, NO_RESOURCES))
    .toSorted((a, b) => Number(b.job === own) - Number(a.job === own));
  const named = parts
    .slice(0, NAMED_HOLDERS_MAX)
    .map(({ job, name, part }) =>
      job === own
        ? `other tasks of its job hold ${formatResources(part)}`
        : `job ${job} (${name}) holds ${formatResources(part)}`,
    );
  const more = parts.length - named.length;
  return named.join(", ") + (more > 0 ? `, and ${more} more jobs hold the rest` : "");
}
