import { randomBytes } from "node:crypto";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { INLINE_OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX } from "../../protocol/limits.ts";
import { outputBytes, outputText, runJob } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { QrewFolder } from "../support/qrew.ts";

let qrew: QrewFolder;
beforeAll(() => {
  qrew = new QrewFolder();
});
afterAll(() => qrew.close());

function writeInput(name: string, bytes: Uint8Array): void {
  writeFileSync(path.join(qrew.work, name), bytes);
}

/** Files in which outputs of the job are kept, with their sizes. */
function keptFiles(job: number): readonly (readonly [string, number])[] {
  const folder = path.join(qrew.home, "output", String(job));
  try {
    return readdirSync(folder).map((name) => [name, statSync(path.join(folder, name)).size] as const);
  } catch {
    return [];
  }
}

describe("output", () => {
  it("comes back byte for byte, whatever the bytes are", async () => {
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    const short = Buffer.concat([everyByte, randomBytes(10_000), Buffer.from([0, 0xff, 0x0d])]);
    const long = Buffer.concat([everyByte, randomBytes(300_000)]);
    writeInput("short.bin", short);
    writeInput("long.bin", long);
    const { code, job } = await runJob(qrew, [
      { name: "short", command: ["cat", "short.bin"] },
      { name: "long", command: ["cat", "long.bin"] },
      { name: "errors", command: "cat short.bin >&2; printf out" },
    ]);
    expect(code).toBe(0);
    expect((await outputBytes(qrew, job, "short")).equals(short)).toBe(true);
    expect((await outputBytes(qrew, job, "long")).equals(long)).toBe(true);
    expect((await outputBytes(qrew, job, "errors", ["--stderr"])).equals(short)).toBe(true);
    expect(await outputText(qrew, job, "errors")).toBe("out");

    const listed = await qrew.call("logs", String(job), "short", "--json");
    const [output] = readJson(shapes.logs, listed.stdout).outputs;
    expect(output).toMatchObject({ task: "short", attempt: 1, stream: "stdout", cutBytes: 0, text: null });
    expect(Buffer.from(output?.base64 ?? "", "base64").equals(short)).toBe(true);
  });

  it("stays in a file only where it is long", async () => {
    const { code, job } = await runJob(qrew, [
      { name: "fits", command: `head -c ${INLINE_OUTPUT_BYTES_MAX} /dev/zero` },
      { name: "more", command: `head -c ${INLINE_OUTPUT_BYTES_MAX + 1} /dev/zero` },
      { name: "none", command: "true" },
    ]);
    expect(code).toBe(0);
    expect(keptFiles(job)).toEqual([["1.1.stdout", INLINE_OUTPUT_BYTES_MAX + 1]]);
    expect(await outputBytes(qrew, job, "fits")).toHaveLength(INLINE_OUTPUT_BYTES_MAX);
    expect(await outputBytes(qrew, job, "more")).toHaveLength(INLINE_OUTPUT_BYTES_MAX + 1);
    expect(await outputBytes(qrew, job, "none")).toHaveLength(0);
  });

  it("is cut in the middle, at a marker, beyond the limit", { timeout: 120_000 }, async () => {
    const line = Buffer.from("0123456789abcde\n");
    const lines = 70 * 65_536;
    const cutBytes = lines * line.length - OUTPUT_BYTES_MAX;
    const { code, job } = await runJob(qrew, [
      { name: "flood", command: `yes 0123456789abcde | head -n ${lines}; echo done >&2` },
    ]);
    expect(code).toBe(0);
    const kept = await outputBytes(qrew, job, "flood");
    const marker = Buffer.from(`\n[qrew: ${cutBytes} bytes were cut here]\n`);
    const half = OUTPUT_BYTES_MAX / 2;
    expect(kept).toHaveLength(OUTPUT_BYTES_MAX + marker.length);
    const expected = Buffer.alloc(half, line);
    expect(kept.subarray(0, half).equals(expected)).toBe(true);
    expect(kept.subarray(half, half + marker.length).equals(marker)).toBe(true);
    expect(kept.subarray(half + marker.length).equals(expected)).toBe(true);
    expect(keptFiles(job)).toEqual([["0.1.stdout", OUTPUT_BYTES_MAX + marker.length]]);
    expect(await outputText(qrew, job, "flood", ["--stderr"])).toBe("done\n");
  });

  it("leaves nothing in the spool when it is recorded", async () => {
    const { job } = await runJob(qrew, [
      { name: "w", foreach: { i: { range: [1, 20] } }, command: "echo out {{i}}; echo err {{i}} >&2" },
    ]);
    expect(await outputText(qrew, job, "w[20]")).toBe("out 20\n");
    const stopped = await qrew.call("daemon", "stop");
    expect(stopped.code).toBe(0);
    const spool = path.join(qrew.home, "spool");
    const files = readdirSync(spool, { recursive: true, encoding: "utf8" });
    expect(files.filter((name) => statSync(path.join(spool, name)).isFile())).toEqual([]);
    // The next one reads the same stores.
    expect(await outputText(qrew, job, "w[7]", ["--stderr"])).toBe("err 7\n");
  });
});

describe("standard input", () => {
  it("is the given text, or empty", async () => {
    const text = "zwölf Zeichen\nand a last line without end";
    const { code, job } = await runJob(qrew, [
      { name: "given", command: "cat", params: { stdin: text } },
      { name: "large", command: ["wc", "-c"], params: { stdin: "x".repeat(1024 * 1024) } },
      { name: "empty", command: "cat; tty -s && echo has a terminal; true" },
      {
        name: "each",
        foreach: { part: ["a", "b"] },
        command: "cat",
        params: { stdin: "part {{part}}" },
      },
    ]);
    expect(code).toBe(0);
    expect(await outputText(qrew, job, "given")).toBe(text);
    expect((await outputText(qrew, job, "large")).trim()).toBe(String(1024 * 1024));
    expect(await outputText(qrew, job, "empty")).toBe("");
    expect(await outputText(qrew, job, "each[2]")).toBe("part b");
  });
});
