import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runJob, submitJob, writeDocument } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { type CommandResult, QrewFolder } from "../support/qrew.ts";

let qrew: QrewFolder;
/** Two jobs that every command can look at: one that succeeded, one that failed. */
let sound: number;
let broken: number;

const GREETING = "echo hello; echo hello again; echo to stderr >&2";

beforeAll(async () => {
  qrew = new QrewFolder();
  sound = (
    await runJob(qrew, {
      name: "sound",
      tasks: [
        { name: "greet", command: GREETING },
        { name: "w", foreach: { i: { range: [1, 3] } }, depends: ["greet"], command: "echo w{{i}}" },
        { name: "quiet", command: "true" },
        {
          name: "again",
          command: "echo attempt $QREW_ATTEMPT; test $QREW_ATTEMPT = 2",
          retry: { limit: 1, backoff: "1ms" },
        },
      ],
    })
  ).job;
  broken = (
    await runJob(qrew, { name: "broken", tasks: [{ name: "fails", command: "echo why >&2; exit 4" }] })
  ).job;
});
afterAll(() => qrew.close());

/** Errors are one sentence, without a stack, that ends with what to do. */
function expectError(result: CommandResult, code: number, pattern: RegExp): void {
  expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
  expect(result.stderr).toMatch(/^qrew: /);
  expect(result.stderr).toMatch(pattern);
  expect(result.stderr).not.toMatch(/\n\s+at /);
}

describe("qrew run", () => {
  it("writes progress to stderr and one sentence to stdout, and exits as the job did", async () => {
    const good = await runJob(qrew, { name: "good", tasks: [{ name: "a", command: "true" }] });
    expect(good.code).toBe(0);
    expect(good.stdout).toMatch(new RegExp(`^job ${good.job} \\(good\\) succeeded: 1 task in [^\\n]+\\n$`));
    expect(good.stderr.startsWith(`job ${good.job}: 1 task\n`)).toBe(true);
    const bad = await runJob(qrew, { name: "bad", tasks: [{ name: "a", command: "exit 1" }] });
    expect(bad.code).toBe(1);
    expect(bad.stdout).toContain(`job ${bad.job} (bad) failed`);
    // It wrote nothing that could be read.
    expect(bad.stdout).toMatch(
      new RegExp(`^next: qrew tasks ${bad.job} {2}· {2}qrew retry ${bad.job}$`, "m"),
    );
  });

  it("says how far it is now and then, in plain lines", async () => {
    const { stderr, job } = await runJob(qrew, {
      name: "slow",
      tasks: [{ name: "s", command: "sleep 2.6" }],
    });
    const lines = stderr.trim().split("\n").slice(1);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(new RegExp(`^job ${job} \\(slow\\): 0 of 1 done, `));
    // No control sequences where nobody redraws.
    expect(stderr).not.toContain("\u001b");
  });

  it("prints the job with --json, and its number with --detach", async () => {
    const file = writeDocument(qrew, [{ name: "a", command: "exit 5" }]);
    const followed = await qrew.run(["run", file, "--json", "--name", "given", "--priority", "7"]);
    expect(followed.code).toBe(1);
    const job = readJson(shapes.show, followed.stdout);
    expect(job).toMatchObject({ name: "given", state: "failed", priority: 7, source: file });
    expect(job.errors).toMatchObject([{ task: "a", attempt: 1, attemptsMax: 1, exitCode: 5 }]);
    const detached = await qrew.run(["run", file, "--detach", "--json"]);
    expect(detached.code).toBe(0);
    const { jobId } = readJson(shapes.submit, detached.stdout);
    expect((await qrew.call("wait", String(jobId))).code).toBe(1);
  });

  it("reads a document from stdin, as YAML or JSON", async () => {
    const yaml = await qrew.run(["run", "-", "--json"], { input: "- name: a\n  command: echo from stdin\n" });
    expect(yaml.code).toBe(0);
    const { id, source } = readJson(shapes.show, yaml.stdout);
    expect(source).toBe("-");
    expect((await qrew.call("logs", String(id), "a")).stdout).toBe("from stdin\n");
    const json = await qrew.run(["run", "-"], { input: '[{"name":"a","command":"true"}]' });
    expect(json.code).toBe(0);
  });
});

