/** Failures for want of something that the machine has none of just now, and may have again: whoever meets them waits and tries again. */

const SCARCE: ReadonlySet<unknown> = new Set([
  "EMFILE",
  "ENFILE",
  "EAGAIN",
  "ENOMEM",
  // LMDB has numbers: MDB_READERS_FULL, then EAGAIN, ENOMEM, ENFILE, EMFILE.
  -30_790,
  11,
  12,
  23,
  24,
]);

/** Where only the text has it: all slots for readers of a store taken among them. */
const SCARCE_TEXT = /MDB_READERS_FULL|EMFILE|ENFILE|EAGAIN|ENOMEM|Too many open files|Cannot allocate memory/;

/** Also where it is the cause of another error. */
export function isScarcity(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && SCARCE.has(error.code)) return true;
  return SCARCE_TEXT.test(error.message) || isScarcity(error.cause);
}
