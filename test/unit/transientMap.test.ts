import { describe, expect, it } from "vitest";
import { TransientMap } from "../../src/transientMap.ts";

describe("a transient map", () => {
  it("is as a Map: keys in the order in which they came, each with its latest value", () => {
    const map = new TransientMap<string, object>();
    const [one, two, other] = [{}, {}, {}];
    map.set("b", one).set("a", two).set("b", other);
    expect(map.size).toBe(2);
    expect(map.get("b")).toBe(other);
    expect(map.get("c")).toBeUndefined();
    expect([...map]).toEqual([
      ["b", other],
      ["a", two],
    ]);
    expect(map.delete("b")).toBe(true);
    expect(map.delete("b")).toBe(false);
    expect(map.has("b")).toBe(false);
    expect([...map.keys()]).toEqual(["a"]);
    expect([...map.values()]).toEqual([two]);
    map.clear();
    expect(map.size).toBe(0);
    expect([...map]).toEqual([]);
  });

  it("lets entries go and come while one iterates", () => {
    const map = new TransientMap<number, { readonly number: number }>();
    for (let number = 0; number < 100; number += 1) map.set(number, { number });
    const seen: number[] = [];
    for (const [key, { number }] of map) {
      seen.push(number);
      map.delete(key);
      map.delete(key + 1);
      if (key === 98) map.set(200, { number: 200 });
    }
    expect(seen).toEqual([...Array.from({ length: 50 }, (_, index) => index * 2), 200]);
    expect(map.size).toBe(0);
  });
});
