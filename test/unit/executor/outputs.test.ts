import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingOutputs } from "../../../executor/outputs.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "qrew-outputs-"));
  mkdirSync(path.join(folder, "deep", "deeper"), { recursive: true });
  mkdirSync(path.join(folder, "empty"));
  mkdirSync(path.join(folder, ".hidden"));
  const files = [
    "a.txt",
    "b[1].dat",
    "deep/deeper/x.log",
    ".dot",
    ".hidden/in.txt",
    "part-7",
    "part-é",
    "st*r",
  ];
  for (const file of files) writeFileSync(path.join(folder, file), "");
  symlinkSync("a.txt", path.join(folder, "link"));
  symlinkSync("nowhere", path.join(folder, "dangling"));
  symlinkSync("..", path.join(folder, "deep", "up"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("outputs", () => {
  it.each([
    "a.txt",
    "./a.txt",
    "deep",
    "deep/",
    "deep/deeper/x.log",
    "deep/../a.txt",
    "link",
    "*.txt",
    "?.txt",
    "[abc].txt",
    "[!b].txt",
    "[^b].txt",
    "b[1].dat",
    "b?1?.dat",
    "b[[]1].dat",
    "st*r",
    "st[*]r",
    "part-[0-9]",
    "part-[5-8]",
    "part-?",
    "*/deeper/*.log",
    "deep/*/x.log",
    "**/x.log",
    "**",
    "**/*.txt",
    "deep/**/x.log",
    ".d*",
    ".*/in.txt",
    "*/",
    "./*.txt",
  ])("%j is there", async (output) => {
    expect(await missingOutputs({ folder, outputs: [output] })).toEqual([]);
    expect(await missingOutputs({ folder: "/nowhere", outputs: [`${folder}/${output}`] })).toEqual([]);
  });

  it.each([
    "c.txt",
    "a.txt/",
    "dangling",
    "*.TXT",
    "?",
    "[b].txt",
    "[a.txt",
    "*ot",
    "*/in.txt",
    "**/in.txt",
    "empty/*",
    "*.txt/",
    "nowhere/*",
    "a.txt/*",
    "[z-a].txt",
    "part-[!0-9]?",
    "x.log",
    "a+txt",
    "(a).txt",
  ])("%j is missing", async (output) => {
    expect(await missingOutputs({ folder, outputs: [output] })).toEqual([output]);
  });

  it("are named in their order", async () => {
    const outputs = ["z", "a.txt", "*.none", "link", "deep/none"];
    expect(await missingOutputs({ folder, outputs })).toEqual(["z", "*.none", "deep/none"]);
  });
});
