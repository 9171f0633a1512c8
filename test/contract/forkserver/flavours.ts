/**
 * Runs a suite over both forkservers: the C program, where there is a compiler, also under sanitizers, and its TypeScript twin.
 */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, beforeEach, describe } from "vitest";
import { findForkserverProgram } from "../../../executor/forkserver/client.ts";
import type { ForkserverFlavour } from "../../../protocol/forkserverLink.ts";
import type { Controller } from "./controller.ts";
import { requires, skipUnless } from "../../support/requires.ts";
import { Fixture } from "./fixture.ts";
import { useSanitized } from "./sanitized.ts";

/** The sanitized program is compiled by whoever needs it first, on a loaded machine. */
const COMPILE_MS_MAX = 120_000;

/** One forkserver and its controller, for all tests of a file; each test has jobs of its own. */
export interface Given {
  readonly shared: Fixture;
  readonly controller: Controller;
}

export function describeForkservers(
  title: string,
  suite: (given: Given, flavour: ForkserverFlavour) => void,
  flavours: readonly ForkserverFlavour[] = ["c", "typescript"],
): void {
  const program = prepareProgram();
  for (const flavour of flavours) {
    const isMissing = flavour === "c" && program === null;
    const where = isMissing ? `${flavour}, no C compiler here` : flavour;
    describe.skipIf(isMissing)(`forkserver (${where}): ${title}`, () => {
      describeGiven(suite, flavour);
    });
  }
  if (program !== null && flavours.includes("c")) describeSanitized(title, suite);
}

function describeSanitized(title: string, suite: (given: Given, flavour: ForkserverFlavour) => void): void {
  describe(`forkserver (c, sanitized): ${title}`, () => {
    let useOther = (): void => undefined;
    beforeAll(() => {
      if (requires("sanitizer") === null) useOther = useSanitized();
    }, COMPILE_MS_MAX);
    beforeEach((ctx) => skipUnless(ctx, "sanitizer"));
    afterAll(() => useOther());
    describeGiven(suite, "c");
  });
}

function describeGiven(
  suite: (given: Given, flavour: ForkserverFlavour) => void,
  flavour: ForkserverFlavour,
): void {
  let shared: Fixture | null = null;
  let controller: Controller | null = null;
  beforeAll(async () => {
    shared = new Fixture(flavour);
    controller = await shared.open();
  });
  afterAll(() => shared?.dispose());
  suite(
    {
      get shared() {
        return present(shared);
      },
      get controller() {
        return present(controller);
      },
    },
    flavour,
  );
}

/** A forkserver of its own for a test that ends it, or that other tests would disturb. */
export async function alone(
  flavour: ForkserverFlavour,
  options: ConstructorParameters<typeof Fixture>[1],
  body: (fixture: Fixture, controller: Controller) => Promise<void>,
): Promise<void> {
  const fixture = new Fixture(flavour, options);
  try {
    await body(fixture, await fixture.open());
  } finally {
    await fixture.dispose();
  }
}

/** Compiles it if need be; null where there is no compiler. */
function prepareProgram(): string | null {
  execFileSync(process.execPath, ["scripts/build-forkserver.mjs"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return findForkserverProgram();
}

function present<Value>(value: Value | null): Value {
  if (value === null) throw new Error("used before it was opened");
  return value;
}
