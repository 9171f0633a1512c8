import fc from "fast-check";
import { expect, it } from "vitest";
import { textAt, textCount } from "../../../src/workflow/textColumn.ts";
import { TextTable } from "../../../src/workflow/textTable.ts";

/** Few different ones, so that they meet; of one and of more bytes a letter. */
const texts = fc.array(
  fc.oneof(
    fc.constantFrom("", "a", "b", "ab", "ba", "é", "é".repeat(40), "💡"),
    fc.string({ unit: "grapheme" }),
  ),
  { maxLength: 200 },
);

it("gives equal texts one number, in the order in which they come", () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 0, max: 40 }), (given, capacity) => {
      const table = new TextTable(capacity);
      const distinct = [...new Set(given)];
      expect(given.map((text) => table.number(text))).toEqual(given.map((text) => distinct.indexOf(text)));
      expect(table.count).toBe(distinct.length);
      for (const [number, text] of distinct.entries()) {
        expect(table.find(text)).toBe(number);
        expect(table.at(number)).toBe(text);
      }
      expect(table.find("no such text")).toBeNull();
      const column = table.column();
      expect(Array.from({ length: textCount(column) }, (_, index) => textAt(column, index))).toEqual(
        distinct,
      );
    }),
  );
});

it("appends a text that is there already, and finds the first", () => {
  fc.assert(
    fc.property(texts, (given) => {
      const table = new TextTable();
      for (const [index, text] of given.entries()) {
        const first = given.indexOf(text);
        expect(table.append(text)).toBe(first === index ? null : first);
      }
      for (const [index, text] of given.entries()) {
        expect(table.at(index)).toBe(text);
        expect(table.find(text)).toBe(given.indexOf(text));
      }
    }),
  );
});

it("holds a hundred thousand texts that differ little", () => {
  const table = new TextTable();
  const known = Array.from({ length: 100_000 }, (_, index) => table.append(`t${index}`));
  expect(known.filter((first) => first !== null)).toEqual([]);
  expect(table.find("t99999")).toBe(99_999);
  expect(table.find("t100000")).toBeNull();
});
