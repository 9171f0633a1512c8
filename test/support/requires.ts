/**
 * What a test may need of the machine beyond Node, and the sentence with which it is skipped where that is missing.
 *
 *     it("…", (ctx) => {
 *       skipUnless(ctx, "cc", "mount");
 *
 * or, for a whole file, `beforeEach((ctx) => skipUnless(ctx, "cc"))`. A skip without a reason counts as a failure.
 *
 * CI can provide what `apt-get install` can (.ci/run does), so a skip for want of it is a failure there. What the kernel
 * or the account withholds (a container that forbids mounts, a user who is not root) CI cannot change: such a skip is
 * named, and allowed.
 */
import { spawnSync } from "node:child_process";
import { makeMemoryGroup } from "./memoryGroup.ts";

export type Need =
  | "cc"
  | "sanitizer"
  | "strace"
  | "root"
  | "otherUser"
  | "notRoot"
  | "mount"
  | "fuse"
  | "memoryGroup"
  | "cpus2"
  | "makeflow"
  | "zsh"
  | "fish";

interface Requirement {
  readonly isMet: () => boolean;
  readonly reason: string;
  readonly fromCi: boolean;
}

/** A probe answers at once or hangs for good (a broken automounter); a slow machine gets this long. */
const PROBE_TIMEOUT_MS = 20_000;

/**
 * A shell script that mounts on its argument what the kernel takes for sshfs. Nothing serves it, as if the network were gone:
 * whoever touches it waits for ever.
 */
export const MOUNT_FUSE =
  'exec 3<>/dev/fuse && mount -i -t fuse.sshfs -o fd=3,rootmode=40000,user_id=0,group_id=0 host:/ "$1"';

/** Debian's makeflow is linked with Open MPI, which refuses root unless it is told twice. */
export const MAKEFLOW_ENVIRONMENT = { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" };

/** Ends the reasons that scripts/test.mjs turns into failures under CI. */
export const CI_PROVIDES = "(CI provides it)";

const REQUIREMENTS: Readonly<Record<Need, Requirement>> = {
  cc: {
    isMet: () =>
      succeeds(
        "cc",
        ["-x", "c", "-fsyntax-only", "-"],
        "#include <stdlib.h>\nint main(void) { return 0; }\n",
      ),
    reason: "there is no C compiler with the headers of the C library (Debian: gcc, libc6-dev)",
    fromCi: true,
  },
  sanitizer: {
    isMet: () =>
      succeeds(
        "sh",
        [
          "-c",
          'd=$(mktemp -d) && cc -fsanitize=address,undefined -x c -o "$d/a" - && "$d/a"; s=$?; rm -rf "$d"; exit $s',
        ],
        "int main(void) { return 0; }\n",
      ),
    reason: "there is no C compiler with sanitizers (Debian: gcc)",
    fromCi: true,
  },
  strace: {
    isMet: () => succeeds("strace", ["-V"]),
    reason: "there is no strace (Debian: strace)",
    fromCi: true,
  },
  makeflow: {
    // Not by a run: Open MPI, which it is linked with, leaves a folder behind each.
    isMet: () => succeeds("sh", ["-c", "command -v makeflow && command -v orted"]),
    reason: "there is no makeflow, or no Open MPI for it (Debian: coop-computing-tools, openmpi-bin)",
    fromCi: true,
  },
  zsh: {
    // Some packages have the shell without its completions.
    isMet: () => succeeds("zsh", ["-fc", "autoload -Uz compinit && compinit -D -u && zmodload zsh/zpty"]),
    reason: "there is no zsh (Debian: zsh)",
    fromCi: true,
  },
  fish: {
    isMet: () => succeeds("fish", ["--no-config", "-c", "complete -C 'true '"]),
    reason: "there is no fish of version 3.4 or newer (Debian: fish)",
    fromCi: true,
  },
  root: { isMet: () => process.getuid?.() === 0, reason: "this account is not root", fromCi: false },
  otherUser: {
    isMet: () =>
      process.getuid?.() === 0 &&
      succeeds("setpriv", ["--reuid=54321", "--regid=54321", "--clear-groups", "test", "-r", "package.json"]),
    reason: "this account is not root, or other users cannot read this clone",
    fromCi: false,
  },
  notRoot: {
    isMet: () => process.getuid?.() !== 0,
    reason: "this account is root, whom file permissions do not bind",
    fromCi: false,
  },
  mount: {
    isMet: () => succeeds("unshare", [...inOwnMounts(), "mount", "-t", "tmpfs", "none", "/mnt"]),
    reason: "this machine does not let this account mount a tmpfs, not even in a namespace of its own",
    fromCi: false,
  },
  fuse: {
    isMet: () => succeeds("unshare", [...inOwnMounts(), "sh", "-c", MOUNT_FUSE, "sh", "/mnt"]),
    reason:
      "this machine does not let this account mount a FUSE file system, not even in a namespace of its own",
    fromCi: false,
  },
  memoryGroup: {
    isMet: () => {
      const group = makeMemoryGroup(64 * 1024 * 1024);
      group?.remove();
      return group !== null;
    },
    reason: "this account may make no control group with a memory limit",
    fromCi: false,
  },
  cpus2: {
    isMet: () => succeeds("sh", ["-c", 'test "$(nproc)" -ge 2']),
    reason: "this process may use one cpu only",
    fromCi: false,
  },
};

const answers = new Map<Need, boolean>();

/** Null where the machine has all of it; else a sentence that says what is missing. */
export function requires(...needs: readonly Need[]): string | null {
  for (const need of needs) {
    const requirement = REQUIREMENTS[need];
    const isMet = answers.get(need) ?? requirement.isMet();
    answers.set(need, isMet);
    if (!isMet) return requirement.fromCi ? `${requirement.reason} ${CI_PROVIDES}` : requirement.reason;
  }
  return null;
}

/** Skips the running test, with the reason, where the machine lacks one of `needs`. */
export function skipUnless(ctx: { skip(note?: string): never }, ...needs: readonly Need[]): void {
  const reason = requires(...needs);
  if (reason !== null) ctx.skip(reason);
}

/**
 * The arguments of `unshare` with which a command gets mounts that vanish with it; whoever is not root gets a user
 * namespace too, in which it is.
 */
export function inOwnMounts(): readonly string[] {
  return process.getuid?.() === 0 ? ["--mount"] : ["--user", "--map-root-user", "--mount"];
}

function succeeds(command: string, args: readonly string[], input = ""): boolean {
  return (
    spawnSync(command, args, { input, stdio: ["pipe", "ignore", "ignore"], timeout: PROBE_TIMEOUT_MS })
      .status === 0
  );
}
