import { afterEach, beforeEach, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { counts, taskRecord } from "../client/records.ts";
import { stateFolder } from "../client/stateFolder.ts";
import { type Recorder, recorder } from "./recorder.ts";

let home: TestHome;
let at: Recorder;
beforeEach(() => {
  home = makeHome();
  at = recorder(home);
});
afterEach(() => home.remove());

it("writes any number of tasks as one object", async () => {
  const many = [{ name: "n", executor: "noop", foreach: { i: { range: [1, 2_500] } } }];
  const queued = {
    job: jobSeq(1),
    seat: null,
    state: "queued",
    tasks: counts({ waiting: 2_500 }),
  } as const;
  await stateFolder(home.folder).addJob(queued, many);
  expect(await at.run("tasks", "1", "--json")).toBe(0);
  const names = /"name":"(n\[\d+\])"/g;
  expect([...at.stdout().matchAll(names)].map(([, name]) => name)).toEqual(
    Array.from({ length: 2_500 }, (_, index) => `n[${index + 1}]`),
  );
  expect(at.json()).toMatchObject({ version: 1, jobId: 1 });
});

it("has those in some states", async () => {
  const document = ["a", "b", "c"].map((name) => ({ name, command: "true" }));
  const failed = taskRecord({ state: "failed", exitCode: 3, reason: { type: "exited", exitCode: 3 } });
  const running = {
    job: jobSeq(1),
    state: "running",
    tasks: counts({ ready: 1, succeeded: 1, failed: 1 }),
  } as const;
  await stateFolder(home.folder).addJob(running, document, [
    { name: "a", record: taskRecord({}) },
    { name: "b", record: failed },
  ]);
  expect(await at.run("tasks", "1", "--json", "--state", "failed,ready")).toBe(0);
  expect(at.json()).toMatchObject({ tasks: [{ name: "b" }, { name: "c" }] });
});
