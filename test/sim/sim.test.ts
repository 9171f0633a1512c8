import { describe, expect, it } from "vitest";
import { MUTATIONS, POWER_CUTS, TAKEN_FOR_DEAD } from "./mutations.ts";
import { simulate } from "./simulate.ts";
import { firstFailure } from "./seeds.ts";

/** Some twenty milliseconds each; the long tests have many more. */
const SEEDS = 200;
const CUT_SEEDS = 30;

/** How many seeds it may take to find each mutation: a few times what it takes today. */
const FOUND_WITHIN: Readonly<Record<(typeof MUTATIONS)[number], number>> = {
  fencingOff: 100,
  toldBeforeCommit: 10,
  toldBeforeFlush: 200,
  requeueForgotten: 50,
  loanNotReturned: 50,
  adoptionForgets: 100,
  capNotEnforced: 50,
  followsAnyEnd: 100,
  storesBelieved: 400,
  roundBeforeFlush: 300,
};

/** Where to begin with a mutation that few seeds find; from there it goes round through all of them. */
const BEGIN_AT: Partial<Record<(typeof MUTATIONS)[number], number>> = { storesBelieved: 150 };

/** What two holders of a seat may do to each other: they may be slow. What they record has to be right all the same. */
const OF_TIME = new Set(["what is ready starts", "every job ends"]);

describe("a simulation", { timeout: 300_000 }, () => {
  it("does the same again from the same seed, and something else from another", () => {
    const hashes = [7, 7, 8].map((seed) => simulate(seed).hash);
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[0]).not.toBe(hashes[2]);
    expect(simulate(7, { keepsTrace: true }).hash).toBe(hashes[0]);
  });

  it(`keeps what was promised in ${SEEDS} seeds`, () => {
    expect(firstFailure(1, SEEDS)).toBeNull();
  });

  it(`keeps it in ${CUT_SEEDS} seeds with slow disks and a power cut after many an assignment`, () => {
    expect(firstFailure(1, CUT_SEEDS, POWER_CUTS)).toBeNull();
  });
});

describe("what is broken on purpose is found", { timeout: 300_000 }, () => {
  it.each(MUTATIONS.map((mutation) => [mutation, FOUND_WITHIN[mutation]] as const))(
    "%s, within %i seeds",
    (mutation, seeds) => {
      const first = BEGIN_AT[mutation] ?? 1;
      const found = firstFailure(first, seeds - first + 1, mutation) ?? firstFailure(1, first - 1, mutation);
      expect(found).toContain(`--mutation ${mutation}`);
    },
  );

  it("but a second holder of a seat breaks no record while the fence is there", () => {
    const broken = Array.from({ length: 50 }, (_, i) => simulate(i + 1, { mutation: TAKEN_FOR_DEAD }))
      .map(({ violation }) => violation?.invariant)
      .filter((invariant) => invariant !== undefined && !OF_TIME.has(invariant));
    expect(broken).toEqual([]);
  });
});
