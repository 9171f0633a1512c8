/** Waiting for the thing instead of for a time. */
import { setTimeout as delay } from "node:timers/promises";

/** Between two looks: short beside everything that is waited for, long beside a look. */
const LOOK_MS = 20;
/** A machine that is loaded by other tests needs many times what an idle one does. */
const UNTIL_MS = 30_000;

/** The first result of `look` that is not null, false or undefined. Fails with `what` after `timeoutMs`. */
export async function until<Result>(
  what: string,
  look: () => Result | Promise<Result>,
  timeoutMs: number = UNTIL_MS,
): Promise<NonNullable<Exclude<Result, false>>> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (isThere(found)) return found;
    if (performance.now() > deadlineMs) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
    await delay(LOOK_MS);
  }
}

function isThere<Result>(found: Result): found is NonNullable<Exclude<Result, false>> {
  return found !== null && found !== undefined && found !== false;
}
