/**
 * The one error class. Its message is a sentence for people that says what to do next; its code is for programs. A
 * task that exits 1 is data and never one of these; a broken invariant is an assertion.
 */
export type ErrorCode =
  /** The command line or an argument is wrong. */
  | "usage"
  /** The workflow document has faults; `details` has one line for each. */
  | "invalidDocument"
  /** No such job, task, attempt or file. */
  | "notFound"
  /** The manager does not run, cannot be started, or does not answer in time. */
  | "unreachable"
  /** The other side is a qrew of another version. */
  | "otherVersion"
  /** The request is understood and refused: a bound is reached, or the state does not allow it. */
  | "refused"
  /** A store cannot be written: the disk is full or fails. */
  | "storeFull"
  /** A store cannot be read: damaged, or written by a newer qrew. */
  | "storeDamaged"
  /** The holder of a seat or job was replaced; what it wanted to write does not count. */
  | "fenced"
  /** The user interrupted. */
  | "interrupted"
  /** A defect in qrew. */
  | "internal";

export class QrewError extends Error {
  override readonly name = "QrewError";
  readonly code: ErrorCode;
  /** One line each; for `invalidDocument` every fault with its place. */
  readonly details: readonly string[];

  constructor(code: ErrorCode, message: string, details: readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  /** Whatever was thrown, as a QrewError; used where errors leave a process. */
  static from(thrown: unknown): QrewError {
    if (thrown instanceof QrewError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new QrewError("internal", message, [], { cause: thrown });
  }
}

const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  invalidDocument: 2,
  notFound: 3,
  unreachable: 4,
  otherVersion: 4,
  refused: 2,
  storeFull: 4,
  storeDamaged: 4,
  fenced: 4,
  interrupted: 130,
  internal: 4,
};

/** All codes, for checking one that comes from another process. */
export const ERROR_CODES = [
  "usage",
  "invalidDocument",
  "notFound",
  "unreachable",
  "otherVersion",
  "refused",
  "storeFull",
  "storeDamaged",
  "fenced",
  "interrupted",
  "internal",
] as const satisfies readonly ErrorCode[];

/** The exit code of a command that ends with this error; 0 and 1 are left to how the job ended. */
export const exitCodeOf = (error: QrewError): number => EXIT_CODES[error.code];

/** For the default branch of a switch over a union: the compiler refuses if a case is missing. */
export function assertNever(value: never): never {
  throw new QrewError("internal", `unexpected value ${JSON.stringify(value)}`);
}

/** A broken invariant is a defect: stop here rather than go on with a wrong state. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new QrewError("internal", `broken invariant: ${what}`);
}
