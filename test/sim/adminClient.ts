/** `qrew daemon stop`: asks once, and is content with whatever follows. */
import { MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import { SimProcess } from "./machine.ts";
import { SimDealer } from "./network.ts";
import type { World } from "./world.ts";

/** Whoever finds no daemon by then has nothing to stop. */
const PATIENCE_MS = 1000;

export function askToStop(world: World, now: boolean): void {
  const process = new SimProcess(world.timeline, 0, "admin");
  const dealer: SimDealer = new SimDealer(world.network, process, MANAGER_SOCKET_NAME, "client-admin", {
    onFrame: () => undefined,
    onConnected: () => dealer.send(0, [{ type: "stopDaemon", request: 1, mode: now ? "now" : "drain" }]),
    onDisconnected: () => process.end(),
  });
  process.after(PATIENCE_MS, () => {
    if (world.network.at(MANAGER_SOCKET_NAME) === null) process.end();
  });
}