describe("qrew submit and wait", () => {
  it("prints the number alone, and waits for several jobs", async () => {
    const first = await submitJob(qrew, [{ name: "a", command: "sleep 0.3" }]);
    const second = await submitJob(qrew, [{ name: "a", command: "sleep 0.1; exit 1" }]);
    expect(second).toBe(first + 1);
    const both = await qrew.run(["wait", String(first), String(second), String(sound)]);
    expect(both.code).toBe(1);
    expect(
      both.stdout
        .trim()
        .split("\n")
        .map((line) => line.replace(/ \(.*/, ""))
        .sort(),
    ).toEqual([first, second, sound].map((job) => `job ${job}`).sort());
    const good = await qrew.call("wait", String(first), String(sound), "--json");
    expect(good.code).toBe(0);
    expect(readJson(shapes.summaries, good.stdout).jobs.map(({ id }) => id)).toEqual([first, sound]);
    expect((await qrew.call("wait", "last")).code).toBe(1);
    const file = writeDocument(qrew, [{ name: "a", command: "true" }]);
    const submitted = await qrew.run(["submit", file, "--json"]);
    expect(readJson(shapes.submit, submitted.stdout).jobId).toBe(second + 1);
  });
});

describe("qrew jobs, show and tasks", () => {
  it("list the newest job first", async () => {
    const all = readJson(shapes.jobs, (await qrew.call("jobs", "--json")).stdout);
    const ids = all.jobs.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    expect(ids).toContain(sound);
    const two = readJson(shapes.jobs, (await qrew.run(["jobs", "--limit", "2", "--json"])).stdout);
    expect(two).toMatchObject({ more: true, jobs: [{ id: ids[0] }, { id: ids[1] }] });
    const text = await qrew.call("jobs");
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/sound/);
  });

  it("show a job and its tasks, as text and as JSON", async () => {
    const job = readJson(shapes.show, (await qrew.run(["show", String(sound), "--json"])).stdout);
    expect(job).toMatchObject({ id: sound, name: "sound", state: "succeeded", errors: [], detail: null });
    const { total, ...states } = job.tasks;
    expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(total);
    expect(job.tasks).toMatchObject({ total: 6, succeeded: 6 });
    const listed = readJson(shapes.tasks, (await qrew.call("tasks", String(sound), "--json")).stdout);
    expect(listed.tasks.map(({ name }) => name)).toEqual(["greet", "w[1]", "w[2]", "w[3]", "quiet", "again"]);
    for (const task of listed.tasks) {
      expect(task).toMatchObject({ state: "succeeded", exitCode: 0, signal: null, reason: null });
      expect(Date.parse(task.finishedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(task.startedAt ?? ""));
    }
    const text = await qrew.run(["tasks", "last"]);
    expect(text.code).toBe(0);
    const shown = await qrew.call("show", String(broken));
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.stdout).toContain("task fails failed: exit code 4");
  });
});

describe("qrew logs", () => {
  it("prints the bytes of one task, of one attempt, of one stream", async () => {
    const job = String(sound);
    expect((await qrew.run(["logs", job, "greet"])).stdout).toBe("hello\nhello again\n");
    expect((await qrew.call("logs", job, "greet", "--stderr")).stdout).toBe("to stderr\n");
    expect((await qrew.call("logs", job, "again")).stdout).toBe("attempt 2\n");
    expect((await qrew.call("logs", job, "again", "--attempt", "1")).stdout).toBe("attempt 1\n");
    expect((await qrew.call("logs", job, "w[2]")).stdout).toBe("w2\n");
    const quiet = await qrew.call("logs", job, "quiet");
    expect(quiet).toMatchObject({ code: 0, stdout: "" });
    expect(quiet.stderr).toContain("wrote nothing to stdout");
  });

  it("prints all tasks in the order of their start, and the elements of an array", async () => {
    const all = (await qrew.call("logs", String(sound))).stdout;
    for (const head of ["==> greet <==", "==> w[3] <==", "==> again (attempt 2) <=="])
      expect(all).toContain(head);
    expect(all.indexOf("==> greet")).toBeLessThan(all.indexOf("==> w[1]"));
    expect(all).not.toContain("quiet");
    const array = (await qrew.call("logs", String(sound), "w")).stdout;
    expect(array).toBe("==> w[1] <==\nw1\n\n==> w[2] <==\nw2\n\n==> w[3] <==\nw3\n");
    const { outputs } = readJson(shapes.logs, (await qrew.call("logs", String(sound), "w", "--json")).stdout);
    expect(outputs.map(({ task, text }) => [task, text])).toEqual([
      ["w[1]", "w1\n"],
      ["w[2]", "w2\n"],
      ["w[3]", "w3\n"],
    ]);
  });

  it("refuses what is not there", async () => {
    const job = String(sound);
    expectError(await qrew.call("logs", job, "nobody"), 3, /no task "nobody"/);
    expectError(await qrew.call("logs", job, "again", "--attempt", "3"), 3, /only 2 attempts/);
    expectError(await qrew.call("logs", job, "again", "--attempt", "zero"), 2, /--attempt/);
  });
});

