/** Submissions that are repeated: one job, whoever dies and however many ask. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { submitJob, writeDocument } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { type QrewFolder, withQrew } from "../support/qrew.ts";
import { WHOLE_DOCUMENT_BYTES_MAX } from "../../protocol/limits.ts";
import { expectRefusal, managerPid } from "./refusals.ts";

const GOOD = [{ name: "good", command: "true" }];
/** In pieces: then there is a file to wait for. */
const LONG = [{ name: "long", command: ["true", "x".repeat(WHOLE_DOCUMENT_BYTES_MAX)] }];

async function jobCount(qrew: QrewFolder): Promise<number> {
  return readJson(shapes.jobs, (await qrew.call("jobs", "--json", "--limit", "1000")).stdout).jobs.length;
}

it("the same key is the same job: one after another, all at once, and with the next manager", async () => {
  await withQrew(async (qrew) => {
    const file = writeDocument(qrew, GOOD);
    const submit = () => qrew.run(["submit", file, "--key", "night"]);
    const results = await Promise.all([submit(), submit(), submit(), submit()]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(new Set(results.map(({ stdout }) => stdout.trim()))).toEqual(new Set(["1"]));
    expect(results.filter(({ stderr }) => stderr.includes("submitted before under this key"))).toHaveLength(
      3,
    );
    process.kill(await managerPid(qrew), "SIGKILL");
    expect((await submit()).stdout).toBe("1\n");
    const followed = await qrew.run(["run", file, "--key", "night"]);
    expect(followed).toMatchObject({ code: 0 });
    expect(followed.stdout).toMatch(/^job 1 \(workflow\) succeeded/);
    const other = writeDocument(qrew, [{ name: "other", command: "true" }], "other");
    expect(expectRefusal(await qrew.run(["submit", other, "--key", "night"]), 2)).toMatch(/belongs to job 1/);
    const named = await qrew.run(["submit", file, "--key", "night", "--name", "mine"]);
    expect(expectRefusal(named, 2)).toMatch(/use another key/);
    expect(await jobCount(qrew)).toBe(1);
    expect(await submitJob(qrew, GOOD, ["--key", "day"])).toBe(2);
    expect(await submitJob(qrew, GOOD)).toBe(3);
  });
});

it("a submission whose manager is killed while it comes in is one job", { timeout: 90_000 }, async () => {
  const submissions = 3;
  await withQrew(async (qrew) => {
    const numbers = [await submitJob(qrew, GOOD)];
    const file = writeDocument(qrew, LONG);
    const staging = path.join(qrew.home, "staging");
    for (let i = 0; i < submissions; i += 1) {
      const manager = await managerPid(qrew);
      const command = qrew.run(["submit", file]);
      const deadlineMs = performance.now() + 30_000;
      // It is gone again in milliseconds: looked for at each turn.
      while (readdirSync(staging).length === 0 && performance.now() < deadlineMs) await nextTurn();
      // From here to the answer it takes about 15 ms, most of them in the planner.
      await delay(i * 7);
      process.kill(manager, "SIGKILL");
      const { code, stdout, stderr } = await command;
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      numbers.push(Number(stdout));
      // For the next one to ask.
      expect((await qrew.run(["daemon", "start"])).code).toBe(0);
    }
    expect(new Set(numbers).size).toBe(submissions + 1);
    expect(await jobCount(qrew)).toBe(submissions + 1);
  });
});
