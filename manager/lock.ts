/**
 * One manager per state folder. The lock is a record in the manager's store: the store's write lock lets one process at a time
 * look at it and change it, and the pid with its start time tells a living holder from a dead one.
 */
import { setTimeout as delay } from "node:timers/promises";
import { QrewError } from "../protocol/errors.ts";
import { isLiving, ownName } from "../src/node/process.ts";
import type { HolderRecord } from "../src/store/managerRecords.ts";
import { putHolder, readHolder } from "../src/store/managerStore.ts";
import { openLmdbStore } from "../src/store/lmdb.ts";
import type { Store } from "../src/store/port.ts";

/** For a holder that is about to go. */
const LEAVING_MS = 15_000;
const LOOK_MS = 20;

/**
 * Whoever opens the store as its writer begins with a checkpoint, beside a manager that serves too: so it is looked at first. Throws
 * `refused` while another one serves. A store that cannot be read is the writer's matter.
 */
export async function refuseServed(folder: string): Promise<void> {
  if ((await holderOf(folder))?.leaving === false) throw heldByAnother();
}

/** Null where none lives. */
async function holderOf(folder: string): Promise<HolderRecord | null> {
  try {
    const store = openLmdbStore(folder, { readOnly: true });
    try {
      const holder = store.read(readHolder);
      return holder !== null && isHolding(holder) ? holder : null;
    } finally {
      await store.close();
    }
  } catch {
    return null;
  }
}

const heldByAnother = (): QrewError =>
  new QrewError(
    "refused",
    "Another manager holds this state folder: use it, or stop it with `qrew daemon stop`.",
  );

/** Takes the lock. Throws `refused` while another manager serves; waits for one that is leaving. */
export async function takeLock(store: Store, packageVersion: string): Promise<HolderRecord> {
  const deadlineMs = performance.now() + LEAVING_MS;
  for (;;) {
    const outcome = store.write((writer): HolderRecord | "leaving" | "held" => {
      const before = readHolder(writer);
      if (before !== null && isHolding(before)) return before.leaving ? "leaving" : "held";
      const record: HolderRecord = {
        ...ownName(),
        epoch: (before?.epoch ?? 0) + 1,
        packageVersion,
        startedAtMs: Date.now(),
        leaving: false,
      };
      putHolder(writer, record);
      return record;
    });
    if (typeof outcome === "object") return outcome;
    if (outcome === "held" || performance.now() > deadlineMs) throw heldByAnother();
    await delay(LOOK_MS);
  }
}

const isHolding = (holder: HolderRecord): boolean => holder.pid !== process.pid && isLiving(holder);

/**
 * Says that this manager serves nobody any more: a successor waits instead of giving up. On a full disk it cannot be said, and who comes
 * meanwhile is refused; the manager goes all the same.
 */
export function markLeaving(store: Store, holder: HolderRecord): void {
  try {
    store.write((writer) => {
      if (readHolder(writer)?.epoch === holder.epoch) putHolder(writer, { ...holder, leaving: true });
    });
  } catch (error) {
    if (QrewError.from(error).code !== "storeFull") throw error;
  }
}
