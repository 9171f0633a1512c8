/** Every exit code that is documented is brought about. */
import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EXIT_CODES } from "../../src/cli/help/exitCodes.ts";
import { writeDocument } from "../support/jobs.ts";
import { QREW_MAIN, QrewFolder } from "../support/qrew.ts";
import { until } from "../support/until.ts";

let qrew: QrewFolder;
beforeAll(() => {
  qrew = new QrewFolder();
});
afterAll(() => qrew.close());

const good = (): string => writeDocument(qrew, [{ name: "a", command: "true" }], "good");

const closing = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once("close", resolve));

async function endedBy(signal: NodeJS.Signals): Promise<number | null> {
  const file = writeDocument(qrew, [{ name: "a", command: "sleep 600" }], "long");
  const child: ChildProcess = qrew.spawn(["run", file]);
  let err = "";
  child.stderr?.on("data", (piece: Buffer) => (err += piece.toString()));
  const closed = closing(child);
  await until("the job is accepted", () => /^job \d+: 1 task$/m.test(err));
  child.kill(signal);
  const code = await closed;
  await qrew.run(["cancel", "all"]);
  return code;
}

const run = async (...args: string[]): Promise<number | null> => (await qrew.run(args)).code;

const CASES: readonly (readonly [number, string, () => Promise<number | null>])[] = [
  [0, "a job that succeeds", () => run("run", good())],
  [0, "help", () => run("--help")],
  [1, "a job that fails", () => run("run", "--", "false")],
  [1, "waiting for it", () => run("wait", "1-")],
  [2, "wrong use", () => run("rnu")],
  [2, "an invalid document", () => run("run", writeDocument(qrew, [{ name: "a", comand: "true" }], "bad"))],
  [3, "an unknown job", () => run("show", "999")],
  [3, "no such file", () => run("run", "nix.yaml")],
  [129, "a hangup", () => endedBy("SIGHUP")],
  [130, "Ctrl-C", () => endedBy("SIGINT")],
  [143, "SIGTERM", () => endedBy("SIGTERM")],
  [4, "an output that cannot be written", () => intoFull("submit", good())],
  [4, "a list that cannot be written", () => intoFull("jobs")],
  [4, "help that cannot be written", () => intoFull("run", "--help")],
  [
    4,
    "no daemon",
    async () => {
      await qrew.run(["daemon", "stop", "--now"]);
      return run("daemon", "status");
    },
  ],
];

/** With stdout on a device that is full. */
async function intoFull(...args: string[]): Promise<number | null> {
  const command = `exec "$0" "$@" > /dev/full`;
  const child = spawn("sh", ["-c", command, process.execPath, QREW_MAIN, ...args], {
    cwd: qrew.work,
    env: qrew.environment(),
    stdio: "ignore",
  });
  return closing(child);
}

it.each(CASES)("%j: %s", async (code, _, bringAbout) => {
  expect(await bringAbout()).toBe(code);
});

it("covers all that are documented", () => {
  expect([...new Set(CASES.map(([code]) => code))].sort((a, b) => a - b)).toEqual(
    EXIT_CODES.map(([code]) => code),
  );
});
