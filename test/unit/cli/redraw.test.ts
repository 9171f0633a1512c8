import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RedrawnBlock, REDRAW_STEP_MS } from "../../../src/cli/redraw.ts";
import type { Terminal } from "../../../src/cli/terminal.ts";
import { PLAIN } from "./recorder.ts";
import { Screen } from "./screen.ts";

let screen: Screen;
let lines: string[];
let drawings: number;
let resized: (() => void) | null;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  screen = new Screen(40);
  lines = [];
  drawings = 0;
  resized = null;
});

afterEach(() => {
  vi.useRealTimers();
});

const draw = (text: string): void => {
  drawings += 1;
  screen.draw(text);
};

const terminal: Terminal = {
  write: async () => undefined,
  line: async () => undefined,
  note: (text) => draw(`${text}\n`),
  draw,
  settled: async () => undefined,
  writeError: async (bytes) => draw(Buffer.from(bytes).toString("utf8")),
  style: PLAIN,
  noteStyle: PLAIN,
  canRedraw: true,
  size: () => ({ columns: screen.columns, rows: 24 }),
  onResize: (listener) => {
    resized = listener;
    return () => {
      resized = null;
    };
  },
};

describe("a redrawn block", () => {
  it("is replaced by its next lines, whether they are more or fewer", () => {
    const block = new RedrawnBlock(terminal, () => lines);
    for (const next of [["one"], ["one", "two", "three"], ["four"], [], ["five", "six"]]) {
      lines = next;
      block.update();
      vi.advanceTimersByTime(REDRAW_STEP_MS);
      expect(screen.shown()).toEqual(next);
    }
    block.stop();
    expect(screen.shown()).toEqual([]);
    expect(screen.cursorVisible).toBe(true);
  });

  it("is drawn ten times a second at most, and once a second at least", () => {
    const block = new RedrawnBlock(terminal, () => lines);
    lines = ["x"];
    const before = drawings;
    for (let ms = 0; ms < 1000; ms += 1) {
      block.update();
      vi.advanceTimersByTime(1);
    }
    expect(drawings - before).toBeLessThanOrEqual(11);
    const busy = drawings;
    vi.advanceTimersByTime(3_000);
    expect(drawings - busy).toBeGreaterThanOrEqual(2);
    block.stop();
    const stopped = drawings;
    vi.advanceTimersByTime(3_000);
    expect(drawings).toBe(stopped);
  });

  it("leaves what was printed above it", () => {
    const block = new RedrawnBlock(terminal, () => lines);
    lines = ["a", "b"];
    block.update();
    block.print("said");
    expect(screen.shown()).toEqual(["said", "a", "b"]);
    block.stop();
    expect(screen.shown()).toEqual(["said"]);
  });

  it("leaves nothing behind when the terminal becomes narrower or wider", () => {
    const block = new RedrawnBlock(terminal, () => lines.map((line) => line.slice(0, screen.columns)));
    lines = ["x".repeat(40), "y".repeat(25)];
    block.update();
    for (const columns of [15, 7, 40]) {
      screen.resize(columns);
      resized?.();
      expect(screen.shown()).toEqual(["x".repeat(Math.min(40, columns)), "y".repeat(Math.min(25, columns))]);
    }
    block.stop();
    expect(screen.shown()).toEqual([]);
    expect(resized).toBe(null);
  });
});
