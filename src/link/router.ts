/**
 * A bound ROUTER socket: the side of an actor to which others connect.
 *
 * zeromq.js allows one send in flight per socket, so one writer loop serves all peers in turn; a peer whose pipe is full is
 * skipped for a moment and does not hold up the others. What waits for a peer is bounded: beyond it the peer is given up.
 */
import { chmodSync, existsSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { Router } from "zeromq";
import { MAPS, type ObjectForm } from "../../protocol/codec.ts";
import { FRAME_BYTES_MAX } from "../../protocol/limits.ts";
import { framesOf } from "./batch.ts";
import { Held } from "./held.ts";

/** Frames waiting for one peer. It is told absolute state and asks again after a reconnection. */
const WAITING_FRAMES_MAX = 20_000;
/** Frames that libzmq keeps per peer beyond those. */
const HIGH_WATER_FRAMES = 1000;
/** What zeromq.js says of a socket that is being bound: try again. */
const LISTENS_ANEW = "EBUSY";
/** Before a full pipe is tried again. */
const RETRY_MS = 5;
/** A receive loop that never yields starves timers. */
const FRAMES_PER_TURN = 256;
/** How often is looked whether the socket is still where it was. */
const LOOK_MS = 1000;

export interface RouterHandlers {
  readonly onFrame: (peer: string, bytes: Uint8Array) => void;
  /** What was sent to the peer cannot be delivered: it is gone, or does not read. */
  readonly onPeerGone: (peer: string) => void;
  readonly onFault: (error: unknown) => void;
}

export interface RouterOptions {
  /** Bytes waiting for one peer, beyond which it is given up. Default: only frames are counted, since the actors bound what they send. */
  readonly waitingBytesMax?: number;
  /** Where all peers are actors of the same daemon, theirs. Default: maps. */
  readonly form?: ObjectForm;
}

interface Waiting {
  readonly frames: Buffer[];
  bytes: number;
}

export class RouterLink {
  readonly #socket = new Router({
    mandatory: true,
    handover: true,
    sendTimeout: 0,
    linger: 1000,
    maxMessageSize: FRAME_BYTES_MAX,
    sendHighWaterMark: HIGH_WATER_FRAMES,
    receiveHighWaterMark: HIGH_WATER_FRAMES,
  });
  readonly #path: string;
  readonly #handlers: RouterHandlers;
  readonly #waitingBytesMax: number;
  readonly #form: ObjectForm;
  readonly #waiting = new Map<string, Waiting>();
  readonly #held = new Held((peer, epoch, messages) => this.send(peer, epoch, messages));
  #writing = false;
  #closed = false;
  #isListening = false;
  /** Null before the first bind, and once nobody is to find the socket any more. */
  #watch: NodeJS.Timeout | null = null;

  constructor(socketPath: string, handlers: RouterHandlers, options: RouterOptions = {}) {
    this.#path = socketPath;
    this.#handlers = handlers;
    this.#waitingBytesMax = options.waitingBytesMax ?? Number.POSITIVE_INFINITY;
    this.#form = options.form ?? MAPS;
  }

  /** Whoever calls this holds the lock of the folder or the seat: a second bind steals the socket silently. */
  async bind(): Promise<void> {
    await this.#listen();
    void this.#receive();
    this.#watch = setInterval(() => void this.#look(), LOOK_MS).unref();
  }

  async #listen(): Promise<void> {
    rmSync(this.#path, { force: true });
    await this.#socket.bind(`ipc://${this.#path}`);
    chmodSync(this.#path, 0o600);
  }

  /** What clears old files away (in /tmp, or of a session that has ended) takes the socket too: then nobody would find the actor. */
  async #look(): Promise<void> {
    if (existsSync(this.#path) || this.#isListening) return;
    this.#isListening = true;
    try {
      mkdirSync(path.dirname(this.#path), { recursive: true, mode: 0o700 });
      // Not unbound before, which would end the connections that there are.
      if (this.#watch !== null) await this.#listen();
    } catch {
      // It is tried again.
    } finally {
      this.#isListening = false;
    }
  }

  send(peer: string, epoch: number, messages: readonly object[]): void {
    if (this.#closed) return;
    let waiting = this.#waiting.get(peer);
    if (waiting === undefined) {
      waiting = { frames: [], bytes: 0 };
      this.#waiting.set(peer, waiting);
    }
    for (const frame of framesOf(epoch, this.#held.join(peer, messages), this.#form)) {
      waiting.frames.push(frame);
      waiting.bytes += frame.length;
    }
    const isTooMuch = waiting.frames.length > WAITING_FRAMES_MAX || waiting.bytes > this.#waitingBytesMax;
    if (isTooMuch) this.#giveUp(peer);
    void this.#write();
  }

  /** Sends what nobody waits for: with the next message to this peer, or in a moment. */
  sendLater(peer: string, epoch: number, messages: readonly object[]): void {
    if (!this.#closed) this.#held.hold(peer, epoch, messages);
  }

  /** Resolves when everything that was sent is with libzmq, or at the deadline. */
  async flush(timeoutMs: number): Promise<void> {
    this.#held.releaseAll();
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#waiting.size > 0 && performance.now() < deadlineMs) await delay(1);
  }

  /** Nobody finds the socket any more; those who are connected stay. */
  hide(): void {
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#watch = null;
    rmSync(this.#path, { force: true });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held.clear();
    this.#waiting.clear();
    this.hide();
    this.#socket.close();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    while (this.#waiting.size > 0 && !this.#closed) {
      let progress = false;
      for (const [peer, waiting] of this.#waiting) {
        if (await this.#writeTo(peer, waiting)) progress = true;
      }
      if (!progress && this.#waiting.size > 0) await delay(RETRY_MS);
    }
    this.#writing = false;
  }

  /** Sends until the peer's pipe is full; true if anything went out. */
  async #writeTo(peer: string, waiting: Waiting): Promise<boolean> {
    const { frames } = waiting;
    const address = Buffer.from(peer, "latin1");
    let sent = 0;
    try {
      for (; sent < frames.length; sent++) {
        const frame = frames[sent];
        if (frame !== undefined) await this.#socket.send([address, frame]);
      }
    } catch (error) {
      if (this.#closed) return true;
      if (codeOf(error) !== "EAGAIN" && codeOf(error) !== LISTENS_ANEW) {
        this.#giveUp(peer);
        return true;
      }
    }
    for (let index = 0; index < sent; index++) waiting.bytes -= frames[index]?.length ?? 0;
    if (sent === frames.length) frames.length = 0;
    else frames.splice(0, sent);
    if (frames.length === 0 && this.#waiting.get(peer) === waiting) this.#waiting.delete(peer);
    return sent > 0;
  }

  #giveUp(peer: string): void {
    this.#waiting.delete(peer);
    this.#handlers.onPeerGone(peer);
  }

  async #next(): Promise<readonly Buffer[]> {
    for (;;) {
      try {
        return await this.#socket.receive();
      } catch (error) {
        if (codeOf(error) !== LISTENS_ANEW) throw error;
        await delay(RETRY_MS);
      }
    }
  }

  async #receive(): Promise<void> {
    try {
      for (let count = 1; !this.#closed; count++) {
        const [address, ...parts] = await this.#next();
        if (address === undefined) continue;
        const peer = address.toString("latin1");
        for (const part of parts) this.#handlers.onFrame(peer, part);
        if (count % FRAMES_PER_TURN === 0) await nextTurn();
      }
    } catch (error) {
      if (!this.#closed) this.#handlers.onFault(error);
    }
  }
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
