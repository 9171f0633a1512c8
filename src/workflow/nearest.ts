/** "Did you mean": the nearest of the names there are. */

/**
 * The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; `max + 1` as soon as
 * it is certain to be more than `max`.
 */
export function editDistance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) > max) return max + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (last[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      let cost = Math.min(replaced, (last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      current.push(cost);
      least = Math.min(least, cost);
    }
    if (least > max) return max + 1;
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? max + 1;
}

/** The candidate nearest to `word`, the first of several; null if none is near enough to be what was meant. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const lower = word.toLowerCase();
  let best: string | null = null;
  // Of a single letter nothing would be left that is alike.
  let max = Math.min(3, word.length - 1, Math.max(1, Math.floor(word.length / 3)));
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > max) continue;
    const distance = editDistance(lower, candidate.toLowerCase(), max);
    if (distance > max) continue;
    best = candidate;
    if (distance === 0) break;
    max = distance - 1;
  }
  return best;
}

/** For things that go by one name only. */
export const noOtherNames: ReadonlyMap<string, string> = new Map();

/** ` Did you mean "x"?`, or nothing. `otherNames` leads from words of other tools (lower case) to what they are called here. */
export function didYouMean(
  word: string,
  candidates: Iterable<string>,
  otherNames: ReadonlyMap<string, string> = noOtherNames,
): string {
  const name = otherNames.get(word.toLowerCase()) ?? nearest(word, candidates);
  return name === null ? "" : ` Did you mean ${JSON.stringify(name)}?`;
}
