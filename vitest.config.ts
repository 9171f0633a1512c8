import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const LONG = "test/**/*.long.test.ts";
const PROCESS = "test/process/**/*.test.ts";

/**
 * A daemon that a process test starts from its own process is the built one, as it is where a command starts it: from its sources
 * each actor takes a second to load.
 */
const BUILT_ACTORS = {
  alias: [
    {
      find: /^\.\.\/link\/program\.ts$/,
      replacement: fileURLToPath(new URL("./dist/src/link/program.js", import.meta.url)),
    },
  ],
};

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
          // A process of its own for each of a hundred files costs more than what is tested in them.
          isolate: false,
          include: ["test/**/*.test.ts"],
          exclude: [LONG, PROCESS],
          pool: "forks",
          maxWorkers: 2,
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: BUILT_ACTORS,
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
        resolve: BUILT_ACTORS,
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
