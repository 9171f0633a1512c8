import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { ForkserverEnded, ForkserverSpawn, ForkserverStream } from "../../../protocol/forkserverLink.ts";
import type { JobSeq } from "../../../protocol/ids.ts";
import type { Controller } from "./controller.ts";
import type { Fixture } from "./fixture.ts";
import { alone, describeForkservers, type Given } from "./flavours.ts";
import { eventually } from "./lookups.ts";

/** The twin gives every attempt its own files. */
const flavours = ["c"] as const;

function spooled(shared: Fixture, job: JobSeq, command: string | readonly string[]): ForkserverSpawn {
  const spawn = shared.spawn(job, command);
  const stem = join(shared.path("spool"), `${job}-${spawn.key.task}`);
  return { ...spawn, stdoutPath: `${stem}.out`, stderrPath: `${stem}.err` };
}

function run(controller: Controller, spawn: ForkserverSpawn): Promise<ForkserverEnded> {
  controller.send(spawn);
  return controller.ended(spawn.key);
}

const textOf = (stream: ForkserverStream): string =>
  stream.type === "inline" ? Buffer.from(stream.bytes).toString("latin1") : `in ${stream.path}`;

const pool: unknown = expect.stringMatching(/^pool-\d+$/);

const filesOf = (shared: Fixture): string[] => readdirSync(shared.path("spool")).sort();

describeForkservers(
  "the output of short attempts",
  (given: Given) => {
    it("comes with their ends, byte for byte, and two files serve them all", async () => {
      await alone("c", {}, async (fixture, controller) => {
        const job = fixture.job(controller, 1000);
        for (let round = 0; round < 20; round++) {
          const both = await run(
            controller,
            spooled(fixture, job, `printf '\\000${round}\\377'; echo err ${round} >&2`),
          );
          expect([textOf(both.stdout), textOf(both.stderr)]).toEqual([`\0${round}\xff`, `err ${round}\n`]);
          const silent = await run(controller, spooled(fixture, job, ["true"]));
          expect([textOf(silent.stdout), textOf(silent.stderr)]).toEqual(["", ""]);
        }
        expect(filesOf(fixture)).toEqual([pool, pool]);
      });
    });

    it("of those that cannot be started costs no file", async () => {
      await alone("c", {}, async (fixture, controller) => {
        const job = fixture.job(controller, 1000);
        for (let round = 0; round < 10; round++) {
          const ended = await run(controller, spooled(fixture, job, ["no-such-command"]));
          expect(ended.outcome).toMatchObject({ type: "notStarted", step: "exec" });
        }
        expect(filesOf(fixture)).toEqual([pool, pool]);
        expect(textOf((await run(controller, spooled(fixture, job, "echo fine"))).stdout)).toBe("fine\n");
      });
    });

    it("never has in it what a stray of another attempt writes", async () => {
      const { shared, controller } = given;
      const job = shared.job(controller, 1000);
      const escaped = shared.path("escaped");
      const writes = `: > ${escaped}; while :; do echo stray; echo stray >&2; done`;
      const stray = `setsid sh -c '${writes}' & while [ ! -e ${escaped} ]; do sleep 0.01; done`;
      await run(controller, spooled(shared, job, stray));
      for (let round = 0; round < 5; round++) {
        const ended = await run(controller, spooled(shared, job, "sleep 0.02; echo mine"));
        expect([textOf(ended.stdout), textOf(ended.stderr)]).toEqual(["mine\n", ""]);
      }
      controller.send({ type: "closeJob", job, graceMs: 0, mark: shared.mark(job) });
      expect((await controller.jobClosed(job)).ended).toBeGreaterThan(0);
    });

    it("that is longer stays in a file of its own", async () => {
      const { shared, controller } = given;
      const job = shared.job(controller, 1000);
      const spawn = spooled(shared, job, "head -c 4097 /dev/zero | tr '\\0' a; echo short >&2");
      const ended = await run(controller, spawn);
      expect(ended.stdout).toEqual({ type: "file", path: spawn.stdoutPath });
      expect(readFileSync(spawn.stdoutPath, "utf8")).toBe("a".repeat(4097));
      expect(textOf(ended.stderr)).toBe("short\n");
    });
  },
  flavours,
);

describeForkservers(
  "the output of what runs for a while",
  (given: Given) => {
    it("can be read under its own name until it ends", async () => {
      const { shared, controller } = given;
      const job = shared.job(controller, 1000);
      const gate = shared.path("gate");
      const command = `echo first; while [ ! -e ${gate} ]; do sleep 0.01; done; echo second`;
      const spawn = spooled(shared, job, command);
      controller.send(spawn);
      await eventually("its file", () => existsSync(spawn.stdoutPath));
      expect(readFileSync(spawn.stdoutPath, "utf8")).toBe("first\n");
      writeFileSync(gate, "");
      const ended = await controller.ended(spawn.key);
      expect(textOf(ended.stdout)).toBe("first\nsecond\n");
      expect(existsSync(spawn.stdoutPath)).toBe(false);
    });
  },
  flavours,
);
