/** What can be wrong with a manager, as errors that say what to do. */
import type { ClientReply } from "../../protocol/clientLink.ts";
import { QrewError } from "../../protocol/errors.ts";
import { QREW_VERSION } from "../../protocol/version.ts";

/** A defect: the manager answers, but not what was asked. */
export function unexpectedReply(asked: string, reply: ClientReply): QrewError {
  return new QrewError("internal", `The manager answered "${asked}" with "${reply.type}".`);
}

/** `running` names the other side, as `qrew 0.2.0`. */
export function otherVersion(running: string): QrewError {
  return new QrewError(
    "otherVersion",
    `The daemon of this state folder is ${running}, this command is qrew ${QREW_VERSION}: ` +
      "stop it with `qrew daemon stop` (queued jobs are kept) and type the command again, or use the other version.",
  );
}

/** `cause` is what the socket said, or null. */
export function lostManager(cause: unknown): QrewError {
  const options = cause === null ? undefined : { cause };
  return new QrewError("unreachable", LOST, [], options);
}

const LOST = "The manager went away.";

/** It was there and is not any more, unlike one that was never there, or is silent. */
export const isLostManager = (error: unknown): boolean =>
  error instanceof QrewError && error.code === "unreachable" && error.message === LOST;

export function silentManager(timeoutMs: number): QrewError {
  return new QrewError(
    "unreachable",
    `The manager does not answer within ${timeoutMs / 1000} s: see \`qrew daemon status\`, or restart it with \`qrew daemon stop --now\`.`,
  );
}
