import { describe, expect, it } from "vitest";
import { parseFilter } from "../../../src/cli/jobFilters.ts";
import { parseSelectors } from "../../../src/cli/selectors.ts";
import type { JobView } from "../../../src/client/jobView.ts";
import { jobRecord } from "../client/records.ts";

const usage: unknown = expect.objectContaining({ code: "usage" });

describe("selectors", () => {
  it.each([
    ["12", [{ type: "one", job: 12 }]],
    ["last", [{ type: "one", job: "last" }]],
    ["all", [{ type: "all" }]],
    ["3-7", [{ type: "range", first: 3, last: 7 }]],
    ["3-", [{ type: "range", first: 3, last: "last" }]],
    ["3-last", [{ type: "range", first: 3, last: "last" }]],
    [
      "1,3-4,last",
      [
        { type: "one", job: 1 },
        { type: "range", first: 3, last: 4 },
        { type: "one", job: "last" },
      ],
    ],
  ])("%s", (text, selectors) => {
    expect(parseSelectors(text)).toEqual(selectors);
  });

  it.each(["", "0", "-1", "1.0", "first", "4294967296", "-", "-3", "7-3", "1,", "1-2-3", "all-3", "1 2"])(
    "%j selects nothing",
    (text) => {
      expect(() => parseSelectors(text)).toThrow(usage);
    },
  );
});

describe("filters", () => {
  const NOW = new Date("2026-03-14T12:00:00").getTime();
  const job = (fields: Partial<JobView>): JobView => jobRecord({ createdAtMs: NOW - 3_600_000, ...fields });

  it.each([
    [{}, {}, true],
    [{ state: "running,queued" }, { state: "queued" }, true],
    [{ state: "running" }, { state: "queued" }, false],
    [{ name: "night*" }, { name: "nightly" }, true],
    [{ name: "night*" }, { name: "fortnightly" }, false],
    [{ name: "n?ght" }, { name: "night" }, true],
    [{ name: "a.b" }, { name: "axb" }, false],
    [{ name: "a [1] (x)+" }, { name: "a [1] (x)+" }, true],
    [{ since: "2h" }, {}, true],
    [{ since: "30m" }, {}, false],
    [{ since: "2026-03-14" }, {}, true],
    [{ since: "2026-03-14 11:30" }, {}, false],
    [{ since: "2026-03-14T11:00:00" }, {}, true],
    [{ state: "failed", name: "x*" }, { state: "failed", name: "y" }, false],
  ] as const)("%j of %j: %j", (flags, fields, matches) => {
    expect(parseFilter(flags, NOW).matches(job(fields))).toBe(matches);
  });

  it.each([
    { state: "done" },
    { state: "" },
    { name: "" },
    { since: "yesterday" },
    { since: "5" },
    { since: "2026-13-45" },
    { since: "" },
  ])("%j is wrong use", (flags) => {
    expect(() => parseFilter(flags, NOW)).toThrow(usage);
  });
});
