import { expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { TaskOutputs } from "../../../src/cli/commandLine/taskOutputs.ts";
import type { JobView } from "../../../src/client/jobView.ts";
import { StateReader } from "../../../src/client/read.ts";
import { JobTasks } from "../../../src/client/readTasks.ts";
import { until } from "../../support/until.ts";
import { makeHome } from "../client/fakeManager.ts";
import { counts, taskRecord } from "../client/records.ts";
import { SEAT, stateFolder } from "../client/stateFolder.ts";
import { recorder } from "./recorder.ts";

const JOB = jobSeq(1);
const DOCUMENT = [{ name: "part", command: "true", foreach: { i: { range: [1, 2] } } }];

/** The first look takes long, and finds that nothing has begun. */
class SlowReader extends StateReader {
  looks = 0;

  override tasks(job: JobView): JobTasks {
    this.looks += 1;
    const plan = this.plan(job.job);
    if (this.looks > 1 || plan === null) return super.tasks(job);
    const untilMs = performance.now() + 20;
    while (performance.now() < untilMs);
    return new JobTasks(job, plan, null);
  }
}

it("what ends while a slow look is rested from is printed though nothing changes any more", async () => {
  const home = makeHome();
  try {
    const running = { job: JOB, seat: SEAT, state: "running", tasks: counts({ running: 1 }) } as const;
    await stateFolder(home.folder).addJob(running, DOCUMENT, [
      { name: "part[1]", record: taskRecord({}), stdout: "first\n" },
    ]);
    const at = recorder(home);
    const reader = new SlowReader(home.folder);
    const screen = { hide: () => undefined, reveal: () => undefined };
    const outputs = new TaskOutputs(at.context.terminal, reader, JOB, { keepOrder: false, screen });
    await outputs.print(false);
    await outputs.print(false);
    expect(reader.looks).toBe(1);
    await until("it is printed", () => at.stdout() === "first\n");
    await outputs.close();
    await reader.close();
  } finally {
    home.remove();
  }
});
