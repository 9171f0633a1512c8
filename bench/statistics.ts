/**
 * What is said of samples. Medians, because a machine that does something else for a moment must not count; intervals without
 * any assumption about how times are distributed. Random numbers come from a fixed seed: the same samples, the same report.
 */

export interface Estimate {
  readonly value: number;
  /** Bounds of the interval that holds the true value with a probability of at least 95 %. */
  readonly low: number;
  readonly high: number;
}

/** Of the standard normal distribution: 95 % lie within so many deviations. */
const NORMAL_95 = 1.96;
const RESAMPLES = 2_000;
/** With fewer there is no interval of 95 %, neither by ranks nor by resampling: the range is told. */
const SAMPLES_MIN = 6;
const SEED = 20_000;

export const ascending = (samples: readonly number[]): readonly number[] =>
  [...samples].sort((left, right) => left - right);

/** The value below which the share `quantile` (0 … 1) of the sorted samples lies, interpolated. */
export function quantileOf(sorted: readonly number[], quantile: number): number {
  const position = (sorted.length - 1) * quantile;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export const median = (samples: readonly number[]): number => quantileOf(ascending(samples), 0.5);

/** With fewer than six samples no order statistic is that certain; the interval is then their whole range. */
export function estimateMedian(samples: readonly number[]): Estimate {
  const sorted = ascending(samples);
  const rank = medianRank(sorted.length);
  return {
    value: quantileOf(sorted, 0.5),
    low: sorted[rank] ?? Number.NaN,
    high: sorted[sorted.length - 1 - rank] ?? Number.NaN,
  };
}

/** The largest rank r, from 0, so that the median lies outside of samples r and n-1-r with at most 5 %; 0 where none is. */
function medianRank(count: number): number {
  // Below sample r lies the median when at most r of `count` coins show heads.
  let probability = 0.5 ** count;
  let tail = probability;
  let rank = 0;
  while (rank + 1 < count / 2) {
    probability *= (count - rank) / (rank + 1);
    tail += probability;
    if (2 * tail > 0.05) break;
    rank += 1;
  }
  return rank;
}

/** For many samples: a quantile with the order statistics that bound it. */
export function estimateQuantile(samples: readonly number[], quantile: number): Estimate {
  const sorted = ascending(samples);
  const last = sorted.length - 1;
  const spread = NORMAL_95 * Math.sqrt(sorted.length * quantile * (1 - quantile));
  const at = (rank: number): number => sorted[Math.min(last, Math.max(0, Math.round(rank)))] ?? Number.NaN;
  return {
    value: quantileOf(sorted, quantile),
    low: at(last * quantile - spread),
    high: at(last * quantile + spread),
  };
}

/**
 * The ratio of the medians of two series that were measured in turns, and the interval by resampling pairs: what disturbed
 * one round disturbed both.
 */
export function estimateRatio(above: readonly number[], below: readonly number[]): Estimate {
  const pairs = Math.min(above.length, below.length);
  const value = median(above) / median(below);
  if (pairs < SAMPLES_MIN) {
    const each = above.slice(0, pairs).map((sample, index) => sample / (below[index] ?? Number.NaN));
    return { value, low: Math.min(value, ...each), high: Math.max(value, ...each) };
  }
  const random = randomNumbers(SEED);
  const ratios = Array.from({ length: RESAMPLES }, () => {
    const picked = Array.from({ length: pairs }, () => Math.floor(random() * pairs));
    return medianAt(above, picked) / medianAt(below, picked);
  });
  const sorted = ascending(ratios);
  return {
    value,
    low: quantileOf(sorted, 0.025),
    high: quantileOf(sorted, 0.975),
  };
}

const medianAt = (samples: readonly number[], picked: readonly number[]): number =>
  median(picked.map((index) => samples[index] ?? Number.NaN));

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
