/**
 * Deadlines for answers of another process, that count only time in which this process ran as well. Where the whole machine stood
 * still, or was swamped, the answer may be there and not yet read: a clock alone would take it for silence.
 */

/** A standstill of any length counts as one of so many parts. */
const PARTS = 10;

/** Calls `late` after `timeoutMs`, or later; returns what takes that back. */
export function whenLate(timeoutMs: number, late: () => void): () => void {
  let left = PARTS;
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) return;
    clearInterval(timer);
    late();
  }, timeoutMs / PARTS);
  return () => clearInterval(timer);
}