describe("qrew validate", () => {
  it("counts the tasks of a good document and lists all faults of a bad one", async () => {
    const good = writeDocument(qrew, [{ name: "a", foreach: { i: { range: [1, 4] } }, command: "true" }]);
    expect(await qrew.run(["validate", good])).toMatchObject({
      code: 0,
      stdout: `${good} is valid: 4 tasks\n`,
    });
    const report = readJson(shapes.validate, (await qrew.call("validate", good, "--json")).stdout);
    expect(report).toEqual({ version: 1, ok: true, tasks: 4, faults: [], total: 0 });
    const bad = path.join(qrew.folder, "bad.yaml");
    writeFileSync(bad, "- name: a\n  command: true\n  depends: [bb]\n- name: b\n  comand: x\n");
    const refused = await qrew.call("validate", bad);
    expectError(refused, 2, /did you mean "b"/);
    expect(refused.stderr).not.toContain("submitted");
    const listed = await qrew.call("validate", bad, "--json");
    expect(listed.code).toBe(2);
    const { ok, tasks, faults, total } = readJson(shapes.validate, listed.stdout);
    expect({ ok, tasks }).toEqual({ ok: false, tasks: null });
    expect(faults).toHaveLength(total);
    expect(faults.map(({ line }) => line)).toContain(3);
    for (const fault of faults)
      expect(fault.text).toBe(`${bad}:${fault.line}:${fault.column}: ${fault.message}`);
    // The same document is refused in the same words when it is submitted, and no job comes of it.
    const before = (await qrew.call("jobs", "--json")).stdout;
    const submitted = await qrew.run(["submit", bad]);
    expectError(submitted, 2, /nothing was submitted/);
    for (const fault of faults) expect(submitted.stderr).toContain(fault.text);
    expect((await qrew.call("jobs", "--json")).stdout).toBe(before);
  });
});

describe("stdout", () => {
  it("that nobody reads ends a command quietly", async () => {
    for (const args of [["daemon", "status"], ["jobs"], ["show", String(sound)], ["logs", String(sound)]]) {
      const child = qrew.spawn(args);
      child.stdout?.destroy();
      let said = "";
      child.stderr?.on("data", (piece: Buffer) => (said += piece.toString()));
      const code = await new Promise((resolve) => child.once("close", resolve));
      expect({ args, code, said }).toEqual({ args, code: 0, said: "" });
    }
  });

  it("that is full is no wrong use", async () => {
    const sh = ["sh", "-c", 'exec "$@" >/dev/full', "sh"];
    expectError(await qrew.run(["jobs"], { through: sh }), 4, /output cannot be written/);
  });
});

describe("exit codes", () => {
  it("are 2 for wrong use", async () => {
    expectError(await qrew.call(), 2, /command is missing/);
    expectError(await qrew.run(["rnu", "x"]), 2, /Did you mean run\?/);
    expectError(await qrew.call("status"), 2, /`qrew daemon status`.*`qrew jobs`/);
    for (const list of ["list", "ls", "ps"]) expectError(await qrew.call(list), 2, /`qrew jobs`/);
    expectError(await qrew.call("kill", "1"), 2, /`qrew cancel JOB`/);
    expectError(await qrew.call("run"), 2, /write a command after --/);
    expectError(await qrew.call("run", ""), 2, /name of the file is empty/);
    expectError(await qrew.call("tasks", "last", "last"), 2, /got 2: see/);
    expectError(await qrew.call("show", "1", "--nonsense"), 2, /--nonsense/);
    expectError(await qrew.call("show", "first"), 2, /by its number, or by last/);
    expectError(await qrew.call("run", "x.yaml", "--priority", "high"), 2, /--priority/);
    expectError(await qrew.call("daemon", "start", "--cpus", "-1"), 2, /--cpus/);
    expectError(await qrew.call("run", qrew.folder), 2, /is a folder/);
  });

  it("are 3 for what does not exist", async () => {
    expectError(await qrew.call("run", "no-such-file.yaml"), 3, /There is no file no-such-file\.yaml/);
    for (const command of ["show", "tasks", "logs", "wait", "cancel"]) {
      expectError(await qrew.call(command, "9999"), 3, /There is no job 9999/);
    }
  });

  it("are 0 for help and version", async () => {
    expect(await qrew.run(["--version"])).toMatchObject({ code: 0, stderr: "" });
    for (const command of ["run", "submit", "wait", "jobs", "show", "tasks", "logs", "cancel", "validate"]) {
      const help = await qrew.call(command, "--help");
      expect(help).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout).toContain(`Usage: qrew ${command}`);
    }
  });
});
