import { expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { settledAmong } from "../../../src/cli/commands/wait.ts";

it("tells of no job as ended that was read before its end", () => {
  const [ended, endedSince, untold] = [jobSeq(1), jobSeq(2), jobSeq(3)];
  const reader = { isSettled: (job: number) => job !== untold };
  const read = [
    { job: ended, state: "succeeded" },
    { job: endedSince, state: "running" },
    { job: untold, state: "failed" },
  ] as const;
  expect([...settledAmong(reader, read)]).toEqual([ended]);
});
