import { describe, expect, it } from "vitest";
import { shellWord } from "../../../src/cli/shellWord.ts";
import { showView } from "../../../src/cli/view/showView.ts";
import { counts, jobRecord, taskView as task } from "../client/records.ts";
import { ascii, PLAIN } from "./recorder.ts";

describe("show", () => {
  it("has everything at a glance", () => {
    const flaky = task({ name: "flaky", attempt: 2, attemptsMax: 3 });
    const lines = showView(
      {
        job: jobRecord({ state: "running", tasks: counts({ succeeded: 2, running: 1, failed: 1 }) }),
        daemonRuns: false,
        running: [task({ name: "slow", state: "running", finishedAtMs: null })],
        failures: [
          {
            task: task({ name: "it's bad", state: "failed", reason: "exit code 1" }),
            excerpt: { stream: "stderr", lines: ["no luck"] },
          },
        ],
        repeated: [
          {
            task: flaky,
            attempts: [{ ...flaky, attempt: 1, state: "backoff", reason: "exit code 3" }, flaky],
          },
        ],
      },
      9_000,
      ascii(200),
    );
    const text = lines.join("\n");
    expect(text).toContain("job 1 (demo) running");
    expect(text).toContain("2 succeeded, 1 failed, 1 running of 4 tasks");
    expect(text).toContain("runs for 7.0s");
    expect(text).toContain("slow");
    expect(text).toContain("attempt 1 of 3: exit code 3 after 1.5s");
    expect(text).toContain("attempt 2 of 3: succeeded");
    expect(text).toContain("task it's bad failed: exit code 1");
    expect(text).toContain("qrew logs 1 'it'\\''s bad' --stderr");
    expect(text).toContain("qrew cancel 1");
    expect(text).toContain("no daemon runs");
  });

  it.each([
    ["paused", "qrew resume 1  ·  qrew wait 1"],
    ["failed", "qrew tasks 1  ·  qrew retry 1"],
  ] as const)("says what goes on with a job that is %s", (state, commands) => {
    const shown = { daemonRuns: true, running: [], failures: [], repeated: [] };
    expect(showView({ job: jobRecord({ state }), ...shown }, 9_000, PLAIN).join("\n")).toContain(commands);
  });

  it("quotes what a shell would take apart", () => {
    expect(shellWord("part[3]")).toBe("'part[3]'");
    expect(shellWord("build-1.o")).toBe("build-1.o");
  });
});
