import { chmodSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { expect, it } from "vitest";
import { FORKSERVER_FRAME_BYTES_MAX } from "../../../protocol/limits.ts";
import { notStarted } from "./controller.ts";
import { describeForkservers } from "./flavours.ts";
import type { SpawnOptions } from "./fixture.ts";
import type { ForkserverOutcome } from "../../../protocol/forkserverLink.ts";

const { E2BIG, EACCES, EISDIR, ENOENT, ENOTDIR } = constants.errno;

describeForkservers("a start that fails", (given) => {
  interface Fault {
    readonly what: string;
    readonly argv?: readonly string[];
    readonly options?: SpawnOptions;
    readonly outcome: ForkserverOutcome;
  }
  /** FOLDER stands for the folder of the test, which has a file without permission to execute. */
  it.each<Fault>([
    { what: "an unknown path", argv: ["/no/such/command"], outcome: notStarted("exec", ENOENT) },
    { what: "an unknown name", argv: ["no-such-command"], outcome: notStarted("exec", ENOENT) },
    { what: "an empty name", argv: [""], outcome: notStarted("exec", ENOENT) },
    { what: "no permission", argv: ["FOLDER/plain"], outcome: notStarted("exec", EACCES) },
    {
      what: "no permission, in PATH",
      argv: ["plain"],
      options: { env: ["PATH=/nowhere:FOLDER"] },
      outcome: notStarted("exec", EACCES),
    },
    { what: "a file as folder", argv: ["FOLDER/plain/command"], outcome: notStarted("exec", ENOTDIR) },
    { what: "no workdir", options: { workdir: "missing" }, outcome: notStarted("chdir", ENOENT) },
    {
      what: "a file as workdir",
      options: { workdir: "FOLDER/plain" },
      outcome: notStarted("chdir", ENOTDIR),
    },
    {
      what: "no folder for stdout",
      options: { stdoutPath: "FOLDER/no/out" },
      outcome: notStarted("stdout", ENOENT),
    },
    {
      what: "no folder for stderr",
      options: { stderrPath: "FOLDER/no/err" },
      outcome: notStarted("stderr", ENOENT),
    },
    { what: "a folder as stdout", options: { stdoutPath: "FOLDER" }, outcome: notStarted("stdout", EISDIR) },
  ])("says step and reason: $what", async ({ argv = ["true"], options = {}, outcome }) => {
    const { shared, controller } = given;
    const job = shared.job(controller, 1000);
    writeFileSync(shared.path("plain"), "echo never\n");
    chmodSync(shared.path("plain"), 0o644);
    const inFolder = (text: string) => text.replace("FOLDER", shared.folder);
    const { ended } = await shared.run(controller, job, argv.map(inFolder), {
      ...options,
      ...(options.env && { env: options.env.map(inFolder) }),
      ...(options.workdir && { workdir: inFolder(options.workdir) }),
      ...(options.stdoutPath && { stdoutPath: inFolder(options.stdoutPath) }),
      ...(options.stderrPath && { stderrPath: inFolder(options.stderrPath) }),
    });
    expect(ended).toMatchObject({ outcome, start: null, usage: null });
  });

  it("does not start without a context, or in a folder that vanished", async () => {
    const vanished = given.shared.job(given.controller, 1000);
    const spawn = given.shared.spawn(vanished, "true");
    given.controller.send(
      { type: "context", job: vanished, directory: given.shared.path("gone"), umask: 0, env: [] },
      spawn,
    );
    expect((await given.controller.ended(spawn.key)).outcome).toEqual(notStarted("chdir", ENOENT));
    const other = { ...spawn, key: { ...spawn.key, job: given.shared.job(given.controller, 1000) } };
    given.controller.send({
      type: "closeJob",
      job: other.key.job,
      graceMs: 0,
      mark: given.shared.mark(other.key.job),
    });
    await given.controller.jobClosed(other.key.job);
    given.controller.send(other);
    expect((await given.controller.ended(other.key)).outcome).toMatchObject({
      type: "notStarted",
      step: "context",
    });
  });

  it("does not start with a text that cannot be said", async () => {
    const job = given.shared.job(given.controller, 1000);
    const { ended } = await given.shared.run(given.controller, job, ["echo", "a\0b"]);
    expect(ended.outcome).toEqual(notStarted("exec", E2BIG));
    const { ended: long } = await given.shared.run(given.controller, job, [
      "true",
      "x".repeat(FORKSERVER_FRAME_BYTES_MAX),
    ]);
    expect(long.outcome).toEqual(notStarted("exec", E2BIG));
    const { ended: refused } = await given.shared.run(given.controller, job, [
      "true",
      "x".repeat(FORKSERVER_FRAME_BYTES_MAX / 2),
    ]);
    expect(refused.outcome).toEqual(notStarted("exec", E2BIG));
  });
});
