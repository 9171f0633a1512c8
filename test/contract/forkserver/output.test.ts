import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { alone, describeForkservers } from "./flavours.ts";

const BOUND_BYTES = 65_536;
const HALF_BYTES = BOUND_BYTES / 2;
/** Holes are whole blocks of the file system. */
const BLOCK_BYTES = 4096;

// Node has no call for it, so the twin does not promise it.
const whoCan = ["c"] as const;

describeForkservers(
  "output beyond its bound",
  (given, flavour) => {
    it("loses the blocks of its middle, where the file system can", ({ skip }) => {
      skip(!canPunch(given.shared.path("holes")), "the file system cannot punch holes");
      return alone(flavour, { outputBytesMax: BOUND_BYTES }, async (fixture, controller) => {
        const job = fixture.job(controller, 1000);
        const command = "i=0; while [ $i -lt 64 ]; do head -c 16384 /dev/zero | tr '\\0' a; i=$((i+1)); done";
        const { spawn } = await fixture.run(controller, job, command);
        const { size, blocks } = statSync(spawn.stdoutPath);
        expect(size).toBe(64 * 16_384);
        expect(blocks * 512).toBeLessThanOrEqual(BOUND_BYTES + 2 * BLOCK_BYTES);
        const bytes = readFileSync(spawn.stdoutPath);
        expect(bytes.subarray(0, HALF_BYTES).every((byte) => byte === 97)).toBe(true);
        expect(bytes.subarray(-HALF_BYTES).every((byte) => byte === 97)).toBe(true);
        expect(bytes.subarray(size / 2, size / 2 + BLOCK_BYTES).every((byte) => byte === 0)).toBe(true);
      });
    });
  },
  whoCan,
);

describeForkservers("output below its bound", (given) => {
  it("is left alone", async () => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    const { stdout } = await shared.run(controller, job, "head -c 200000 /dev/zero | tr '\\0' a");
    expect(stdout).toBe("a".repeat(200_000));
  });
});

function canPunch(path: string): boolean {
  writeFileSync(path, Buffer.alloc(4 * BLOCK_BYTES, 1));
  try {
    execFileSync("fallocate", ["--punch-hole", "--offset", "4096", "--length", "4096", path], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}
