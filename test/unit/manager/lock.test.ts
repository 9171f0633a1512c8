import { expect, it } from "vitest";
import { markLeaving, takeLock } from "../../../manager/lock.ts";
import { QrewError } from "../../../protocol/errors.ts";
import { readHolder } from "../../../src/store/managerStore.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import type { Store } from "../../../src/store/port.ts";

it("says in the store that it leaves; where the disk is full it leaves without a word, and any other fault is told", async () => {
  const store = openMemoryStore();
  const holder = await takeLock(store, "1.2.3");
  const failing = (code: "storeFull" | "storeDamaged"): Store => ({
    ...store,
    write: () => {
      throw new QrewError(code, "no");
    },
  });
  markLeaving(failing("storeFull"), holder);
  expect(() => markLeaving(failing("storeDamaged"), holder)).toThrow("no");
  expect(store.read(readHolder)).toEqual(holder);
  markLeaving(store, holder);
  expect(store.read(readHolder)).toEqual({ ...holder, leaving: true });
});
