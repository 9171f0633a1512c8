/** What is said of a store that cannot be read: always what is wrong, and the ways out. */
import { QrewError } from "../../protocol/errors.ts";

/** Ends the message of everything that is damaged. */
export const WAYS_OUT =
  ": `qrew store verify` says what can be read; go back to a backup with `qrew store restore`, or move the folder of the store " +
  "away to start with an empty one, which loses the jobs in it.";

/** `what` names a store, a file or a record and says what it is, as "The store /x is damaged". */
export const damagedStore = (what: string, why: string, options?: ErrorOptions): QrewError =>
  new QrewError("storeDamaged", `${what} (${why})${WAYS_OUT}`, [], options);
