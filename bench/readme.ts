/** The table in README.md: written by `npm run bench -- --readme`, never by hand. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { QrewError } from "../protocol/errors.ts";
import { contenderLines, figureLines, headLines, type Report } from "./report.ts";

const README = fileURLToPath(new URL("../README.md", import.meta.url));
const BEGIN = "<!-- begin: npm run bench -- --readme -->";
const END = "<!-- end: npm run bench -- --readme -->";

/** Throws `refused` where README.md has no place for it. */
export function writeIntoReadme(report: Report): void {
  writeFileSync(README, withBlock(readFileSync(README, "utf8"), blockOf(report)));
}

export function withBlock(text: string, block: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin === -1 || end < begin)
    throw new QrewError("refused", `README.md needs the lines ${BEGIN} and ${END} around its table.`);
  return `${text.slice(0, begin + BEGIN.length)}\n${block}${text.slice(end)}`;
}

function blockOf(report: Report): string {
  const fanout = report.scenarios.find(({ name }) => name === "fanout");
  const lines = [
    ...headLines(report),
    "",
    ...figureLines(report),
    "",
    ...(fanout === undefined
      ? []
      : [`${fanout.series[0]?.what ?? ""}:`, "", ...contenderLines(fanout.series), ""]),
  ];
  return `${lines.join("\n")}\n`;
}
