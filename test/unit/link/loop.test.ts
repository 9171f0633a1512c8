import { describe, expect, it } from "vitest";
import { ActorLoop, type LoopHandlers, monotonicMs } from "../../../src/link/loop.ts";

/** A loop whose batches are awaited one by one. */
class Batches {
  readonly loop: ActorLoop<string>;
  readonly seen: (readonly string[])[] = [];
  readonly faults: unknown[] = [];
  wakeMs: number | null = null;
  onBatch: LoopHandlers<string>["onBatch"] = () => undefined;
  readonly #waiting: (() => void)[] = [];

  constructor() {
    this.loop = new ActorLoop<string>({
      onBatch: (events) => {
        this.seen.push(events);
        for (const resolve of this.#waiting.splice(0)) resolve();
        return this.onBatch(events);
      },
      nextWakeMs: () => this.wakeMs,
      onFault: (error) => this.faults.push(error),
    });
  }

  /** The next batch has begun. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the loop of an actor", () => {
  it("hands over what came in one turn as one batch, in order", async () => {
    const batches = new Batches();
    for (const event of ["a", "b", "c"]) batches.loop.push(event);
    expect(batches.seen).toEqual([]);
    await batches.next();
    expect(batches.seen).toEqual([["a", "b", "c"]]);
    batches.loop.stop();
  });

  it("begins before anything else that the event loop has, if it had nothing to do", async () => {
    const batches = new Batches();
    const turned = turn().then(() => batches.seen.length);
    batches.loop.push("a");
    batches.loop.push("b");
    expect(await turned).toBe(1);
    expect(batches.seen).toEqual([["a", "b"]]);
    batches.loop.stop();
  });

  it("holds back what comes while a batch is dealt with, and hands it over next", async () => {
    const batches = new Batches();
    let finish: () => void = () => undefined;
    batches.onBatch = () => new Promise<void>((resolve) => (finish = resolve));
    batches.loop.push("a");
    await batches.next();
    batches.loop.push("b");
    await turn();
    batches.loop.push("c");
    await turn();
    expect(batches.seen).toEqual([["a"]]);
    const next = batches.next();
    finish();
    await next;
    expect(batches.seen).toEqual([["a"], ["b", "c"]]);
    batches.loop.stop();
  });

  it("takes events that a batch itself brings", async () => {
    const batches = new Batches();
    batches.onBatch = ([event]) => {
      if (event === "a") batches.loop.push("b");
    };
    batches.loop.push("a");
    await batches.next();
    expect(batches.seen).toEqual([["a"], ["b"]]);
    batches.loop.stop();
  });

  it("wakes without events when a batch has asked for it", async () => {
    const batches = new Batches();
    const dueMs = monotonicMs() + 20;
    batches.wakeMs = dueMs;
    batches.onBatch = () => {
      if (monotonicMs() >= dueMs) batches.wakeMs = null;
    };
    batches.loop.push("a");
    // A timer may be a fraction of a millisecond early: then it is set again.
    while (batches.wakeMs !== null) await batches.next();
    expect(batches.seen[0]).toEqual(["a"]);
    expect(batches.seen.slice(1).every((events) => events.length === 0)).toBe(true);
    expect(batches.seen.length).toBeLessThan(5);
    batches.loop.stop();
  });

  it("makes one batch of several wishes for one", async () => {
    const batches = new Batches();
    batches.loop.schedule();
    batches.loop.schedule();
    await batches.next();
    await turn();
    await turn();
    expect(batches.seen).toEqual([[]]);
    batches.loop.stop();
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("defect");
      },
    ],
    ["rejects", () => Promise.reject(new Error("defect"))],
  ])("stops and says so when a batch %s", async (_, fail) => {
    const batches = new Batches();
    batches.onBatch = fail;
    batches.wakeMs = 0;
    batches.loop.push("a");
    await batches.next();
    batches.loop.push("b");
    await turn();
    await turn();
    expect(batches.faults).toEqual([new Error("defect")]);
    expect(batches.seen).toEqual([["a"]]);
  });

  it("hands over nothing after it was stopped, not even by a timer", async () => {
    const batches = new Batches();
    batches.wakeMs = 0;
    batches.loop.push("a");
    batches.loop.stop();
    await turn();
    await turn();
    expect(batches.seen).toEqual([]);
    const other = new Batches();
    other.wakeMs = 0;
    other.onBatch = () => other.loop.stop();
    other.loop.push("a");
    await other.next();
    await turn();
    await turn();
    expect(other.seen).toEqual([["a"]]);
  });

  it("lets the rest of the process have its turn between batches", async () => {
    const batches = new Batches();
    let turns = 0;
    batches.onBatch = () => batches.loop.push("again");
    batches.loop.push("first");
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        turns += 1;
        if (turns < 3) return;
        clearInterval(timer);
        resolve();
      }, 1);
    });
    batches.loop.stop();
    expect(batches.seen.length).toBeGreaterThan(3);
  });
});
