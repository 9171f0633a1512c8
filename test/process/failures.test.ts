import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { outputText, runJob, showJob, submitJob, taskOf, tasksOf } from "../support/jobs.ts";
import { QrewFolder } from "../support/qrew.ts";
import { until } from "../support/until.ts";

let qrew: QrewFolder;
beforeAll(() => {
  qrew = new QrewFolder();
});
afterAll(() => qrew.close());

const statesOf = async (job: number): Promise<Record<string, string>> =>
  Object.fromEntries([...(await tasksOf(qrew, job)).values()].map(({ name, state }) => [name, state]));

/** Null while the line is not whole. */
function pidIn(file: string): number | null {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  return text.endsWith("\n") ? Number(text) : null;
}

describe("a task that fails", () => {
  it("takes what depends on it along, and nothing else", async () => {
    const lines = "for i in $(seq 1 30); do echo line $i >&2; done; echo on stdout; exit 7";
    const { code, job, stdout } = await runJob(qrew, [
      { name: "sound", command: "true" },
      { name: "broken", command: lines },
      { name: "child", depends: ["broken", "sound"], command: "true" },
      { name: "grandchild", depends: ["child"], command: "true" },
      { name: "independent", depends: ["sound"], command: "true" },
      { name: "last", depends: ["independent"], command: "true" },
    ]);
    expect(code).toBe(1);
    const tasks = await tasksOf(qrew, job);
    expect(await statesOf(job)).toEqual({
      sound: "succeeded",
      broken: "failed",
      child: "skipped",
      grandchild: "skipped",
      independent: "succeeded",
      last: "succeeded",
    });
    expect(tasks.get("broken")).toMatchObject({
      attempt: 1,
      exitCode: 7,
      signal: null,
      reason: "exit code 7",
    });
    expect(tasks.get("child")).toMatchObject({
      attempt: 0,
      startedSeq: null,
      startedAt: null,
      exitCode: null,
      reason: "dependency broken failed",
    });
    expect(tasks.get("grandchild")?.reason).toBe("dependency child skipped");
    expect(stdout).toContain(`job ${job} (workflow) failed`);
    expect(stdout).toContain("task broken failed: exit code 7");

    const shown = await qrew.call("show", String(job));
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain("task broken failed: exit code 7");
    expect(shown.stdout).toContain("last lines of stderr");
    for (let line = 21; line <= 30; line += 1) expect(shown.stdout).toMatch(new RegExp(`line ${line}$`, "m"));
    expect(shown.stdout).not.toMatch(/line 1$/m);

    const { state, tasks: counts, errors } = await showJob(qrew, job);
    expect(state).toBe("failed");
    expect(counts).toMatchObject({ total: 6, succeeded: 3, failed: 1, skipped: 2, waiting: 0, running: 0 });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ task: "broken", exitCode: 7, stream: "stderr" });
    expect(errors[0]?.lastLines.at(-1)).toBe("line 30");
  });

  it("names the signal that ended it", async () => {
    const { code, job } = await runJob(qrew, [
      { name: "segv", command: "kill -SEGV $$" },
      { name: "kill", command: ["/bin/sh", "-c", "kill -KILL $$"] },
      { name: "high", command: "exit 139" },
    ]);
    expect(code).toBe(1);
    const tasks = await tasksOf(qrew, job);
    expect(tasks.get("segv")).toMatchObject({ exitCode: null, signal: "SIGSEGV", reason: "signal SIGSEGV" });
    expect(tasks.get("kill")).toMatchObject({
      exitCode: null,
      signal: "SIGKILL",
      reason: "signal SIGKILL, not sent by qrew",
    });
    // What a shell says about a child is an exit code like any other.
    expect(tasks.get("high")).toMatchObject({ exitCode: 139, signal: null });
    expect((await qrew.call("show", String(job))).stdout).toContain("task segv failed: signal SIGSEGV");
  });

  it("says of a SIGKILL from outside that it was not sent by qrew", async () => {
    const job = await submitJob(qrew, [{ name: "victim", command: "echo $$ >victim.pid; exec sleep 600" }]);
    const pid = await until("the task has said its pid", () => pidIn(path.join(qrew.work, "victim.pid")));
    process.kill(pid, "SIGKILL");
    expect((await qrew.call("wait", String(job))).code).toBe(1);
    expect(await taskOf(qrew, job, "victim")).toMatchObject({
      state: "failed",
      attempt: 1,
      exitCode: null,
      signal: "SIGKILL",
      reason: "signal SIGKILL, not sent by qrew",
    });
  });

  it("shows stdout where stderr is empty, and says when there is nothing", async () => {
    const { job, stdout } = await runJob(qrew, [
      { name: "talks", command: "echo only here; exit 1" },
      { name: "silent", command: "exit 1" },
    ]);
    const { errors } = await showJob(qrew, job);
    const byName = new Map(errors.map((error) => [error.task, error]));
    expect(byName.get("talks")).toMatchObject({ stream: "stdout", lastLines: ["only here"] });
    expect(byName.get("silent")).toMatchObject({ stream: null, lastLines: [] });
    expect(stdout).toContain("it wrote nothing");
  });
});

