/** Cuts messages into frames that stay well below what a receiver takes, and chooses how their objects are written. */
import { encodeFrame, type ObjectForm } from "../../protocol/codec.ts";
import { BATCH_BYTES_TARGET, FRAME_MESSAGES_MAX } from "../../protocol/limits.ts";

/** From so many items of one kind on their names cost more than it does to declare them. */
const RECORDS_FROM = 8;

/**
 * Frames of about BATCH_BYTES_TARGET for the messages, in their order. A batch that turns out larger is halved, so the cost of
 * guessing wrong is one more encoding. `records`: where that pays.
 */
export function framesOf(
  epoch: number,
  messages: readonly object[],
  form: ObjectForm = "maps",
): Generator<Buffer> {
  const isWorth = form === "records" && messages.some(hasMany);
  return cut(epoch, messages, isWorth ? "records" : "maps");
}

const hasMany = (message: object): boolean =>
  Object.values(message).some((value) => Array.isArray(value) && value.length >= RECORDS_FROM);

function* cut(epoch: number, messages: readonly object[], form: ObjectForm): Generator<Buffer> {
  if (messages.length === 0) return;
  if (messages.length <= FRAME_MESSAGES_MAX) {
    const frame = encodeFrame(epoch, messages, form);
    if (frame.length <= BATCH_BYTES_TARGET || messages.length === 1) {
      yield frame;
      return;
    }
  }
  const middle = messages.length >> 1;
  yield* cut(epoch, messages.slice(0, middle), form);
  yield* cut(epoch, messages.slice(middle), form);
}
