/**
 * Has V8 look for garbage soon after something large was let go. By itself it looks when more memory is wanted, so that an idle
 * process would keep a hundred megabytes of the last large job for days. Needs `--expose-gc` (src/link/program.ts).
 */

/** For what still holds it to come to its end. The look takes some 20 ms. */
const DELAY_MS = 100;

let timer: NodeJS.Timeout | null = null;

export function collectGarbageSoon(): void {
  timer ??= setTimeout(() => {
    timer = null;
    globalThis.gc?.();
  }, DELAY_MS).unref();
}
