/** Compressed sparse rows: node n has the edges `targets[offsets[n] … offsets[n + 1] - 1]`, of the kinds beside them. */
export interface Graph {
  readonly offsets: Uint32Array;
  readonly targets: Uint32Array;
  readonly kinds: Uint8Array;
}

/** The same edges, seen from their other ends; those of a node are in the order of their origins. */
export function transpose({ offsets, targets, kinds }: Graph): Graph {
  const count = offsets.length - 1;
  const turnedOffsets = new Uint32Array(count + 1);
  for (const target of targets) turnedOffsets[target + 1] = (turnedOffsets[target + 1] ?? 0) + 1;
  for (let node = 0; node < count; node += 1) {
    turnedOffsets[node + 1] = (turnedOffsets[node + 1] ?? 0) + (turnedOffsets[node] ?? 0);
  }
  const next = turnedOffsets.slice(0, count);
  const turnedTargets = new Uint32Array(targets.length);
  const turnedKinds = new Uint8Array(targets.length);
  for (let node = 0; node < count; node += 1) {
    for (let edge = offsets[node] ?? 0; edge < (offsets[node + 1] ?? 0); edge += 1) {
      const target = targets[edge] ?? 0;
      const place = next[target] ?? 0;
      next[target] = place + 1;
      turnedTargets[place] = node;
      turnedKinds[place] = kinds[edge] ?? 0;
    }
  }
  return { offsets: turnedOffsets, targets: turnedTargets, kinds: turnedKinds };
}
