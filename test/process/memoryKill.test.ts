/** The kernel's own kill for want of memory, in a control group with little of it, and kills that only look like it. */
import { expect, it } from "vitest";
import { runJob, tasksOf } from "../support/jobs.ts";
import { makeMemoryGroup } from "../support/memoryGroup.ts";
import { QrewFolder } from "../support/qrew.ts";
import { skipUnless } from "../support/requires.ts";
import { until } from "../support/until.ts";

/** Far more than the daemon needs; the kernel takes the largest process, which is the task long before it has half of this. */
const GROUP_BYTES = 1024 * 1024 * 1024;

it("a task that the kernel kills for want of memory is failed by that name, and no other", async (ctx) => {
  skipUnless(ctx, "memoryGroup");
  const group = makeMemoryGroup(GROUP_BYTES);
  if (group === null) throw new Error("the group could be made a moment ago");
  const qrew = new QrewFolder();
  try {
    const started = await qrew.run(["daemon", "start", "--cpus", "1"], { through: group.through });
    expect(started).toMatchObject({ code: 0, stderr: "" });
    const { code, job } = await runJob(qrew, [
      { name: "before", command: "kill -KILL $$" },
      { name: "glutton", when: "always", depends: ["before"], command: ["tail", "/dev/zero"] },
      { name: "after", when: "always", depends: ["glutton"], command: "kill -KILL $$" },
      { name: "fine", command: "true" },
    ]);
    expect(code).toBe(1);
    const tasks = await tasksOf(qrew, job);
    const outside = "signal SIGKILL, not sent by qrew";
    const failed = { state: "failed", exitCode: null, signal: "SIGKILL" };
    for (const name of ["before", "after"])
      expect(tasks.get(name)).toMatchObject({ ...failed, reason: outside });
    expect(tasks.get("glutton")).toMatchObject({
      ...failed,
      reason: "signal SIGKILL, by the kernel for want of memory",
    });
    expect(tasks.get("fine")).toMatchObject({ state: "succeeded" });
  } finally {
    await qrew.close();
    await until("the group is empty", group.remove);
  }
});
