/**
 * What Slurm gave to this process. Its variables say how much was allocated on this node; outside of an allocation
 * (no SLURM_JOB_ID) they are leftovers of a copied environment and mean nothing.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

const isInAllocation = (environment: Environment): boolean =>
  wholeNumber(environment["SLURM_JOB_ID"]) !== null;

/**
 * Whole cpus of this allocation on this node; null when Slurm does not say. Of several answers the smallest: a task of a
 * step has SLURM_CPUS_PER_TASK of the SLURM_CPUS_ON_NODE.
 */
export function slurmCpus(
  environment: Environment,
): { readonly cpus: number; readonly variable: string } | null {
  if (!isInAllocation(environment)) return null;
  const answers = [
    { variable: "SLURM_CPUS_PER_TASK", cpus: wholeNumber(environment["SLURM_CPUS_PER_TASK"]) },
    { variable: "SLURM_CPUS_ON_NODE", cpus: wholeNumber(environment["SLURM_CPUS_ON_NODE"]) },
    { variable: "SLURM_JOB_CPUS_PER_NODE", cpus: cpusOfThisNode(environment) },
  ];
  let least: { readonly cpus: number; readonly variable: string } | null = null;
  for (const { variable, cpus } of answers) {
    if (cpus !== null && cpus > 0 && (least === null || cpus < least.cpus)) least = { cpus, variable };
  }
  return least;
}

function cpusOfThisNode(environment: Environment): number | null {
  const counts = parseCpusPerNode(environment["SLURM_JOB_CPUS_PER_NODE"] ?? "");
  if (counts === null) return null;
  const [first, ...others] = counts;
  // SLURM_NODEID is missing in a batch script, which runs on the first node.
  const node = wholeNumber(environment["SLURM_NODEID"]) ?? 0;
  return others.length === 0 ? (first ?? null) : (counts[node] ?? null);
}

/** `4` or `2(x3),8`: the count of each node of the allocation, in its order. Null when it is not such a list. */
export function parseCpusPerNode(text: string): readonly number[] | null {
  const counts: number[] = [];
  for (const item of text.split(",")) {
    const match = /^(\d+)(?:\(x(\d+)\))?$/.exec(item.trim());
    if (match === null) return null;
    const times = Number(match[2] ?? 1);
    // More nodes than any machine has: not a list that Slurm wrote.
    if (times > 100_000) return null;
    for (let index = 0; index < times; index += 1) counts.push(Number(match[1]));
  }
  return counts;
}

/** Bytes of memory of this allocation on this node; null when Slurm does not say (or 0: all of the node). */
export function slurmMemory(
  environment: Environment,
  cpus: number | null,
): { readonly bytes: number; readonly variable: string } | null {
  if (!isInAllocation(environment)) return null;
  const perNode = mebibytes(environment["SLURM_MEM_PER_NODE"]);
  if (perNode !== null) return { bytes: perNode, variable: "SLURM_MEM_PER_NODE" };
  const perCpu = mebibytes(environment["SLURM_MEM_PER_CPU"]);
  if (perCpu !== null && cpus !== null) return { bytes: perCpu * cpus, variable: "SLURM_MEM_PER_CPU" };
  return null;
}

function mebibytes(text: string | undefined): number | null {
  const count = wholeNumber(text);
  return count === null || count === 0 ? null : count * 1024 * 1024;
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
