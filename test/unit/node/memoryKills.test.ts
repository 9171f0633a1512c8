import { describe, expect, it } from "vitest";
import { MemoryKills, parseMemoryKills } from "../../../src/node/memoryKills.ts";

describe("kills for want of memory", () => {
  it("are read from memory.events, or memory.oom_control", () => {
    expect(parseMemoryKills("low 0\nhigh 0\nmax 3\noom 2\noom_kill 12\noom_group_kill 0\n")).toBe(12);
    expect(parseMemoryKills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")).toBe(3);
    expect(parseMemoryKills("low 0\nhigh 0\n")).toBeNull();
  });

  it("are each taken once, and those before the start never", () => {
    let count: number | null = 5;
    const kills = new MemoryKills(() => count);
    expect(kills.take()).toBe(false);
    count = 7;
    expect([kills.take(), kills.take(), kills.take()]).toEqual([true, true, false]);
    count = null;
    expect(kills.take()).toBe(false);
    count = 9;
    expect(kills.take()).toBe(false);
    count = 10;
    expect(kills.take()).toBe(true);
  });
});
