/**
 * A frame on a ZeroMQ link: `QREW`, one byte of protocol version, then msgpack of `[epoch, messages]`.
 *
 * The first five bytes are the same in all versions for ever, so that two versions can at least tell that they differ.
 * The epoch is the number of the holder that sends (0 where a link has none); the receiver refuses lower ones than it
 * has seen.
 *
 * Objects are msgpack maps, which every library reads. Between the actors of a daemon they are records of msgpackr: a number says which
 * of the shapes that both sides know it has (actorForm.ts), and the values follow. A third of the bytes, and a fifth of the time to read
 * them; in a process that has slept for some milliseconds, and whose caches are cold, a third. What has none of the shapes is a map there
 * too.
 */
import { Packr } from "msgpackr";
import * as v from "valibot";
import { FRAME_BYTES_MAX, FRAME_MESSAGES_MAX } from "./limits.ts";
import { quickCheck } from "./quickCheck.ts";
import { type Shape, shapeCheck } from "./shapes.ts";
import { PROTOCOL_VERSION } from "./version.ts";

const MAGIC = Buffer.from("QREW");
const HEADER_BYTES = MAGIC.length + 1;

const SETTINGS = { variableMapSize: true, int64AsType: "number", mapsAsObjects: true } as const;

/** How objects are written; whoever reads has to know it. */
export interface ObjectForm {
  readonly packr: Packr;
}

export const MAPS: ObjectForm = { packr: new Packr({ ...SETTINGS, useRecords: false }) };

/** Objects of these shapes are records, under the number of their shape; the others maps. Both sides have to have the same. */
export function recordForm(shapes: readonly Shape[]): ObjectForm {
  let isTakenUp = false;
  const packr = new Packr({
    ...SETTINGS,
    getStructures: () => {
      // Asked again for each number without a shape, after a copy of the whole frame.
      if (isTakenUp) throw new Error("a record of no known shape");
      isTakenUp = true;
      // Not the list itself, on which msgpackr takes its notes.
      return shapes.map((shape) => [...shape]);
    },
    maxSharedStructures: shapes.length,
    // Also since msgpackr keeps all names that it is shown as records; of environments that would be any number.
    useRecords: shapeCheck(shapes),
  });
  packr.pack(null);
  return { packr };
}

export type FrameFault = "notQrew" | "otherVersion" | "tooLarge" | "malformed";

export type DecodedFrame<Message> =
  | { readonly ok: true; readonly epoch: number; readonly messages: readonly Message[] }
  | {
      readonly ok: false;
      readonly fault: FrameFault;
      readonly version: number | null;
      readonly detail: string;
    };

export function encodeFrame(epoch: number, messages: readonly object[], form: ObjectForm = MAPS): Buffer {
  const body = form.packr.pack([epoch, messages]);
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
  form: ObjectForm = MAPS,
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
    body = form.packr.unpack(bytes.subarray(HEADER_BYTES));
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
