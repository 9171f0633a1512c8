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

/** It was there and is not any more, unlike one that was never there, or is silent. */
export class LostManager extends QrewError {
  /** `cause` is what the socket said, or null. */
  constructor(cause: unknown) {
    super("unreachable", "The manager went away.", [], cause === null ? undefined : { cause });
  }
}

export function silentManager(timeoutMs: number): QrewError {
  return new QrewError(
    "unreachable",
    `The manager does not answer within ${timeoutMs / 1000} s: see \`qrew daemon status\`, or restart it with \`qrew daemon stop --now\`.`,
  );
}
