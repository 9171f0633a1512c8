/** The capacity of the node, from texts of many machines: cgroups, cpus, memory, gpus, Slurm, overrides. */
import { describe, expect, it } from "vitest";
import { detectCapacity, parseNamedResources } from "../../../src/node/capacity.ts";
import { cgroupFolders, parseCgroupMembership, parseCgroupMounts } from "../../../src/node/cgroups.ts";
import {
  affinityLimit,
  countCpuList,
  decideCpus,
  parseCfsQuota,
  parseCpuMax,
} from "../../../src/node/cpus.ts";
import { countGpuDevices } from "../../../src/node/gpus.ts";
import { decideMemory, parseMemoryLimit, parseMemTotal } from "../../../src/node/memory.ts";
import { parseCpusPerNode, slurmCpus, slurmMemory } from "../../../src/node/slurm.ts";
import { failureOf } from "../../support/failure.ts";

describe("cpu lists", () => {
  it.each<[string, number | null]>([
    ["0", 1],
    ["0-1", 2],
    ["0-3,8,10-11", 7],
    ["5-5\n", 1],
    ["", null],
    ["3-1", null],
    ["a", null],
    ["0-3,", null],
  ])("%j has %j", (list, count) => {
    expect(countCpuList(list)).toBe(count);
  });

  it("of the affinity stand in the status", () => {
    const status = "Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7,16\nMems_allowed_list:\t0\n";
    expect(affinityLimit(status)).toEqual({ milli: 9000, source: "affinity" });
    expect(affinityLimit("Name:\tnode\n")).toBeNull();
  });
});

describe("quotas", () => {
  it.each<[string, number | null]>([
    ["max 100000\n", null],
    ["150000 100000\n", 1500],
    ["50000 100000", 500],
    ["10 1000000", 1],
    ["0 100000", null],
    ["", null],
    ["x y", null],
  ])("version 2: %j is %j", (text, milli) => {
    expect(parseCpuMax(text)).toBe(milli);
  });

  it.each<[string, string, number | null]>([
    ["-1\n", "100000\n", null],
    ["250000\n", "100000\n", 2500],
    ["250000", "", null],
    ["", "100000", null],
    ["0", "100000", null],
  ])("version 1: %j of %j is %j", (quota, period, milli) => {
    expect(parseCfsQuota(quota, period)).toBe(milli);
  });

  it("the smallest limit decides, and says its source", () => {
    const affinity = { milli: 8000, source: "affinity" };
    const group = { milli: 1500, source: "cgroup /x" };
    expect(decideCpus([null, affinity, group, null], 64)).toEqual(group);
    expect(decideCpus([affinity, { ...group, milli: 8000 }], 64)).toEqual(affinity);
    expect(decideCpus([null], 64)).toEqual({ milli: 64_000, source: "machine" });
  });
});

describe("control groups", () => {
  const both = parseCgroupMembership(
    "4:memory:/user/job\n3:cpu,cpuacct:/user\n1:name=systemd:/a:b\n0::/user.slice/s\n",
  );

  it("are read with their controllers, with colons in paths", () => {
    expect(both).toEqual([
      { controllers: ["memory"], path: "/user/job" },
      { controllers: ["cpu", "cpuacct"], path: "/user" },
      { controllers: ["name=systemd"], path: "/a:b" },
      { controllers: [], path: "/user.slice/s" },
    ]);
  });

  const mounts = parseCgroupMounts(
    [
      "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw",
      "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct",
      "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate",
    ].join("\n"),
  );

  it.each<[1 | 2, string, readonly string[]]>([
    [1, "cpu", ["/sys/fs/cgroup/cpu/user", "/sys/fs/cgroup/cpu/"]],
    [1, "memory", ["/sys/fs/cgroup/memory/user/job", "/sys/fs/cgroup/memory/user", "/sys/fs/cgroup/memory/"]],
    [1, "pids", []],
    [
      2,
      "cpu",
      ["/sys/fs/cgroup/unified/user.slice/s", "/sys/fs/cgroup/unified/user.slice", "/sys/fs/cgroup/unified/"],
    ],
  ])("version %d of %s are the own one and all above", (version, controller, folders) => {
    expect(cgroupFolders(version, controller, both, mounts)).toEqual(folders);
  });

  it.each<[string, string, string, readonly string[]]>([
    ["a container that sees its own group as root", "/docker/1", "/docker/1", ["/c/"]],
    ["a group below the container's", "/docker/1", "/docker/1/x", ["/c/x", "/c/"]],
    ["a namespace", "/", "/", ["/c/"]],
    ["a path that is outside", "/docker/1", "/elsewhere", ["/c/"]],
    ["a path above the namespace", "/", "/../../other", ["/c/other", "/c/"]],
  ])("in %s", (_, root, group, folders) => {
    const mount = parseCgroupMounts(`1 0 0:1 ${root} /c rw - cgroup2 cgroup rw`);
    expect(cgroupFolders(2, "cpu", parseCgroupMembership(`0::${group}`), mount)).toEqual(folders);
  });
});

