import { defineConfig } from "vitest/config";

const LONG = "test/**/*.long.test.ts";
const PROCESS = "test/process/**/*.test.ts";

/**
 * Three projects. `npm test` runs `unit` and then `process`, which starts real daemons, two files at a time: the smallest machine
 * that we care about has two cpus. `npm run test:long` runs `long`, whose tests load the machine: one file at a time.
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
          maxWorkers: 2,
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
