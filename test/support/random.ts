/** Chance that can be repeated: the seed is printed by the test, and given back by a variable of the environment. */

/** The number in `variable`, else a new one. */
export const seedOf = (variable: string): number =>
  Number(process.env[variable] ?? Math.floor(Math.random() * 2 ** 31));

/** A generator of numbers from 0 to below 1 that is the same everywhere (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
