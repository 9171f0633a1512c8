import { QrewError } from "../../protocol/errors.ts";

/** What `action` throws, as a QrewError (`internal` for anything else); fails when it throws nothing. */
export function failureOf(action: () => unknown): QrewError {
  try {
    action();
  } catch (error) {
    return QrewError.from(error);
  }
  throw new Error("nothing was thrown");
}
