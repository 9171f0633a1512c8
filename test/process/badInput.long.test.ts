/** Documents and tasks that cannot be: each is refused, or fails, with a sentence that says why, and the daemon goes on. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { outputText, runJob, showJob, type TaskEntry, taskOf, writeDocument } from "../support/jobs.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { expectRefusal, expectUnbroken, managerPid } from "./refusals.ts";
import { startedDaemon } from "./startedDaemon.ts";

let qrew: QrewFolder;
let manager: number;

beforeAll(async () => {
  qrew = await startedDaemon("--cpus", "2");
  manager = await managerPid(qrew);
});

afterAll(() => qrew?.close());

afterEach(() => expectUnbroken(qrew, manager));

function file(name: string, content: string | Uint8Array): string {
  const made = path.join(qrew.work, name);
  writeFileSync(made, content);
  return made;
}

/** Refused by `run`, and by `validate`, which needs no daemon, with the same fault. */
async function faultOf(document: string): Promise<string> {
  const result = await qrew.run(["run", document]);
  expect(expectRefusal(result, 2)).toContain("nothing was submitted");
  const [, fault = ""] = result.stderr.split("\n");
  const validated = await qrew.run(["validate", document]);
  expect(validated.code).toBe(2);
  expect(validated.stdout + validated.stderr).toContain(fault.trim());
  return fault.trim();
}

describe("documents", () => {
  it("an empty file", async () => {
    expect(await faultOf(file("empty.yaml", ""))).toContain("empty.yaml: The document is empty");
    expect(await faultOf(file("blank.yaml", "\n  \n# nothing\n"))).toContain("The document is empty");
    expect(await faultOf(file("empty.json", ""))).toContain("The document is empty");
  });

  describe("50 MB of garbage", () => {
    const BYTES = 50 * 1024 * 1024;

    it.each(["garbage.yaml", "garbage.json", "garbage"])("of all bytes, called %s", async (name) => {
      // Every byte value, without a pattern that a reader could stop at.
      const bytes = Buffer.allocUnsafe(BYTES);
      for (let i = 0, x = 1; i < BYTES; i += 4) {
        x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
        bytes.writeInt32LE(x ^ (x >>> 15), i);
      }
      expect(await faultOf(file(name, bytes))).toContain("The document is no text");
    });

    it("of text", async () => {
      const text = Buffer.alloc(BYTES, 'lorem "ipsum: [dolor, {sit\n  amet\n');
      expect(await faultOf(file("text.yaml", text))).toContain("YAML is read up to 16777216");
      expect(await faultOf(file("text.json", text))).toMatch(/text\.json:\d+:\d+: /);
    });

    it("of brackets", async () => {
      expect(await faultOf(file("deep.json", Buffer.alloc(BYTES, "[")))).toMatch(/deep\.json:1:\d+: /);
    });
  });

  it("a YAML bomb", async () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 10; i += 1)
      lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(", ")}]`);
    lines.push("tasks: [{name: a, command: 'true', params: {env: *a9}}]");
    expect(await faultOf(file("bomb.yaml", lines.join("\n")))).toMatch(
      /bomb\.yaml:\d+:\d+: The aliases up to/,
    );
  });

  it("a cycle of 10,000 tasks", async () => {
    const COUNT = 10_000;
    const tasks = Array.from({ length: COUNT }, (_, i) => ({
      name: `t${i}`,
      command: "true",
      depends: [`t${(i + 1) % COUNT}`],
    }));
    const fault = await faultOf(writeDocument(qrew, tasks, "cycle"));
    expect(fault).toMatch(/circle.*"t0" → "t1" → .*\(9993 more\).* → "t9999" → "t0"/);
    expect(fault.length).toBeLessThan(400);
  });

  it("names with line breaks and control characters", async () => {
    for (const name of ["a\nb", "a\rb", "a\u0000b", "\u001b[2J", ""]) {
      expect(await faultOf(writeDocument(qrew, [{ name, command: "true" }], "name"))).toMatch(/name/);
    }
  });
});

it("runs tasks with spaces, slashes and any alphabet in their names", async () => {
  const names = ["with space", "a/b/../c", "/etc/passwd", "grüße 世界 🎉", "--json", "a'b\"c$(d)`e`"];
  const { job, code } = await runJob(
    qrew,
    names.map((name, i) => ({ name, command: `echo "${i} $QREW_TASK"; false` })),
  );
  expect(code).toBe(1);
  const { errors } = await showJob(qrew, job);
  // The first few, in the order of their ends.
  expect(errors.length).toBeGreaterThan(1);
  for (const { task } of errors) expect(names).toContain(task);
  for (const [i, name] of names.entries()) {
    const asked = name.startsWith("-") ? ["--", name] : [name];
    const { stdout } = await qrew.run(["logs", String(job), ...asked]);
    expect(stdout).toBe(`${i} ${name}\n`);
  }
  const shown = (await qrew.run(["show", String(job)])).stdout;
  expect(shown).toContain(`${errors[0]?.task} failed: exit code 1`);
});

describe("tasks that cannot start", () => {
  /** Runs the one task to its failure; returns why, as `show` tells it. */
  async function reasonOf(task: TaskEntry): Promise<string> {
    const { job, code } = await runJob(qrew, [{ name: "t", ...task }]);
    expect(code).toBe(1);
    const { errors } = await showJob(qrew, job);
    expect(errors).toHaveLength(1);
    expect((await taskOf(qrew, job, "t")).reason).toBe(errors[0]?.reason);
    return errors[0]?.reason ?? "";
  }

  it("a command that does not exist", async () => {
    expect(await reasonOf({ command: ["no-such-command", "x"] })).toMatch(
      /^not started: "no-such-command" was not found: .*PATH/,
    );
    expect(await reasonOf({ command: "no-such-command x" })).toBe("exit code 127");
  });

  it("a file without execute permission", async () => {
    const script = file("script.sh", "#!/bin/sh\necho never\n");
    chmodSync(script, 0o600);
    expect(await reasonOf({ command: [script] })).toMatch(
      /^not started: ".*script\.sh" may not be executed: .*chmod/,
    );
  });

  it("a file whose interpreter is missing", async () => {
    const orphan = file("orphan", "#!/no/such/interpreter\n");
    chmodSync(orphan, 0o700);
    expect(await reasonOf({ command: [orphan] })).toMatch(/^not started: /);
  });

  it("a working folder that vanished while the job ran", async () => {
    const folder = path.join(qrew.folder, "vanishing");
    mkdirSync(folder);
    const { job, code } = await runJob(
      qrew,
      [
        { name: "removes it", command: 'echo gone; rmdir "$PWD"' },
        { name: "needs it", depends: ["removes it"], command: "true" },
        { name: "after", depends: ["needs it"], command: "true" },
      ],
      ["--dir", folder],
    );
    expect(code).toBe(1);
    expect((await taskOf(qrew, job, "needs it")).reason).toMatch(
      /^not started: its working folder cannot be entered/,
    );
    expect((await taskOf(qrew, job, "after")).state).toBe("skipped");
    expect(await outputText(qrew, job, "removes it")).toBe("gone\n");
  });

  it("a folder that is not there when the job is submitted", async () => {
    const document = writeDocument(qrew, [{ name: "a", command: "true" }]);
    const refused = await qrew.run(["run", document, "--dir", path.join(qrew.folder, "absent")]);
    expect(expectRefusal(refused, 3)).toContain("does not exist");
  });
});
