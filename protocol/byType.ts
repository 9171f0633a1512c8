/** A choice of messages by their `type`, found in one step: `v.variant` tries one after the other, which is most of the work of a short frame. */
import * as v from "valibot";

/** One message: an object whose `type` is this literal. */
type MessageSchema = v.GenericSchema & { readonly entries: { readonly type: { readonly literal: string } } };

/** Accepts what `v.variant("type", options)` accepts, and says of all else what that says. */
export function byType<const Options extends v.VariantOptions<"type"> & readonly MessageSchema[]>(
  options: Options,
): v.GenericSchema<unknown, v.InferOutput<Options[number]>> {
  const all: v.GenericSchema<unknown, v.InferOutput<Options[number]>> = v.variant("type", options);
  const schemas = new Map<unknown, v.GenericSchema<unknown, v.InferOutput<Options[number]>>>(
    options.map((option) => [option.entries.type.literal, option]),
  );
  return v.lazy((input) => schemas.get(typeOf(input)) ?? all);
}

const typeOf = (input: unknown): unknown =>
  typeof input === "object" && input !== null && "type" in input ? input.type : undefined;
