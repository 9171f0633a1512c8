import { describe, expect, it } from "vitest";
import {
  judgeClock,
  judgeDescriptors,
  judgeFolder,
  judgeForkserver,
  judgeGpus,
  judgeLogout,
  judgeNode,
} from "../../../src/cli/doctor/machine.ts";
import { readJson, shapes } from "../../support/jsonShapes.ts";
import { makeHome } from "../client/fakeManager.ts";
import { recorder } from "./recorder.ts";

const logout = { hasLogind: true, killsProcesses: true, lingers: false, slurmJob: null };
const folder = { folder: "/s", type: "ext4", freeBytes: 2 ** 40 };

describe("doctor", () => {
  it.each([
    [judgeNode("v20.11.0"), "good", null],
    [judgeNode("v20.9.1"), "fault", "nodejs.org"],
    [judgeNode("v22.1.0"), "good", null],
    [judgeNode("v18.20.0"), "fault", "install"],
    [judgeGpus(0, null), "good", null],
    [judgeGpus(2, ["GPU 0: A", "GPU 1: A"]), "good", null],
    [judgeGpus(2, null), "warning", "driver"],
    [judgeGpus(2, ["GPU 0: A"]), "warning", "qrew config set daemon.gpus 1"],
    [judgeDescriptors({ soft: 1_048_576, hard: 1_048_576 }), "good", null],
    [judgeDescriptors({ soft: 1024, hard: 524_288 }), "warning", "ulimit -n 4096"],
    [judgeDescriptors({ soft: 256, hard: 524_288 }), "fault", "ulimit -n 1024"],
    [judgeDescriptors({ soft: 256, hard: 256 }), "fault", "administrator"],
    [judgeDescriptors(null), "good", null],
    [judgeForkserver({ program: "/x/forkserver", compiler: null }), "good", null],
    [judgeForkserver({ program: null, compiler: null }), "warning", "apt install gcc"],
    [judgeForkserver({ program: null, compiler: "/usr/bin/cc" }), "warning", "npm run build"],
    [judgeLogout(logout), "warning", "loginctl enable-linger"],
    [judgeLogout({ ...logout, killsProcesses: null, lingers: null }), "warning", "loginctl"],
    [judgeLogout({ ...logout, lingers: true }), "good", null],
    [judgeLogout({ ...logout, killsProcesses: false }), "good", null],
    [judgeLogout({ ...logout, hasLogind: false }), "good", null],
    [judgeLogout({ ...logout, slurmJob: "17" }), "warning", "qrew wait all"],
    [judgeClock(Date.UTC(2026, 1, 1), true), "good", null],
    [judgeClock(Date.UTC(2026, 1, 1), null), "good", null],
    [judgeClock(Date.UTC(2026, 1, 1), false), "warning", "set-ntp"],
    [judgeClock(Date.UTC(1970, 0, 1), true), "fault", "set the clock"],
    [judgeFolder(folder), "good", null],
    [judgeFolder({ ...folder, freeBytes: null }), "good", null],
    [judgeFolder({ ...folder, freeBytes: 5e8 }), "warning", "make room"],
    [judgeFolder({ ...folder, freeBytes: 5e6 }), "fault", "QREW_HOME"],
  ])("%j is %s", (finding, level, advice) => {
    expect(finding.level).toBe(level);
    expect(finding.advice === null).toBe(advice === null);
    expect(finding.advice ?? "").toContain(advice ?? "");
  });

  it("looks at this machine and says what it found", async () => {
    const home = makeHome();
    const before = process.env["QREW_HOME"];
    process.env["QREW_HOME"] = home.folder;
    try {
      const at = recorder(home);
      expect(await at.run("doctor")).toBe(0);
      for (const topic of ["node", "cpus", "memory", "gpus", "open files", "forkserver", "logout", "clock"])
        expect(at.stdout()).toMatch(new RegExp(`^(ok|warning) +${topic} `, "m"));
      expect(at.stdout()).toContain(home.folder);
      const json = recorder(home);
      await json.run("doctor", "--json");
      expect(readJson(shapes.doctor, json.stdout()).ok).toBe(true);
    } finally {
      if (before === undefined) delete process.env["QREW_HOME"];
      else process.env["QREW_HOME"] = before;
      home.remove();
    }
  });
});