describe("retry", () => {
  it("repeats after the backoff, and shows every attempt", async () => {
    const command = "date +%s%3N >> times; echo attempt $QREW_ATTEMPT; test $QREW_ATTEMPT -ge 3 || exit 3";
    const { code, job } = await runJob(qrew, [
      { name: "flaky", command, retry: { limit: 4, backoff: "200ms", factor: 2, max: "10s" } },
      { name: "after", depends: ["flaky"], command: "cat times" },
    ]);
    expect(code).toBe(0);
    expect(await taskOf(qrew, job, "flaky")).toMatchObject({ state: "succeeded", attempt: 3, exitCode: 0 });
    const [first = 0, second = 0, third = 0, ...more] = (await outputText(qrew, job, "after"))
      .trim()
      .split("\n")
      .map(Number);
    expect(more).toEqual([]);
    expect(second - first).toBeGreaterThanOrEqual(199);
    expect(third - second).toBeGreaterThanOrEqual(399);
    for (const attempt of [1, 2, 3]) {
      const flags = ["--attempt", String(attempt)];
      expect(await outputText(qrew, job, "flaky", flags)).toBe(`attempt ${attempt}\n`);
    }
    const { stdout } = await qrew.call("show", String(job));
    expect(stdout).toMatch(/attempt 1 of 5: exit code 3/);
    expect(stdout).toMatch(/attempt 2 of 5: exit code 3/);
    expect(stdout).toMatch(/attempt 3 of 5: succeeded/);
  });

  it("ends when the repetitions are used up", async () => {
    const { code, job, stdout } = await runJob(qrew, [
      { name: "hopeless", command: "exit 9", retry: { limit: 2, backoff: "10ms" } },
    ]);
    expect(code).toBe(1);
    expect(await taskOf(qrew, job, "hopeless")).toMatchObject({ state: "failed", attempt: 3, exitCode: 9 });
    expect(stdout).toContain("attempt 3 of 3");
  });
});

describe("timeout", () => {
  it("ends the task and says so; it is the task's failure and may be repeated", async () => {
    const { code, job } = await runJob(qrew, [
      { name: "slow", command: ["sleep", "600"], timeout: "300ms" },
      {
        name: "sometimes",
        command: "test $QREW_ATTEMPT = 2 || sleep 600",
        timeout: "1s",
        retry: { limit: 1, backoff: "10ms" },
      },
      { name: "fast", command: "true", timeout: "50s" },
      { name: "after", depends: ["slow"], command: "true" },
    ]);
    expect(code).toBe(1);
    const tasks = await tasksOf(qrew, job);
    expect(tasks.get("slow")).toMatchObject({ state: "failed", attempt: 1, reason: "time limit 300ms" });
    expect(tasks.get("sometimes")).toMatchObject({ state: "succeeded", attempt: 2 });
    expect(tasks.get("fast")).toMatchObject({ state: "succeeded" });
    expect(tasks.get("after")).toMatchObject({ state: "skipped" });
    const { startedAt, finishedAt } = tasks.get("slow") ?? {};
    expect(Date.parse(finishedAt ?? "") - Date.parse(startedAt ?? "")).toBeGreaterThanOrEqual(299);
  });
});

describe("a task that cannot be started", () => {
  it("says which command was not found, and the others run", async () => {
    const { code, job } = await runJob(qrew, [
      { name: "direct", command: ["no-such-command-here"] },
      { name: "path", command: ["/no/such/path"] },
      { name: "shell", command: "no-such-command-here" },
      { name: "sound", command: "true" },
    ]);
    expect(code).toBe(1);
    const tasks = await tasksOf(qrew, job);
    expect(tasks.get("direct")).toMatchObject({ state: "failed", exitCode: null, startedAt: null });
    expect(tasks.get("direct")?.reason).toContain('"no-such-command-here" was not found');
    expect(tasks.get("path")?.reason).toContain('"/no/such/path" was not found');
    expect(tasks.get("shell")).toMatchObject({ state: "failed", exitCode: 127 });
    expect(tasks.get("sound")).toMatchObject({ state: "succeeded" });
  });

  it("says what may not be executed, which interpreter or folder is missing", async () => {
    writeFileSync(path.join(qrew.work, "locked.sh"), "#!/bin/sh\ntrue\n");
    writeFileSync(path.join(qrew.work, "stranger.sh"), "#!/no/such/interpreter\n");
    chmodSync(path.join(qrew.work, "locked.sh"), 0o644);
    chmodSync(path.join(qrew.work, "stranger.sh"), 0o755);
    const { code, job } = await runJob(qrew, [
      { name: "locked", command: ["./locked.sh"] },
      { name: "stranger", command: ["./stranger.sh"] },
      { name: "folder", command: ["true"], params: { workdir: "missing" } },
    ]);
    expect(code).toBe(1);
    const tasks = await tasksOf(qrew, job);
    expect(tasks.get("locked")?.reason).toMatch(/"\.\/locked\.sh" may not be executed/);
    expect(tasks.get("stranger")?.reason).toMatch(/"\.\/stranger\.sh" was not found.*#! line/);
    expect(tasks.get("folder")?.reason).toMatch(/working folder cannot be entered/);
    const { stdout } = await qrew.call("show", String(job));
    expect(stdout).toContain("task locked failed: not started:");
  });
});
