/**
 * A mount that only chosen commands see: a namespace kept by a process of ours. When that process and what runs in the namespace
 * are gone, so is the mount, whatever happened to the test.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { inOwnMounts } from "./requires.ts";

/** Says that the mount is there, then waits until its input is closed, which the end of the test process also does. */
const KEEP = "echo mounted && exec cat >/dev/null";

export class OwnMounts {
  readonly #keeper: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(keeper: ChildProcess) {
    this.#keeper = keeper;
    this.#ended = new Promise((resolve) => keeper.once("close", () => resolve()));
  }

  /** `script` is for `sh -c` in the new namespace, with `args` as $1, $2, …; it makes the mounts. */
  static async make(script: string, ...args: readonly string[]): Promise<OwnMounts> {
    const keeper = spawn("unshare", [...inOwnMounts(), "sh", "-c", `${script} && ${KEEP}`, "sh", ...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    const mounts = new OwnMounts(keeper);
    let said = "";
    for (const stream of [keeper.stdout, keeper.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        said += text;
      });
    }
    await new Promise<void>((resolve, reject) => {
      keeper.once("error", reject);
      keeper.once("close", () => reject(new Error(`the mounts were not made: ${said}`)));
      keeper.stdout.once("data", () => resolve());
    });
    return mounts;
  }

  /** The pid whose namespaces these are: its root is at /proc/PID/root. */
  get pid(): number {
    return this.#keeper.pid ?? 0;
  }

  /** What stands before a command that is to see the mounts, and run in `folder`. */
  through(folder: string): readonly string[] {
    const user = process.getuid?.() === 0 ? [] : ["--user", "--preserve-credentials"];
    return ["nsenter", "--target", String(this.pid), "--mount", ...user, `--wd=${folder}`, "--"];
  }

  async close(): Promise<void> {
    this.#keeper.stdin?.end();
    await this.#ended;
  }
}
