import { describe, expect, it } from "vitest";
import { daemonEnvironment, managerArguments, parseReadyLine } from "../../../src/client/daemonProcess.ts";
import { matching } from "./matching.ts";

describe("the line that a manager writes when it is ready", () => {
  it.each([
    ['{"ready":true,"pid":12}\n', { type: "ready", pid: 12 }],
    [
      '{"error":{"code":"storeFull","message":"No room."}}',
      { type: "failed", code: "storeFull", message: "No room." },
    ],
  ])("%j is understood", (line, report) => {
    expect(parseReadyLine(line)).toEqual(report);
  });

  it.each([
    "",
    "oops",
    "{}",
    '{"ready":false,"pid":1}',
    '{"error":{"code":"sad","message":"x"}}',
    '{"ready":tr',
  ])("%j is a manager that died before it was ready", (line) => {
    expect(parseReadyLine(line)).toMatchObject({
      type: "failed",
      code: "unreachable",
      message: matching(/--foreground/),
    });
  });
});

describe("a started manager", () => {
  it("has what it may use in its arguments", () => {
    const resources = { cpus: 1.5, memory: "4G", gpus: 2, named: { licence: 3, scratch: 1 } };
    expect(managerArguments({ home: "/state", transient: true, resources })).toEqual(
      "--home /state --transient --cpus 1.5 --memory 4G --gpus 2 --resource licence=3 --resource scratch=1".split(
        " ",
      ),
    );
    expect(managerArguments({ home: "/state", transient: false, resources: {} })).toEqual([
      "--home",
      "/state",
    ]);
  });

  it("does not inherit what belongs to a task or a command", () => {
    expect(daemonEnvironment({ PATH: "/bin", QREW_HOME: "/x", QREW_MARK: "m" })).toEqual({ PATH: "/bin" });
  });
});
