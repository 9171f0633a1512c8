import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { daemonProcesses, outputText, runJob, submitJob, writeDocument } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { QREW_MAIN, QrewFolder } from "../support/qrew.ts";

let qrew: QrewFolder;
beforeAll(() => {
  qrew = new QrewFolder();
});
afterAll(() => qrew.close());

function makeFolder(name: string): string {
  const folder = path.join(qrew.folder, name);
  mkdirSync(folder, { recursive: true });
  return realpathSync(folder);
}

/** The output of `env -0` by names. */
async function environmentOf(job: number, task: string): Promise<ReadonlyMap<string, string>> {
  const text = await outputText(qrew, job, task);
  const entries = text.split("\0").filter((entry) => entry !== "");
  return new Map(
    entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
}

const showEnvironment = { name: "env", command: ["env", "-0"] };

describe("what a job takes along from who submits it", () => {
  it("is the folder, the environment and the umask, of each submission its own", async () => {
    const probe = [{ name: "probe", command: 'pwd -P; umask; echo "$TEST_COLOUR"; touch made' }];
    const file = writeDocument(qrew, probe);
    const seen: string[] = [];
    for (const [name, umask, colour] of [
      ["one", "027", "red and\tblue"],
      ["two", "077", "grün"],
    ] as const) {
      const cwd = makeFolder(name);
      const submitted = spawnSync(
        "/bin/sh",
        ["-c", `umask ${umask}; exec "$0" "$@"`, process.execPath, QREW_MAIN, "run", file, "--json"],
        { cwd, env: qrew.environment({ TEST_COLOUR: colour }), encoding: "utf8", timeout: 60_000 },
      );
      expect(submitted).toMatchObject({ status: 0 });
      const { id, directory } = readJson(shapes.show, submitted.stdout);
      expect(directory).toBe(cwd);
      expect(await outputText(qrew, id, "probe")).toBe(`${cwd}\n0${umask}\n${colour}\n`);
      seen.push((statSync(path.join(cwd, "made")).mode & 0o777).toString(8));
    }
    expect(seen).toEqual(["640", "600"]);
  });

  it("is next to nothing with --clean-env", async () => {
    const { job } = await runJob(qrew, [showEnvironment], ["--clean-env"], { env: { TEST_COLOUR: "red" } });
    const environment = await environmentOf(job, "env");
    const kept = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "OMP_NUM_THREADS"];
    const others = [...environment.keys()].filter(
      (name) => !kept.includes(name) && !name.startsWith("QREW_"),
    );
    expect(others).toEqual([]);
    expect(environment.get("PATH")).toBe(process.env["PATH"]);
  });

  it("is a folder of the job's own with --fresh-dir", async () => {
    const document = [{ name: "probe", command: "pwd -P; ls -A; touch here" }];
    const folders: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      const { code, job } = await runJob(qrew, document, ["--fresh-dir"]);
      expect(code).toBe(0);
      const [folder = "", ...rest] = (await outputText(qrew, job, "probe")).split("\n");
      expect(rest).toEqual([""]);
      expect(statSync(path.join(folder, "here")).isFile()).toBe(true);
      expect(statSync(folder).mode & 0o777).toBe(0o700);
      folders.push(folder);
    }
    expect(new Set(folders).size).toBe(2);
    for (const folder of folders) expect(folder.startsWith(realpathSync(qrew.home))).toBe(true);
  });

  it("is another folder with --dir, which has to be there", async () => {
    const folder = makeFolder("elsewhere");
    const document = [{ name: "probe", command: ["pwd", "-P"] }];
    const relative = path.relative(qrew.work, folder);
    const { job } = await runJob(qrew, document, ["--dir", relative]);
    expect(await outputText(qrew, job, "probe")).toBe(`${folder}\n`);
    const missing = await qrew.run(["run", writeDocument(qrew, document), "--dir", "not-there"]);
    expect(missing.code).toBe(3);
    const both = await qrew.run(["run", writeDocument(qrew, document), "--dir", folder, "--fresh-dir"]);
    expect(both.code).toBe(2);
  });
});

