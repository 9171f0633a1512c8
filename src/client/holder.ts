/** Which manager holds a state folder, from what it has left in its store. */
import type { Home } from "../node/home.ts";
import { isLiving } from "../node/process.ts";
import type { HolderRecord } from "../store/managerRecords.ts";
import { readHolder } from "../store/managerStore.ts";
import { Stores } from "./stores.ts";

/** The manager that holds the folder now, or null. A record of a dead one counts as none. */
export async function livingHolder(home: Home): Promise<HolderRecord | null> {
  const holder = await latestHolder(home);
  return holder !== null && isHolderAlive(holder) ? holder : null;
}

/** The manager that held the folder last, dead or alive; null before the first. */
export async function latestHolder(home: Home): Promise<HolderRecord | null> {
  const stores = new Stores(home.folder);
  try {
    return stores.manager()?.read(readHolder) ?? null;
  } finally {
    await stores.close();
  }
}

export const isHolderAlive = (holder: HolderRecord): boolean => isLiving(holder);
