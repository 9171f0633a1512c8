/** Random layered graphs from a seed, so that a failure can be repeated. */

/** A generator of numbers in [0, 1) by xorshift; never stuck at 0. */
export function randomFrom(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 0x1_0000_0000;
  };
}

/** Of the environment, to repeat a run, or one that nobody has chosen. */
export function chooseSeed(): number {
  const given = Number(process.env["TEST_SEED"]);
  return Number.isInteger(given) && given > 0 ? given : Date.now() % 1_000_000_000;
}

export interface DagTask {
  readonly name: string;
  readonly depends: readonly string[];
}

/** `count` tasks in `layers` layers; each depends on three different tasks of earlier layers, one at least of the last. */
export function layeredDag(count: number, layers: number, seed: number): readonly DagTask[] {
  const random = randomFrom(seed);
  const width = Math.ceil(count / layers);
  const pick = (from: number, to: number): number => from + Math.floor(random() * (to - from));
  return Array.from({ length: count }, (_, index) => {
    const begin = Math.floor(index / width) * width;
    const depends = new Set<number>();
    if (begin > 0) {
      depends.add(pick(begin - width, begin));
      while (depends.size < 3) depends.add(pick(0, begin));
    }
    return { name: `t${index}`, depends: [...depends].map((other) => `t${other}`) };
  });
}
