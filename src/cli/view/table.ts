/** Columns that line up, within the width of the terminal. */
import { paintLine, type Span, type Style, span } from "./style.ts";
import { displayWidth, padEnd, padStart } from "./text.ts";

export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  /** Below this width the column is not made narrower; 0 where it may not be made narrower at all. */
  readonly shrinksTo: number;
  /** When the terminal is too narrow for all, columns leave in the order of this number; 0 never leaves. */
  readonly leaves: number;
}

export type Row = readonly Span[];

export interface TableLayout {
  readonly columns: readonly Column[];
  /** Index in the rows and width of each column that is shown. */
  readonly shown: readonly { readonly index: number; readonly width: number }[];
}

const GAP = "  ";

/**
 * Widths for `rows`, which may be the first page of more: later cells that are wider are cut on a terminal, and push their
 * row out of line elsewhere.
 */
export function layOut(columns: readonly Column[], rows: readonly Row[], available: number): TableLayout {
  const natural = columns.map((column, index) =>
    rows.reduce(
      (most, row) => Math.max(most, displayWidth(row[index]?.text ?? "")),
      displayWidth(column.title),
    ),
  );
  let shown = columns.map((_, index) => index);
  const least = (index: number): number => {
    const { shrinksTo = 0 } = columns[index] ?? {};
    const width = natural[index] ?? 0;
    return shrinksTo === 0 ? width : Math.min(width, shrinksTo);
  };
  const leaving = shown
    .filter((index) => (columns[index]?.leaves ?? 0) > 0)
    .sort((a, b) => (columns[a]?.leaves ?? 0) - (columns[b]?.leaves ?? 0));
  const needed = (): number =>
    shown.reduce((sum, index) => sum + least(index), 0) + GAP.length * Math.max(0, shown.length - 1);
  for (const index of leaving) {
    if (needed() <= available) break;
    shown = shown.filter((other) => other !== index);
  }
  return { columns, shown: shareWidth(shown, natural, least, available) };
}

/** The room beyond the least widths goes to the columns that want it, from the left. */
function shareWidth(
  shown: readonly number[],
  natural: readonly number[],
  least: (index: number) => number,
  available: number,
): TableLayout["shown"] {
  const gaps = GAP.length * Math.max(0, shown.length - 1);
  let spare = available - gaps - shown.reduce((sum, index) => sum + least(index), 0);
  return shown.map((index) => {
    const wanted = (natural[index] ?? 0) - least(index);
    const extra = Math.max(0, Math.min(wanted, spare));
    spare -= extra;
    return { index, width: least(index) + extra };
  });
}

export function tableHead(layout: TableLayout, style: Style): string {
  return tableRow(
    layout,
    layout.columns.map(({ title }) => span(title, "strong")),
    style,
  );
}

export function tableRow(layout: TableLayout, row: Row, style: Style): string {
  const isTerminal = Number.isFinite(style.columns);
  const spans: Span[] = [];
  // Cells after the last one that has text would only be spaces at the end of the line.
  const filled = layout.shown.findLastIndex(({ index }) => (row[index]?.text ?? "") !== "");
  for (const [position, { index, width }] of layout.shown.slice(0, filled + 1).entries()) {
    const cell = row[index] ?? span("");
    const text = isTerminal
      ? paintLine([span(cell.text)], { ...style, colour: false, columns: width })
      : cell.text;
    const isRight = layout.columns[index]?.align === "right";
    const padded = isRight ? padStart(text, width) : padEnd(text, width);
    if (position > 0) spans.push(span(GAP));
    spans.push(span(position === filled && !isRight ? text : padded, cell.tone));
  }
  return paintLine(spans, style);
}
