/** A manager that only says what a test tells it to: a ROUTER on the socket of a run folder of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Router } from "zeromq";
import { type ClientReply, type ClientRequest, clientRequestSchema } from "../../../protocol/clientLink.ts";
import { decodeFrame, encodeFrame } from "../../../protocol/codec.ts";
import { MANAGER_SOCKET_NAME } from "../../../protocol/ids.ts";
import { QREW_VERSION } from "../../../protocol/version.ts";
import type { Home } from "../../../src/node/home.ts";

/** Removes a folder for a test's state together with all that was made in it. */
export interface TestHome extends Home {
  remove(): void;
}

export function makeHome(): TestHome {
  const folder = mkdtempSync(path.join(os.tmpdir(), "qrew-client-"));
  return {
    folder,
    runFolder: folder,
    notice: null,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Sends to the client that asked; bytes are sent as they are. */
export type Say = (...messages: readonly (ClientReply | Uint8Array)[]) => void;
export type Answer = (request: ClientRequest, say: Say) => void;

export interface FakeManager {
  /** Everything that was asked, greetings included. */
  readonly asked: readonly ClientRequest[];
  /** Frames in which it was. */
  frames: number;
  /** The version that it greets with. */
  version: string;
  close(): Promise<void>;
}

/** What was said is still delivered when the manager closes at once. */
const LINGER_MS = 1000;

/** Greets by itself; `answer` is called for everything else. */
export async function openFakeManager(home: Home, answer: Answer): Promise<FakeManager> {
  const router = new Router({ linger: LINGER_MS, mandatory: true, handover: true });
  await router.bind(`ipc://${path.join(home.runFolder, MANAGER_SOCKET_NAME)}`);
  const asked: ClientRequest[] = [];
  const unsent: [Buffer, Uint8Array][] = [];
  let sending: Promise<void> = Promise.resolve();
  const flush = (): Promise<void> => (sending = sending.then(sendAll));
  const sendAll = async (): Promise<void> => {
    try {
      for (let next = unsent.shift(); next !== undefined; next = unsent.shift()) await router.send(next);
    } catch {
      // A client that is gone, and a manager that is closed, are what some tests are about.
    }
  };
  const fake = { asked, frames: 0, version: QREW_VERSION, close: () => close(router, serving, flush) };
  const framed = (): void => void (fake.frames += 1);
  const serving = serve(router, framed, (client, request) => {
    asked.push(request);
    const say: Say = (...messages) => {
      for (const message of messages) {
        unsent.push([client, message instanceof Uint8Array ? message : encodeFrame(0, [message])]);
      }
      void flush();
    };
    if (request.type !== "hello") answer(request, say);
    else say({ type: "welcome", request: request.request, packageVersion: fake.version, pid: process.pid });
  });
  return fake;
}

async function serve(
  router: Router,
  framed: () => void,
  heard: (client: Buffer, request: ClientRequest) => void,
): Promise<void> {
  for await (const [client, bytes] of router) {
    if (client === undefined || bytes === undefined) continue;
    const frame = decodeFrame(bytes, clientRequestSchema);
    if (!frame.ok) throw new Error(`the client sent what is no request: ${frame.detail}`);
    framed();
    for (const request of frame.messages) heard(client, request);
  }
}

async function close(router: Router, serving: Promise<void>, flush: () => Promise<void>): Promise<void> {
  await flush();
  router.close();
  await serving;
}
