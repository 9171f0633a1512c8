import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { taskOf, writeDocument } from "../support/jobs.ts";
import { QREW_MAIN, type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { Screen } from "../unit/cli/screen.ts";

interface TerminalSession {
  readonly child: ChildProcess;
  /** Everything that was written to the terminal so far. */
  text(): string;
  type(keys: string): void;
  readonly ended: Promise<number | null>;
}

/** A qrew on a terminal of 24 rows and 80 columns, which `script` provides. */
function onTerminal(qrew: QrewFolder, args: readonly string[]): TerminalSession {
  const command = ["stty rows 24 cols 80;", "exec", process.execPath, QREW_MAIN, ...args].join(" ");
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: qrew.work,
    env: qrew.environment({ TERM: "xterm", SHELL: "/bin/sh", LC_ALL: "C.UTF-8" }),
    stdio: ["pipe", "pipe", "ignore"],
  });
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, text: () => text, type: (keys) => void child.stdin?.write(keys), ended };
}

function screenAfter(text: string): Screen {
  const screen = new Screen(80);
  screen.draw(text);
  return screen;
}

describe("qrew run on a terminal", () => {
  it("shows a live view and leaves one sentence", async () => {
    await withQrew(async (qrew) => {
      const file = writeDocument(qrew, {
        name: "lively",
        tasks: [
          { name: "first", command: "true" },
          { name: "second", depends: ["first"], command: "until [ -e go ]; do sleep 0.05; done" },
        ],
      });
      const session = onTerminal(qrew, ["run", file]);
      await until("the second task is seen", () => /1\/2 {2}50%[^]*second/.test(session.text()));
      const live = screenAfter(session.text().slice(0, session.text().lastIndexOf("\u001b") + 0) || "");
      expect(live.cursorVisible).toBe(false);
      writeFileSync(path.join(qrew.work, "go"), "");
      expect(await session.ended).toBe(0);
      const screen = screenAfter(session.text());
      expect(screen.cursorVisible).toBe(true);
      expect(screen.shown()).toHaveLength(1);
      expect(screen.shown()[0]).toMatch(/^job 1 \(lively\) succeeded: 2 tasks in /);
    });
  });

  it("cancels at Ctrl-C, says so while it waits, and gives the terminal back", async () => {
    await withQrew(async (qrew) => {
      const command =
        "trap 'until [ -e go ]; do sleep 0.05; done; exit' TERM; touch there; while :; do sleep 0.05; done";
      const session = onTerminal(qrew, ["run", writeDocument(qrew, [{ name: "slow", command }])]);
      await until("the task runs", () => readdirSync(qrew.work).includes("there"));
      await until("it is seen", () => session.text().includes("slow"));
      session.type("\u0003");
      await until("it says so", () => session.text().includes("cancelling job 1"));
      writeFileSync(path.join(qrew.work, "go"), "");
      expect(await session.ended).toBe(130);
      const screen = screenAfter(session.text().replace("^C", ""));
      expect(screen.cursorVisible).toBe(true);
      expect(screen.shown().join("\n")).toContain("job 1 (workflow) cancelled");
      expect(await taskOf(qrew, 1, "slow")).toMatchObject({ state: "cancelled" });
    });
  });

  it("shows what failed under the sentence", async () => {
    await withQrew(async (qrew) => {
      const file = writeDocument(qrew, [{ name: "bad", command: "echo because >&2; exit 3" }]);
      const session = onTerminal(qrew, ["run", file]);
      expect(await session.ended).toBe(1);
      const shown = screenAfter(session.text()).shown();
      expect(shown[0]).toMatch(/^job 1 \(workflow\) failed: /);
      expect(shown.join("\n")).toMatch(/task bad failed: exit code 3/);
      expect(shown.join("\n")).toMatch(/because/);
    });
  });
});