describe("Slurm", () => {
  const job = { SLURM_JOB_ID: "17" };

  it.each<[Readonly<Record<string, string>>, string | null]>([
    [{ SLURM_CPUS_ON_NODE: "8" }, null],
    [{ ...job, SLURM_CPUS_ON_NODE: "8" }, "8 SLURM_CPUS_ON_NODE"],
    [{ ...job, SLURM_CPUS_ON_NODE: "8", SLURM_CPUS_PER_TASK: "2" }, "2 SLURM_CPUS_PER_TASK"],
    [{ ...job, SLURM_JOB_CPUS_PER_NODE: "16(x2),4" }, "16 SLURM_JOB_CPUS_PER_NODE"],
    [{ ...job, SLURM_JOB_CPUS_PER_NODE: "16(x2),4", SLURM_NODEID: "2" }, "4 SLURM_JOB_CPUS_PER_NODE"],
    [{ ...job, SLURM_JOB_CPUS_PER_NODE: "16(x2)", SLURM_NODEID: "9" }, null],
    [{ ...job, SLURM_CPUS_ON_NODE: "0" }, null],
    [{ ...job, SLURM_CPUS_ON_NODE: "many" }, null],
    [job, null],
  ])("cpus of %j: %j", (environment, expected) => {
    const found = slurmCpus(environment);
    expect(found === null ? null : `${found.cpus} ${found.variable}`).toBe(expected);
  });

  it.each<[string, readonly number[] | null]>([
    ["4", [4]],
    ["2(x3),8", [2, 2, 2, 8]],
    ["", null],
    ["2(x)", null],
    ["1(x999999999)", null],
  ])("counts per node %j: %j", (text, counts) => {
    expect(parseCpusPerNode(text)).toEqual(counts);
  });

  it.each<[Readonly<Record<string, string>>, number | null, number | null]>([
    [{ SLURM_MEM_PER_NODE: "100" }, 4, null],
    [{ ...job, SLURM_MEM_PER_NODE: "100" }, 4, 100],
    [{ ...job, SLURM_MEM_PER_NODE: "0" }, 4, null],
    [{ ...job, SLURM_MEM_PER_CPU: "50" }, 4, 200],
    [{ ...job, SLURM_MEM_PER_CPU: "50" }, null, null],
    [job, 4, null],
  ])("memory of %j with %j cpus: %j MiB", (environment, cpus, mebibytes) => {
    const found = slurmMemory(environment, cpus);
    expect(found === null ? null : found.bytes / 1024 / 1024).toBe(mebibytes);
  });
});

describe("memory", () => {
  it("is read from the texts of the kernel", () => {
    expect(parseMemTotal("MemTotal:       24684092 kB\nMemFree: 1 kB\n")).toBe(24_684_092 * 1024);
    expect(parseMemTotal("")).toBeNull();
    expect(parseMemoryLimit("max\n")).toBeNull();
    expect(parseMemoryLimit("1073741824\n")).toBe(2 ** 30);
    expect(parseMemoryLimit("")).toBeNull();
  });

  it("is the smallest; a limit above the machine's is none", () => {
    const none = { bytes: 9_223_372_036_854_771_712, source: "cgroup /a" };
    const some = { bytes: 100, source: "cgroup /b" };
    expect(decideMemory(1000, [none])).toEqual({ bytes: 1000, source: "machine" });
    expect(decideMemory(1000, [none, some, { bytes: 0, source: "odd" }])).toEqual(some);
  });
});

it("gpus are counted by their device files", () => {
  expect(countGpuDevices(["nvidia0", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia", "xnvidia1"])).toBe(2);
  expect(countGpuDevices([])).toBe(0);
});

describe("the capacity", () => {
  it("of this machine is something", () => {
    const { resources, sources } = detectCapacity({}, {});
    expect(resources.cpusMilli).toBeGreaterThan(0);
    expect(resources.memoryBytes).toBeGreaterThan(1024 * 1024);
    expect(sources.cpus).not.toBe("");
  });

  it("is what the user says", () => {
    const overrides = { cpusMilli: 500, memoryBytes: 7, gpusMilli: 2000, named: ["licence=2", "disk=0.125"] };
    expect(detectCapacity(overrides, {})).toEqual({
      resources: {
        cpusMilli: 500,
        memoryBytes: 7,
        gpusMilli: 2000,
        named: { licence: 2000, disk: 125 },
      },
      sources: { cpus: "override", memory: "override", gpus: "override" },
    });
  });

  it("is at most what Slurm allocated", () => {
    const slurm = { SLURM_JOB_ID: "1", SLURM_CPUS_ON_NODE: "1", SLURM_MEM_PER_CPU: "16" };
    const { resources, sources } = detectCapacity({}, slurm);
    expect(resources.cpusMilli).toBeLessThanOrEqual(1000);
    expect(resources.memoryBytes).toBe(16 * 1024 * 1024);
    expect(sources.memory).toBe("SLURM_MEM_PER_CPU");
  });

  it.each(["licence", "=1", "licence=", "licence=-1", "licence=1.2345", "cpus=1", "a b=1", "licence=1e3"])(
    "refuses the named resource %j",
    (item) => {
      expect(failureOf(() => parseNamedResources([item])).code).toBe("usage");
    },
  );

  it("refuses a resource that is named twice", () => {
    expect(failureOf(() => parseNamedResources(["a=1", "a=2"])).code).toBe("usage");
  });
});
