/** Commands without a document, as one types them who comes from GNU parallel. */
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { QrewFolder } from "../support/qrew.ts";
import { until } from "../support/until.ts";

let qrew: QrewFolder;
beforeAll(() => {
  qrew = new QrewFolder();
});
afterAll(() => qrew.close());

const inWork = (...parts: readonly string[]): string => path.join(qrew.work, ...parts);

it("hundreds of files are converted, and what was written comes in order with -k", async () => {
  mkdirSync(inWork("many"));
  const files = Array.from({ length: 400 }, (_, index) => `many/n ${index}.txt`);
  for (const [index, file] of files.entries()) writeFileSync(inWork(file), `${index}\n`);
  const made = await qrew.run(["run", "-k", "--", "tr 0-9 a-j < {} > {.}.abc; echo {/}", ":::", ...files]);
  expect(made.code).toBe(0);
  expect(made.stdout).toBe(files.map((file) => `${path.basename(file)}\n`).join(""));
  expect(made.stderr).toMatch(/^job \d+ \(tr\) succeeded: 400 tasks /m);
  for (const [index, letters] of [
    [0, "a"],
    [399, "djj"],
  ] as const)
    expect(readFileSync(inWork(`many/n ${index}.abc`), "utf8")).toBe(`${letters}\n`);
  // The same job, records and commands as any other.
  const logs = await qrew.call("logs", "last", "tr[400]");
  expect(logs.stdout).toBe("n 399.txt\n");
});

it("what tasks wrote is printed as they end, each task's as a whole", async () => {
  const command = "echo {}; echo {} >&2; until [ -e {} ]; do sleep 0.05; done; echo {} again";
  const child = qrew.spawn(["run", "--cpus", "0.1", "--", command, ":::", "slow", "fast"]);
  const text = { out: "", err: "" };
  child.stdout?.on("data", (piece: Buffer) => (text.out += piece.toString()));
  child.stderr?.on("data", (piece: Buffer) => (text.err += piece.toString()));
  const closed = once(child, "close");
  writeFileSync(inWork("fast"), "");
  await until("the output of the second", () => text.out === "fast\nfast again\n");
  writeFileSync(inWork("slow"), "");
  await closed;
  expect(text.out).toBe("fast\nfast again\nslow\nslow again\n");
  expect(text.err).toMatch(/^fast\n(.*\n)*slow$/m);
});

it("what failed is shown as it was executed, and the exit code is 1", async () => {
  const result = await qrew.run(["run", "--", "test", "{}", "!=", "b c", ":::", "a", "b c"]);
  expect(result).toMatchObject({ code: 1, stdout: "" });
  expect(result.stderr).toContain("test[2] failed: exit code 1: test 'b c' '!=' 'b c'\n");
});

it("a single command runs as it is, and lines of stdin are arguments or commands", async () => {
  expect(await qrew.run(["run", "--", "sh", "-c", "echo $((6 * 7)) {}"])).toMatchObject({
    code: 0,
    stdout: "42 {}\n",
  });
  const lines = await qrew.run(["run", "-k", "--each-line", "-", "--", "echo", "<{}>"], {
    input: "a b\nc\n",
  });
  expect(lines.stderr).toMatch(/^job \d+ \(echo\) succeeded: 2 tasks /m);
  expect(lines.stdout).toBe("<a b>\n<c>\n");
  const commands = await qrew.run(["run", "-k", "-a", "-"], { input: "echo $((1+1))\necho two | rev\n" });
  expect(commands.stdout).toBe("2\nowt\n");
});

it("settings hold for each task, and submit gives the number of the job", async () => {
  const failing = "test -e tried && echo second || { touch tried; exit 3; }";
  const options = ["--retries", "1", "--timeout", "1m", "--name", "again"];
  const submitted = await qrew.run(["submit", ...options, "--json", "--", failing]);
  const { jobId } = readJson(shapes.submit, submitted.stdout);
  expect((await qrew.call("wait", String(jobId))).code).toBe(0);
  const shown = readJson(shapes.show, (await qrew.call("show", String(jobId), "--json")).stdout);
  expect(shown).toMatchObject({ name: "again", source: `${failing} (command line)` });
  expect((await qrew.call("logs", String(jobId))).stdout).toContain("(attempt 2) <==\nsecond\n");
});

it("what cannot be run is told without a place in a document that nobody wrote", async () => {
  const result = await qrew.run(["run", "--cpus", "90000", "--", "true"]);
  expect(result.code).toBe(2);
  expect(result.stderr).toMatch(
    /^qrew: The command cannot be run like this; nothing was submitted\.\n {2}The task needs 90000/,
  );
});
