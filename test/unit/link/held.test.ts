import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Held } from "../../../src/link/held.ts";

const sent: [string, number, readonly object[]][] = [];
let held: Held;

beforeEach(() => {
  vi.useFakeTimers();
  sent.length = 0;
  held = new Held((peer, epoch, messages) => sent.push([peer, epoch, messages]));
});
afterEach(() => vi.useRealTimers());

describe("messages that nobody waits for", () => {
  it("go in front of the next message to the same peer, once", () => {
    held.hold("a", 1, [{ n: 1 }]);
    held.hold("b", 1, [{ n: 2 }]);
    held.hold("a", 1, [{ n: 3 }]);
    expect(held.join("a", [{ n: 4 }])).toEqual([{ n: 1 }, { n: 3 }, { n: 4 }]);
    expect(held.join("a", [{ n: 5 }])).toEqual([{ n: 5 }]);
    vi.advanceTimersByTime(1000);
    expect(sent).toEqual([["b", 1, [{ n: 2 }]]]);
  });

  it("go by themselves after a moment, also those that come later", () => {
    held.hold("a", 7, [{ n: 1 }]);
    vi.advanceTimersByTime(1000);
    held.hold("a", 7, [{ n: 2 }]);
    vi.advanceTimersByTime(1000);
    expect(sent).toEqual([
      ["a", 7, [{ n: 1 }]],
      ["a", 7, [{ n: 2 }]],
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("go at once when they are asked for, and not after a clear", () => {
    held.hold("a", 1, [{ n: 1 }]);
    held.releaseAll();
    expect(sent).toHaveLength(1);
    held.hold("a", 1, [{ n: 2 }]);
    held.clear();
    vi.advanceTimersByTime(1000);
    expect(sent).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are nothing where there are none", () => {
    held.hold("a", 1, []);
    expect(vi.getTimerCount()).toBe(0);
  });
});
