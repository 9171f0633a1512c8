/**
 * A connected DEALER socket: the side of an actor that calls another. It reconnects by itself; whoever uses it greets anew at
 * each connection, since what was under way when the last one ended may be lost.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Dealer } from "zeromq";
import { ACTOR_FORM } from "../../protocol/actorForm.ts";
import { FRAME_BYTES_MAX } from "../../protocol/limits.ts";
import { framesOf } from "./batch.ts";
import { Held } from "./held.ts";

/** Frames handled before timers get their turn. */
const FRAMES_PER_TURN = 256;
const RECONNECT_MS = 20;
const RECONNECT_MAX_MS = 500;
/** There is one. */
const THE_PEER = "";

export interface DealerHandlers {
  readonly onFrame: (bytes: Uint8Array) => void;
  /** Connected, for the first time or again. */
  readonly onConnected: () => void;
  readonly onDisconnected: () => void;
  readonly onFault: (error: unknown) => void;
}

export interface DealerOptions {
  readonly socketPath: string;
  /** What the other side knows this one by. */
  readonly routingId: string;
}

export class DealerLink {
  readonly #socket: Dealer;
  readonly #handlers: DealerHandlers;
  readonly #held = new Held((_peer, epoch, messages) => this.send(epoch, messages));
  #waiting: Buffer[] = [];
  #writing = false;
  #closed = false;

  constructor(options: DealerOptions, handlers: DealerHandlers) {
    this.#handlers = handlers;
    this.#socket = new Dealer({
      routingId: options.routingId,
      linger: 1000,
      maxMessageSize: FRAME_BYTES_MAX,
      reconnectInterval: RECONNECT_MS,
      reconnectMaxInterval: RECONNECT_MAX_MS,
      // The peer bounds what it sends by what is acknowledged; a full pipe must block here, not drop.
      sendHighWaterMark: 0,
      receiveHighWaterMark: 0,
    });
    void this.#watch();
    this.#socket.connect(`ipc://${options.socketPath}`);
    void this.#receive();
  }

  send(epoch: number, messages: readonly object[]): void {
    if (this.#closed) return;
    for (const frame of framesOf(epoch, this.#held.join(THE_PEER, messages), ACTOR_FORM))
      this.#waiting.push(frame);
    void this.#write();
  }

  /** Sends what nobody waits for: with the next message, or in a moment. */
  sendLater(epoch: number, messages: readonly object[]): void {
    if (!this.#closed) this.#held.hold(THE_PEER, epoch, messages);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held.clear();
    this.#socket.close();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#waiting.length > 0 && !this.#closed) {
        const frames = this.#waiting;
        this.#waiting = [];
        for (const frame of frames) await this.#socket.send(frame);
      }
    } catch (error) {
      if (!this.#closed) this.#handlers.onFault(error);
    } finally {
      this.#writing = false;
    }
  }

  async #receive(): Promise<void> {
    try {
      for (let count = 1; !this.#closed; count++) {
        const parts = await this.#socket.receive();
        for (const part of parts) this.#handlers.onFrame(part);
        if (count % FRAMES_PER_TURN === 0) await nextTurn();
      }
    } catch (error) {
      if (!this.#closed) this.#handlers.onFault(error);
    }
  }

  async #watch(): Promise<void> {
    try {
      for await (const event of this.#socket.events) {
        if (event.type === "connect") this.#handlers.onConnected();
        else if (event.type === "disconnect") this.#handlers.onDisconnected();
        else if (event.type === "end") return;
      }
    } catch (error) {
      if (!this.#closed) this.#handlers.onFault(error);
    }
  }
}
