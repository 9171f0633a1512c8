import { describe, expect, it } from "vitest";
import { Lease } from "../../src/lease.ts";

const LEASE_MS = 1000;

/** Looks when the lease wants to be looked at, until `untilMs`; what it said, with the times. */
function watch(
  lease: Lease,
  fromMs: number,
  untilMs: number,
  each: (nowMs: number) => void = () => undefined,
) {
  const said: [number, string][] = [];
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs = Math.max(nowMs + 1, lease.nextLookMs)) {
    each(nowMs);
    const found = lease.look(nowMs);
    if (found !== "quiet") said.push([nowMs, found]);
  }
  return said;
}

describe("a lease", () => {
  it("asks four times, and expires when there was no answer for a whole one", () => {
    expect(watch(new Lease(LEASE_MS, 0), 0, 1000)).toEqual([
      [250, "ask"],
      [500, "ask"],
      [750, "ask"],
      [1000, "expired"],
    ]);
  });

  it("goes on while it hears", () => {
    const lease = new Lease(LEASE_MS, 0);
    const said = watch(lease, 0, 60_000, (nowMs) => lease.heard(nowMs - 900));
    expect(said.every(([, what]) => what === "ask")).toBe(true);
    expect(said).toHaveLength(240);
  });

  it("does not take its own stop for the death of the other", () => {
    const lease = new Lease(LEASE_MS, 0);
    watch(lease, 0, 500);
    expect(lease.look(100_000)).toBe("ask");
    expect(watch(lease, 100_001, 101_000).at(-1)).toEqual([101_000, "expired"]);
  });

  it("gives one that computes ten", () => {
    const lease = new Lease(LEASE_MS, 0);
    const said = watch(lease, 0, 20_000, (nowMs) => lease.busy(nowMs));
    const [expired] = said.find(([, what]) => what === "expired") ?? [0];
    expect(expired).toBeGreaterThanOrEqual(10_000);
    expect(expired).toBeLessThanOrEqual(11_000);
  });
});
