import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { QREW_VERSION } from "../../protocol/version.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CODE_FOLDERS = [
  "protocol",
  "src",
  "manager",
  "worker",
  "executor",
  "bench",
  "test",
  "scripts",
  "examples",
];
const TEXT_FOLDERS = [...CODE_FOLDERS, "docs", ".ci"];

/** The hard bound. A file is better off with 50 to 200 lines; what is longer is listed below the test's name. */
const LINES_MAX = 400;
const LINES_GOOD = 250;

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const NAMES_THAT_SAY_NOTHING = /^(utils?|helpers?|common|misc|shared|stuff)(\.|$)/i;
// The brackets keep this file from finding itself.
const UNFINISHED = /\b(TOD[O]|FIXM[E]|XX[X])\b/;
const MACHINE_PATH = /\/wor[k]\/|\/roo[t]\/|\/User[s]\//;
const REGISTRY_ADDRESS = /registr[y]\.(npmjs|yarnpkg)/;
const ANY_TYPE = /(:\s*|\bas\s+|<|\|\s*|,\s*)any\b(?=\s*[;,)>=[{|\]]|$)/m;

const code = read(CODE_FOLDERS, /\.(ts|mjs|cjs|c|h)$/);
const typescript = code.filter(({ path }) => path.endsWith(".ts"));
const texts = [...read(TEXT_FOLDERS, /(\.(ts|mjs|cjs|c|h|md|ya?ml|json)|\/run)$/), ...topLevelTexts()];

describe("style", () => {
  it("sees the sources", () => {
    expect(typescript.length).toBeGreaterThan(10);
  });

  it(`has no file of more than ${LINES_MAX} lines`, async ({ annotate }) => {
    const lengths = code.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }));
    const long = lengths
      .filter(({ lines }) => lines > LINES_GOOD)
      .map(({ path, lines }) => `${path} (${lines})`);
    if (long.length > 0) await annotate(`longer than ${LINES_GOOD} lines: ${long.join(", ")}`, "notice");
    expect(lengths.filter(({ lines }) => lines > LINES_MAX)).toEqual([]);
  });

  it("has no file or folder with a name that says nothing", () => {
    const named = code.filter(({ path }) =>
      path.split("/").some((part) => NAMES_THAT_SAY_NOTHING.test(part)),
    );
    expect(named.map(({ path }) => path)).toEqual([]);
  });

  it("has no `any`", () => {
    expect(
      typescript.filter(({ text }) => ANY_TYPE.test(withoutComments(text))).map(({ path }) => path),
    ).toEqual([]);
  });

  it.each([
    ["unfinished place", UNFINISHED],
    ["path of one machine", MACHINE_PATH],
    ["address of a registry", REGISTRY_ADDRESS],
  ])("has no %s", (_, pattern) => {
    const found = texts.flatMap(({ path, text }) =>
      text
        .split("\n")
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });

  it("has one version, in package.json and in the protocol", () => {
    const manifest: unknown = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(manifest).toHaveProperty("version", QREW_VERSION);
  });
});

function read(folders: readonly string[], pattern: RegExp): SourceFile[] {
  return folders
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map(
        (name) => `${folder}/${name}`,
      ),
    )
    .filter((path) => pattern.test(path) && statSync(join(ROOT, path)).isFile())
    .map(load);
}

function topLevelTexts(): SourceFile[] {
  return readdirSync(ROOT)
    .filter((name) => /\.(md|json|mjs|cjs|ts)$|^LICENSE$|^\.npmrc$/.test(name))
    .map(load);
}

function load(path: string): SourceFile {
  return { path, text: readFileSync(join(ROOT, path), "utf8") };
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
}
