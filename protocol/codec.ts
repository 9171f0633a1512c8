/**
 * A frame on a ZeroMQ link: `QREW`, one byte of protocol version, then msgpack of `[epoch, messages]`.
 *
 * The first five bytes are the same in all versions for ever, so that two versions can at least tell that they differ.
 * The epoch is the number of the holder that sends (0 where a link has none); the receiver refuses lower ones than it
 * has seen.
 *
 * Objects are msgpack maps, which every library reads. Between the actors of a daemon, which send hundreds of the same kind in one frame,
 * they may be records of msgpackr: the names come once, in the frame itself, and nothing is shared between frames. A third of the
 * bytes, and less than half the time to read them. Whoever reads takes both.
 */
import { Packr } from "msgpackr";
import * as v from "valibot";
import { FRAME_BYTES_MAX, FRAME_MESSAGES_MAX } from "./limits.ts";
import { quickCheck } from "./quickCheck.ts";
import { PROTOCOL_VERSION } from "./version.ts";

const MAGIC = Buffer.from("QREW");
const HEADER_BYTES = MAGIC.length + 1;

const SETTINGS = { variableMapSize: true, int64AsType: "number", mapsAsObjects: true } as const;
const packr = new Packr({ ...SETTINGS, useRecords: false });
const recordPackr = new Packr({ ...SETTINGS, useRecords: true });

/** How objects are written. */
export type ObjectForm = "maps" | "records";

export type FrameFault = "notQrew" | "otherVersion" | "tooLarge" | "malformed";

export type DecodedFrame<Message> =
  | { readonly ok: true; readonly epoch: number; readonly messages: readonly Message[] }
  | {
      readonly ok: false;
      readonly fault: FrameFault;
      readonly version: number | null;
      readonly detail: string;
    };

export function encodeFrame(epoch: number, messages: readonly object[], form: ObjectForm = "maps"): Buffer {
  const body = (form === "maps" ? packr : recordPackr).pack([epoch, messages]);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  MAGIC.copy(frame);
  frame[MAGIC.length] = PROTOCOL_VERSION;
  body.copy(frame, HEADER_BYTES);
  return frame;
}

/**
 * Turns bytes into checked messages or a rejection; never throws, whatever the bytes are. What `isHot` recognises is taken as it is,
 * without the schema, which has to accept it too.
 */
export function decodeFrame<Message>(
  bytes: Uint8Array,
  schema: v.GenericSchema<unknown, Message>,
  isHot: (item: unknown) => item is Message = isNone,
): DecodedFrame<Message> {
  if (bytes.length > FRAME_BYTES_MAX) return fault("tooLarge", `${bytes.length} bytes`);
  if (bytes.length < HEADER_BYTES || MAGIC.compare(bytes, 0, MAGIC.length) !== 0) {
    return fault("notQrew", `${bytes.length} bytes that are no qrew frame`);
  }
  const version = bytes[MAGIC.length] ?? 0;
  if (version !== PROTOCOL_VERSION) {
    return { ok: false, fault: "otherVersion", version, detail: `protocol version ${version}` };
  }
  let body: unknown;
  try {
    body = packr.unpack(bytes.subarray(HEADER_BYTES));
  } catch (error) {
    return fault("malformed", error instanceof Error ? error.message : String(error));
  }
  if (
    !Array.isArray(body) ||
    body.length !== 2 ||
    !Number.isSafeInteger(body[0]) ||
    !Array.isArray(body[1])
  ) {
    return fault("malformed", "the body is not [epoch, messages]");
  }
  if (body[1].length > FRAME_MESSAGES_MAX) return fault("tooLarge", `${body[1].length} messages`);
  const messages: Message[] = [];
  const isUsual = quickCheck(schema);
  for (const item of body[1]) {
    if (isHot(item) || isUsual(item)) {
      messages.push(item);
      continue;
    }
    const parsed = v.safeParse(schema, item);
    if (!parsed.success) return fault("malformed", describeIssue(parsed.issues[0]));
    messages.push(parsed.output);
  }
  return { ok: true, epoch: Number(body[0]), messages };
}

const isNone = (_item: unknown): _item is never => false;

function describeIssue(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? "message"}: ${issue.message}`;
}

function fault(name: FrameFault, detail: string): DecodedFrame<never> {
  return { ok: false, fault: name, version: null, detail };
}
