/** Messages that are nearly right: one thing in them is replaced, missing or too much. */
import fc from "fast-check";
import { Packr } from "msgpackr";
import * as v from "valibot";
import { expect } from "vitest";

const packr = new Packr({ useRecords: false });

/** What stands in the place of something: what a check may forget. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    -1,
    0,
    -0,
    0.5,
    2 ** 32,
    2 ** 53,
    1e300,
    "",
    [],
    {},
    [""],
    true,
    new Date(0),
  ),
  fc.constantFrom<unknown>(Number.NaN, Number.POSITIVE_INFINITY, { constructor: "x" }, { prototype: "y" }),
  fc.constantFrom<unknown>({ toString: 1 }, { hasOwnProperty: "z" }, { A: 1 }, "x".repeat(1024 * 1024 + 1)),
  fc.anything({ withBigInt: false, withMap: false, withSet: false, maxDepth: 1 }),
);

type Change = {
  readonly steps: readonly number[];
  readonly kind: "replace" | "remove" | "add";
  odd: unknown;
};
const change: fc.Arbitrary<Change> = fc.record({
  steps: fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }),
  kind: fc.constantFrom("replace", "remove", "add"),
  odd,
});

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !(value instanceof Uint8Array);

/** At the place to which the steps lead, as far as there is one. */
function changed(root: Record<string, unknown>, { steps, kind, odd: shared }: Change): void {
  const value: unknown = structuredClone(shared);
  let at = root;
  for (const [index, step] of steps.entries()) {
    const names = Object.keys(at);
    const name = names[step % Math.max(1, names.length)];
    const next = name === undefined ? null : at[name];
    if (index < steps.length - 1 && isObject(next)) {
      at = next;
      continue;
    }
    if (kind === "add") at["extra"] = value;
    else if (name !== undefined && kind === "replace") at[name] = value;
    else if (name !== undefined) delete at[name];
    return;
  }
}

export const overWire = (value: unknown): unknown => packr.unpack(packr.pack(value));

/** What a check recognises of broken messages is what the schema accepts and returns as it is. Tells how many of 2,000 were which. */
export function expectNeverWrong(
  messages: fc.Arbitrary<Record<string, unknown>>,
  isRecognised: (item: unknown) => boolean,
  schema: v.GenericSchema,
): { readonly recognised: number; readonly refused: number } {
  let recognised = 0;
  let refused = 0;
  fc.assert(
    fc.property(messages, fc.array(change, { minLength: 1, maxLength: 2 }), (sent, changes) => {
      const broken = structuredClone(sent);
      for (const each of changes) changed(broken, each);
      const item = overWire(broken);
      const parsed = v.safeParse(schema, item);
      if (!parsed.success) refused += 1;
      if (!isRecognised(item)) return;
      recognised += 1;
      expect(parsed.success).toBe(true);
      expect(parsed.output).toEqual(item);
    }),
    { numRuns: 2000 },
  );
  return { recognised, refused };
}
