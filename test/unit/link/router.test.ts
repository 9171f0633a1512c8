/** A bound socket and peers that do not do their part. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Dealer } from "zeromq";
import { encodeFrame } from "../../../protocol/codec.ts";
import { RouterLink } from "../../../src/link/router.ts";
import { until } from "../../support/until.ts";

const WAITING_BYTES_MAX = 4 * 1024 * 1024;
const FRAME_BYTES = 256 * 1024;

let folder: string;
let router: RouterLink;
let heard: Set<string>;
let gone: string[];
let dealers: Dealer[];

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), "qrew-link-"));
  heard = new Set();
  gone = [];
  dealers = [];
  router = new RouterLink(
    path.join(folder, "s"),
    {
      onFrame: (peer) => heard.add(peer),
      onPeerGone: (peer) => gone.push(peer),
      onFault: (error) => {
        throw error;
      },
    },
    { waitingBytesMax: WAITING_BYTES_MAX },
  );
  await router.bind();
});
afterEach(() => {
  router.close();
  for (const dealer of dealers) dealer.close();
  rmSync(folder, { recursive: true, force: true });
});

async function connect(routingId: string): Promise<Dealer> {
  const dealer = new Dealer({ routingId, receiveHighWaterMark: 1, linger: 0 });
  dealers.push(dealer);
  dealer.connect(`ipc://${path.join(folder, "s")}`);
  await dealer.send(encodeFrame(0, [{ type: "hello" }]));
  await until(`${routingId} is there`, () => heard.has(routingId));
  return dealer;
}

it("gives up a peer that never reads when too much waits for it, and goes on with the others", async () => {
  await connect("mute");
  const reader = await connect("reader");
  const large = { type: "large", bytes: new Uint8Array(FRAME_BYTES) };
  let sent = 0;
  for (; gone.length === 0 && sent < 10_000; sent += 1) {
    router.send("mute", 0, [large]);
    router.send("reader", 0, [large]);
    expect((await reader.receive()).length).toBe(1);
  }
  expect(gone).toEqual(["mute"]);
  // What libzmq and the kernel keep of it comes on top.
  expect(sent * FRAME_BYTES).toBeGreaterThan(WAITING_BYTES_MAX);
  expect(sent).toBeLessThan(1500);
  router.send("reader", 0, [{ type: "still" }]);
  expect((await reader.receive())[0]?.toString("latin1")).toContain("still");
});

it("is found again when somebody has removed its socket; who is connected notices nothing", async () => {
  const early = await connect("early");
  rmSync(path.join(folder, "s"));
  // Meanwhile it speaks and listens, so that this falls together with the new bind.
  await until("its socket is back", async () => {
    router.send("early", 0, [{ type: "hello" }]);
    await early.receive();
    return existsSync(path.join(folder, "s"));
  });
  await connect("late");
  heard.clear();
  await early.send(encodeFrame(0, [{ type: "hello" }]));
  await until("the earlier one is heard", () => heard.has("early"));
  expect(gone).toEqual([]);
});
