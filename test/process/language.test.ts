/** What a document can say beyond commands and dependencies, with real processes. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { outputText, runJob, showJob, tasksOf, writeDocument } from "../support/jobs.ts";
import { QrewFolder } from "../support/qrew.ts";

let qrew: QrewFolder;
beforeAll(() => {
  qrew = new QrewFolder();
});
afterAll(() => qrew.close());

const inWork = (name: string): string => path.join(qrew.work, name);
const statesOf = async (job: number): Promise<Record<string, string>> =>
  Object.fromEntries([...(await tasksOf(qrew, job)).values()].map(({ name, state }) => [name, state]));

describe("when", () => {
  it("deals with a failure, and is skipped without harm where there is none", async () => {
    const tasks = (command: string) => [
      { name: "work", command },
      { name: "rescue", depends: "work", when: "failure", command: "echo rescued > rescued" },
      { name: "clean", depends: ["work", "rescue"], when: "always", command: "echo clean >> cleaned" },
    ];
    const good = await runJob(qrew, tasks("true"));
    expect(good.code).toBe(0);
    expect(await statesOf(good.job)).toEqual({ work: "succeeded", rescue: "skipped", clean: "succeeded" });
    expect(existsSync(inWork("rescued"))).toBe(false);
    const { reason } = (await tasksOf(qrew, good.job)).get("rescue") ?? {};
    expect(reason).toBe("not needed: nothing that it depends on failed");
    const bad = await runJob(qrew, tasks("exit 3"));
    expect(bad.code).toBe(1);
    expect(await statesOf(bad.job)).toEqual({ work: "failed", rescue: "succeeded", clean: "succeeded" });
    expect(readFileSync(inWork("cleaned"), "utf8")).toBe("clean\nclean\n");
  });
});

describe("failFast", () => {
  it("ends the job with the first failure, and leaves nothing running", async () => {
    const { code, job } = await runJob(qrew, {
      failFast: true,
      tasks: [
        { name: "sleeper", command: "sleep 600 & echo $! > sleeper; wait", resources: { cpus: 0 } },
        {
          name: "broken",
          command: "until [ -s sleeper ]; do sleep 0.01; done; exit 3",
          resources: { cpus: 0 },
        },
        { name: "after", depends: "sleeper", command: "true" },
        {
          name: "clean",
          depends: "sleeper",
          when: "always",
          command: "kill -0 $(cat sleeper) 2>/dev/null || echo gone",
        },
      ],
    });
    expect(code).toBe(1);
    expect(await showJob(qrew, job)).toMatchObject({ state: "failed" });
    expect(await statesOf(job)).toEqual({
      sleeper: "cancelled",
      broken: "failed",
      after: "cancelled",
      clean: "succeeded",
    });
    expect((await tasksOf(qrew, job)).get("after")?.reason).toBe("failFast: broken failed");
    expect((await qrew.call("logs", String(job), "clean")).stdout).toBe("gone\n");
  });
});

describe("maxRunning", () => {
  it("is never exceeded", async () => {
    const command = "echo + >> running; sleep 0.05; echo - >> running";
    const { code } = await runJob(qrew, {
      maxRunning: 2,
      tasks: [{ name: "a", foreach: { i: { range: [1, 8] } }, command, resources: { cpus: 0.1 } }],
    });
    expect(code).toBe(0);
    let most = 0;
    let running = 0;
    for (const sign of readFileSync(inWork("running"), "utf8").trim().split("\n")) {
      running += sign === "+" ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(most).toBe(2);
  });
});

describe("outputs", () => {
  it("that are missing make an attempt fail, which is repeated where retry names that", async () => {
    const { code, job, stdout } = await runJob(qrew, [
      { name: "made", command: "mkdir -p out && touch out/1.dat", outputs: ["out/*.dat"] },
      {
        name: "late",
        command: "test $QREW_ATTEMPT = 1 || touch late.txt",
        outputs: "late.txt",
        retry: { limit: 3, backoff: "10ms", on: "outputs" },
      },
      {
        name: "never",
        depends: "made",
        command: "cd / && true",
        outputs: ["never.txt", "out/*.none", "out"],
      },
      { name: "after", depends: "never", command: "true" },
      { name: "wrong code", command: "exit 4", retry: { limit: 3, on: [3, "SIGKILL"] } },
    ]);
    expect(code).toBe(1);
    const tasks = await tasksOf(qrew, job);
    expect(tasks.get("made")).toMatchObject({ state: "succeeded" });
    expect(tasks.get("late")).toMatchObject({ state: "succeeded", attempt: 2 });
    expect(tasks.get("never")).toMatchObject({
      state: "failed",
      exitCode: 0,
      reason: 'missing outputs "never.txt", "out/*.none"',
    });
    expect(tasks.get("after")?.state).toBe("skipped");
    expect(tasks.get("wrong code")).toMatchObject({ state: "failed", attempt: 1, exitCode: 4 });
    expect(stdout).toContain('task never failed: missing outputs "never.txt", "out/*.none"');
  });
});

describe("stdout and stderr", () => {
  it("go to the files of the document, and logs finds them there", async () => {
    const big = "head -c 100000 /dev/zero | tr '\\0' x";
    const { code, job } = await runJob(qrew, [
      {
        name: "apart",
        foreach: { i: ["a", "b"] },
        command: "echo out {{i}}; echo err >&2",
        stdout: "log/{{i}}/out.txt",
      },
      { name: "both", command: "echo 1; echo 2 >&2; echo 3", stdout: "both.log", stderr: "both.log" },
      { name: "big", command: big, stdout: "big.log" },
      { name: "bin", command: "echo gone", stdout: "/dev/null" },
      { name: "locked", command: "true", stdout: "/proc/none/x" },
    ]);
    expect(code).toBe(1);
    expect(readFileSync(inWork("log/b/out.txt"), "utf8")).toBe("out b\n");
    expect(readFileSync(inWork("both.log"), "utf8")).toBe("1\n2\n3\n");
    expect(readFileSync(inWork("big.log")).length).toBe(100_000);
    expect(statSync(inWork("both.log")).mode & 0o777).toBe(0o666 & ~process.umask());
    const shown = await qrew.call("logs", String(job), "apart[2]");
    expect(shown.stdout).toBe("out b\n");
    expect(shown.stderr).toContain(`stdout of task "apart[2]" goes to ${inWork("log/b/out.txt")}`);
    expect(await outputText(qrew, job, "apart[2]", ["--stderr"])).toBe("err\n");
    expect((await qrew.call("logs", String(job), "bin")).stderr).toContain("goes to /dev/null");
    const json = readJson(shapes.logs, (await qrew.call("logs", String(job), "both", "--json")).stdout);
    expect(json.outputs).toMatchObject([{ path: inWork("both.log"), text: "1\n2\n3\n" }]);
    expect((await tasksOf(qrew, job)).get("locked")).toMatchObject({ state: "failed", startedAt: null });
    expect((await tasksOf(qrew, job)).get("locked")?.reason).toContain("its stdout could not be opened");
  });
});

describe("foreach", () => {
  it("multiplies variables, and reads lines where the job runs", async () => {
    const folder = inWork("elsewhere");
    mkdirSync(folder);
    writeFileSync(path.join(folder, "list"), "one two\n\nthree\n");
    const tasks = [
      { name: "a", foreach: { i: [1, 2], f: { lines: "list" } }, command: ["echo", "{{i}} {{f}}"] },
    ];
    const { code, job } = await runJob(qrew, tasks, ["--dir", folder]);
    expect(code).toBe(0);
    expect(await outputText(qrew, job, "a[3]")).toBe("2 one two\n");
    expect((await showJob(qrew, job)).tasks.total).toBe(4);
    const missing = await qrew.call("validate", writeDocument(qrew, tasks));
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('There is no file "list" in the folder in which the job runs');
  });
});
