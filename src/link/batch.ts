/** Cuts messages into frames that stay well below what a receiver takes. */
import { encodeFrame, MAPS, type ObjectForm } from "../../protocol/codec.ts";
import { BATCH_BYTES_TARGET, FRAME_MESSAGES_MAX } from "../../protocol/limits.ts";

/**
 * Frames of about BATCH_BYTES_TARGET for the messages, in their order. A batch that turns out larger is halved, so the cost of
 * guessing wrong is one more encoding.
 */
export function* framesOf(
  epoch: number,
  messages: readonly object[],
  form: ObjectForm = MAPS,
): Generator<Buffer> {
  if (messages.length === 0) return;
  if (messages.length <= FRAME_MESSAGES_MAX) {
    const frame = encodeFrame(epoch, messages, form);
    if (frame.length <= BATCH_BYTES_TARGET || messages.length === 1) {
      yield frame;
      return;
    }
  }
  const middle = messages.length >> 1;
  yield* framesOf(epoch, messages.slice(0, middle), form);
  yield* framesOf(epoch, messages.slice(middle), form);
}
