import { describe, expect, it } from "vitest";
import { isPlain } from "../../../manager/plainDocument.ts";
import type { PlannerAnswer, PlannerRequest } from "../../../manager/plannerMessages.ts";
import { Planner } from "../../../manager/planner.ts";
import { planRequest } from "../../../manager/planning.ts";
import { usualImport } from "../../../src/workflow/importers/importing.ts";
import { cpus } from "../worker/graphs.ts";

const PLAIN = {
  tasks: [
    { name: "a", command: ["true"] },
    { name: "b", command: "true", depends: ["a"] },
  ],
};

function requestOf(document: unknown, others: Partial<PlannerRequest> = {}): PlannerRequest {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  return {
    id: 7,
    document: { type: "bytes", bytes: Buffer.from(text) },
    source: "w.json",
    capacity: cpus(2),
    settings: usualImport,
    folder: null,
    environment: {},
    ...others,
  };
}

describe("a document that the manager plans itself", () => {
  it.each([
    ["a list of tasks", requestOf(PLAIN)],
    ["one from standard input", requestOf(PLAIN, { source: "-" })],
    ["one that is said to be qrew's", requestOf(PLAIN, { settings: { ...usualImport, format: "qrew" } })],
  ])("is %s", (_, request) => expect(isPlain(request)).toBe(true));

  it.each([
    [
      "an array",
      requestOf({ tasks: [{ name: "a", command: "x", foreach: { i: { range: [1, 1_000_000] } } }] }),
    ],
    ["an array by another name", requestOf(`{"tasks":[{"name":"a","command":"x","\\u0066oreach":{}}]}`)],
    ["a long one", requestOf({ tasks: [{ name: "a", command: "x".repeat(5000) }] })],
    ["YAML", requestOf("tasks:\n- {name: a, command: x}", { source: "w.yaml" })],
    ["JSON that is called YAML", requestOf(PLAIN, { source: "w.yml" })],
    ["a file of another tool", requestOf({ rules: [] })],
    [
      "one that is said to be of another tool",
      requestOf(PLAIN, { settings: { ...usualImport, format: "wfformat" } }),
    ],
    ["one in a file", requestOf(PLAIN, { document: { type: "file", path: "/nowhere" } })],
  ])("is not %s", (_, request) => expect(isPlain(request)).toBe(false));
});

it("is planned as in the thread", async () => {
  const request = requestOf(PLAIN);
  const answer = await new Promise<PlannerAnswer>((resolve) => new Planner(resolve).plan(request));
  expect(answer).toEqual(planRequest(request));
  expect(answer).toMatchObject({ type: "planned", id: 7, taskCount: 2 });
});