describe("variables of a task", () => {
  it("come from the task over the document over the submitter", async () => {
    const { code, job } = await runJob(
      qrew,
      {
        env: { A: "document", B: "document", NUMBER: 3 },
        defaults: { params: { env: { D: "defaults" } } },
        tasks: [
          { ...showEnvironment, params: { env: { A: "task", D: "task" } } },
          { name: "other", command: ["env", "-0"] },
          {
            name: "each",
            foreach: { i: { range: [1, 2] } },
            command: "printf %s $I",
            params: { env: { I: "<{{i}}>" } },
          },
        ],
      },
      [],
      { env: { A: "submitter", B: "submitter", C: "submitter" } },
    );
    expect(code).toBe(0);
    const own = await environmentOf(job, "env");
    expect(["A", "B", "C", "D", "NUMBER"].map((name) => own.get(name))).toEqual([
      "task",
      "document",
      "submitter",
      "task",
      "3",
    ]);
    const other = await environmentOf(job, "other");
    expect(["A", "D"].map((name) => other.get(name))).toEqual(["document", "defaults"]);
    expect(await outputText(qrew, job, "each[2]")).toBe("<2>");
  });

  it("say which job, task and attempt it is, and how many cpus it has", async () => {
    const status = await qrew.run(["daemon", "status", "--json"]);
    const { instance, capacity } = readJson(shapes.daemonStatus, status.stdout);
    const all = { cpus: capacity.cpus };
    const { code, job } = await runJob(qrew, [
      { name: "half", foreach: { i: { range: [1, 2] } }, command: ["env", "-0"], resources: { cpus: 0.5 } },
      { name: "whole", command: ["env", "-0"], resources: all },
      { name: "again", command: "test $QREW_ATTEMPT = 2 && env -0", retry: { limit: 1, backoff: "1ms" } },
      { name: "set", command: ["env", "-0"], params: { env: { OMP_NUM_THREADS: "9" } } },
    ]);
    expect(code).toBe(0);
    expect(Object.fromEntries(await environmentOf(job, "half[2]"))).toMatchObject({
      QREW_JOB_ID: `${instance}/${job}`,
      QREW_TASK: "half[2]",
      QREW_ATTEMPT: "1",
      QREW_CPUS: "0.5",
      QREW_NODE: os.hostname(),
      OMP_NUM_THREADS: "1",
    });
    expect(Object.fromEntries(await environmentOf(job, "whole"))).toMatchObject({
      QREW_CPUS: String(capacity.cpus),
      OMP_NUM_THREADS: String(Math.max(1, Math.floor(capacity.cpus))),
    });
    expect((await environmentOf(job, "again")).get("QREW_ATTEMPT")).toBe("2");
    expect((await environmentOf(job, "set")).get("OMP_NUM_THREADS")).toBe("9");
    const given = await runJob(qrew, [showEnvironment], [], { env: { OMP_NUM_THREADS: "7" } });
    expect((await environmentOf(given.job, "env")).get("OMP_NUM_THREADS")).toBe("7");
  });

  it("never come from who started the daemon", async () => {
    const other = new QrewFolder();
    try {
      await other.run(["daemon", "start"], { env: { TEST_LEAK: "from the daemon" } });
      const { job } = await runJob(other, [{ name: "probe", command: 'echo "<$TEST_LEAK>"' }]);
      expect(await outputText(other, job, "probe")).toBe("<>\n");
    } finally {
      await other.close();
    }
  });
});

describe("the working folder of a task", () => {
  it("is within the job's, or absolute", async () => {
    const elsewhere = makeFolder("absolute");
    mkdirSync(path.join(qrew.work, "part-1"), { recursive: true });
    mkdirSync(path.join(qrew.work, "part-2"), { recursive: true });
    const { code, job } = await runJob(qrew, [
      {
        name: "inner",
        foreach: { i: { range: [1, 2] } },
        command: ["pwd", "-P"],
        params: { workdir: "part-{{i}}" },
      },
      { name: "outer", command: ["pwd", "-P"], params: { workdir: elsewhere } },
    ]);
    expect(code).toBe(0);
    expect(await outputText(qrew, job, "inner[2]")).toBe(`${realpathSync(qrew.work)}/part-2\n`);
    expect(await outputText(qrew, job, "outer")).toBe(`${elsewhere}\n`);
  });
});

describe("a qrew inside a task", () => {
  it("serves a state folder of its own, takes nothing of the task along, and outlives it", {
    timeout: 120_000,
  }, async () => {
    const inner = new QrewFolder();
    try {
      const file = writeDocument(inner, [showEnvironment]);
      const { code, job } = await runJob(
        qrew,
        [
          {
            name: "outer",
            command: [process.execPath, QREW_MAIN, "run", file, "--json"],
            params: { env: { QREW_HOME: inner.home, QREW_EXTRA: "of the outer task" } },
          },
        ],
        [],
        { env: { TEST_FOLDER: inner.folder } },
      );
      expect(code).toBe(0);
      expect(readJson(shapes.show, await outputText(qrew, job, "outer")).state).toBe("succeeded");
      const environment = (await inner.run(["logs", "1", "env"])).stdout.split("\0");
      expect(environment).toContain("QREW_TASK=env");
      expect(environment.filter((entry) => /^QREW_(EXTRA|HOME)=/.test(entry))).toEqual([]);
      const processes = await daemonProcesses(inner);
      expect(processes.map(({ role }) => role).sort()).toEqual([
        "executor",
        "forkserver",
        "manager",
        "worker",
      ]);
      for (const { pid } of processes) {
        const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
        expect(variables.filter((entry) => entry.startsWith("QREW_"))).toEqual([]);
      }
      // The end of another job sweeps the outer daemon's processes only.
      const second = await submitJob(qrew, [{ name: "w", command: ["true"] }]);
      await qrew.run(["wait", String(second)]);
      const pids = (await daemonProcesses(inner)).map(({ pid }) => pid);
      expect(pids).toEqual(processes.map(({ pid }) => pid));
    } finally {
      await inner.close();
    }
  });
});
