import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JobStorage, type NewJob } from "../../../manager/jobStorage.ts";
import type { SubmissionOptions } from "../../../protocol/clientLink.ts";
import { QrewError } from "../../../protocol/errors.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import { readEnvironment, readJob, readNextJob } from "../../../src/store/managerStore.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import { PLAN_CHUNK_BYTES, readPlan } from "../../../src/store/plans.ts";
import type { Store } from "../../../src/store/port.ts";
import { jobRecord } from "../client/records.ts";

const options: SubmissionOptions = {
  name: null,
  source: "nightly.yaml",
  directory: { type: "existing", path: "/data" },
  env: {},
  import: { format: null, timeScale: 1, sizeScale: 0, jx: [] },
  retries: null,
  umask: 0o022,
  priority: 0,
};

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "qrew-jobs-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Counts the commits, and fails them if told so. */
function counted(): { store: Store; commits: () => number; failWith: (error: Error | null) => void } {
  const store = openMemoryStore();
  let commits = 0;
  let failure: Error | null = null;
  const write: Store["write"] = (body) => {
    if (failure !== null) throw failure;
    commits += 1;
    return store.write(body);
  };
  const wrapped: Store = {
    read: (body) => store.read(body),
    write,
    flushed: () => store.flushed(),
    close: () => store.close(),
  };
  return {
    store: wrapped,
    commits: () => commits,
    failWith: (error) => {
      failure = error;
    },
  };
}

const newJob = (seq: number, planBytes = 100): NewJob => ({
  record: jobRecord({ job: jobSeq(seq) }),
  options,
  key: null,
  plan: new Uint8Array(planBytes).fill(seq),
});

describe("new jobs", () => {
  it("that come together share a transaction, each with its plan and environment", async () => {
    const { store, commits } = counted();
    const storage = new JobStorage(store, home);
    const seqs = [1, 2, 3, 4, 5];
    const stored = await Promise.all(seqs.map((seq) => storage.add(newJob(seq))));
    expect(commits()).toBe(1);
    expect(stored.map(({ job }) => job)).toEqual(seqs);
    store.read((reader) => {
      for (const seq of seqs) {
        expect(readJob(reader, jobSeq(seq))?.state).toBe("running");
        expect(readPlan(reader, jobSeq(seq))).toEqual(new Uint8Array(100).fill(seq));
        expect(readEnvironment(reader, jobSeq(seq))).not.toBeNull();
      }
      expect(readNextJob(reader)).toBe(6);
    });
  });

  it("with large plans are written in pieces", async () => {
    const { store, commits } = counted();
    const large = newJob(1, 20 * PLAN_CHUNK_BYTES);
    await new JobStorage(store, home).add(large);
    expect(commits()).toBeGreaterThan(3);
    expect(store.read((reader) => readPlan(reader, jobSeq(1)))).toHaveLength(large.plan.length);
  });

  it("are all refused when there is no room, and can be stored later", async () => {
    const { store, failWith } = counted();
    const storage = new JobStorage(store, home);
    failWith(new QrewError("storeFull", "the disk is full"));
    const outcomes = await Promise.allSettled([storage.add(newJob(1)), storage.add(newJob(2))]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    failWith(null);
    await storage.add(newJob(1));
    expect(store.read((reader) => readJob(reader, jobSeq(1)))).not.toBeNull();
    expect(store.read((reader) => readJob(reader, jobSeq(2)))).toBeNull();
  });
});
