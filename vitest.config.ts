import { defineConfig } from "vitest/config";

const LONG = "test/**/*.long.test.ts";
const PROCESS = "test/process/**/*.test.ts";

/**
 * Three projects. `unit` runs its files side by side. `process` starts real daemons and loads the machine, so its files
 * run one at a time and after the others; `long` likewise. `npm test` runs the first two, `npm run test:long` the third.
 * Start tests through these commands: they build first, and look for what the tests left behind.
 */
export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [LONG, PROCESS],
          pool: "forks",
          // The smallest machine that we care about has two cpus.
          maxWorkers: 2,
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "process",
          include: [PROCESS],
          exclude: [LONG],
          pool: "forks",
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "long",
          include: [LONG],
          pool: "forks",
          fileParallelism: false,
          // A simulation of many seeds, or 100,000 processes, on a slow machine.
          testTimeout: 15 * 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
