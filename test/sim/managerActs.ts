/** What manager/claims.ts and manager/pruning.ts do, on the simulated disk. */
import type { ClientReply } from "../../protocol/clientLink.ts";
import { QrewError } from "../../protocol/errors.ts";
import { type JobSeq, seatNumber, seatStoreName } from "../../protocol/ids.ts";
import type { ManagerEffect, ManagerEvent } from "../../manager/core/events.ts";
import { markAllDeleted } from "../../manager/pruning.ts";
import { claimSeats } from "../../src/store/claims.ts";
import { finishDeletion } from "../../src/store/deletions.ts";
import type { Store } from "../../src/store/port.ts";
import type { SimProcess } from "./machine.ts";
import type { World } from "./world.ts";

export function askSeats({ disk, mutation }: World, store: Store, bootId: string): void {
  if (mutation === "storesBelieved") return;
  const numbers = disk.stores().flatMap(({ name }) => /^worker-(\d+)$/.exec(name)?.[1] ?? []);
  const seats = numbers.map((number) => seatNumber(Number(number)));
  claimSeats(store, seats, bootId, (seat) => disk.open(seatStoreName(seat)));
}

const CLEAR_RETRY_MS = 5000;

/** As `#clearAway` of manager/qmanager.ts: on a full disk again and again. */
export function clearAway(store: Store, job: JobSeq, inMs: number, manager: SimProcess): void {
  manager.after(inMs, () => {
    try {
      store.write((writer) => finishDeletion(writer, job));
    } catch (error) {
      if (QrewError.from(error).code !== "storeFull") throw error;
      clearAway(store, job, CLEAR_RETRY_MS, manager);
    }
  });
}

/** As `#markDeleted` of manager/qmanager.ts: on a full disk a refusal. */
export function markJobsDeleted(
  store: Store,
  { asked, jobs, folders }: Extract<ManagerEffect, { type: "markDeleted" }>,
): Extract<ManagerEvent, { type: "jobsMarked" }> | Extract<ClientReply, { type: "refused" }> {
  try {
    return { type: "jobsMarked", asked, deletions: markAllDeleted(store, jobs, folders) };
  } catch (error) {
    const { code, message } = QrewError.from(error);
    if (code !== "storeFull") throw error;
    return { type: "refused", request: asked?.request ?? 0, code, message };
  }
}
