/**
 * What is kept for a task that does not fit, so that narrower ones behind it cannot starve it, and no more than that.
 *
 * One resource at a time, in the order gpus, named, memory, cpus (ordered acquisition, as against deadlock: Havender 1968).
 * While a task waits for a scarce gpu it does not hold back the cpus of others; once it has the gpus it holds cpus as they come
 * free.
 *
 * Of what is scarce, those behind it may have what would be left over beside it: it starts at the latest when all that was
 * before it has ended, and until then no slot stands idle for which there is a task (backfilling, of which EASY, Lifka 1995, needs
 * to know how long tasks take). What the loan does not hold is not kept for it at all: the loan was given for others.
 */
import type { Resources } from "../../protocol/resources.ts";
import { fits, namedAmount, scaleResources, subtractResources } from "../../src/node/resources.ts";
import type { JobActor, SlotGroup } from "./state.ts";

/** What the loan still allows. Attempts sent ahead count only as cpus, and may exceed the loan by the allowance. */
export interface Room {
  readonly free: Resources;
  readonly aheadCpusMilli: number;
  /** What blocked groups have reserved of `free`. */
  readonly reserved: Resources;
}

/** The room for those behind the first task of `group`, ready since `readySeq`, which does not fit. */
export function reserve(job: JobActor, group: SlotGroup, readySeq: number, room: Room): Room {
  const need = group.resources;
  const loan = job.account.loan.resources;
  if (!fits(need, loan)) return room;
  const { free, reserved } = room;
  const keep = (part: Partial<Resources>): Room => ({ ...room, reserved: { ...reserved, ...part } });
  const behind = (): Resources => heldBehind(job, group, readySeq);
  if (need.gpusMilli > free.gpusMilli - reserved.gpusMilli) {
    const left = loan.gpusMilli - need.gpusMilli - behind().gpusMilli;
    return keep({ gpusMilli: scarce(free.gpusMilli, reserved.gpusMilli, left) });
  }
  const held = { gpusMilli: reserved.gpusMilli + need.gpusMilli };
  const amounts = new Map(Object.entries(reserved.named));
  for (const name of Object.keys(need.named).sort()) {
    const [has, had] = [namedAmount(free, name), amounts.get(name) ?? 0];
    const wants = namedAmount(need, name);
    if (wants > has - had) {
      const left = namedAmount(loan, name) - wants - namedAmount(behind(), name);
      amounts.set(name, scarce(has, had, left));
      return keep({ ...held, named: Object.fromEntries(amounts) });
    }
    amounts.set(name, had + wants);
  }
  const named = Object.fromEntries(amounts);
  if (need.memoryBytes > free.memoryBytes - reserved.memoryBytes) {
    const left = loan.memoryBytes - need.memoryBytes - behind().memoryBytes;
    return keep({ ...held, named, memoryBytes: scarce(free.memoryBytes, reserved.memoryBytes, left) });
  }
  const memoryBytes = reserved.memoryBytes + need.memoryBytes;
  const isScarce = need.cpusMilli > free.cpusMilli - reserved.cpusMilli;
  const cpusMilli = isScarce
    ? scarce(free.cpusMilli, reserved.cpusMilli, loan.cpusMilli - need.cpusMilli - behind().cpusMilli)
    : reserved.cpusMilli + need.cpusMilli;
  // Where all is sent ahead no cpu is free, and none can be reserved: narrower tasks wait as well.
  return { ...keep({ ...held, named, memoryBytes, cpusMilli }), aheadCpusMilli: 0 };
}

/** How much of `free` is kept, when `left` of the loan remains for those behind. */
const scarce = (free: number, reserved: number, left: number): number =>
  Math.max(reserved, free - Math.max(0, left));

/** What attempts hold whose tasks stand behind this one: of lower priority, or ready later. Noops, which are many, count as such. */
function heldBehind(job: JobActor, { priority }: SlotGroup, readySeq: number): Resources {
  const counts = new Map<SlotGroup, number>();
  for (const live of job.live.notable()) {
    // It holds nothing yet.
    if (live.following !== null) continue;
    const { group } = live;
    const isBefore = group.priority > priority || (group.priority === priority && live.readySeq < readySeq);
    if (isBefore) counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  let behind = job.account.placed;
  for (const [{ resources }, count] of counts) {
    behind = subtractResources(behind, scaleResources(resources, count));
  }
  return behind;
}
