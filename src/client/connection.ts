/**
 * One connection of a program to the QManager of a state folder: requests out, answers in, matched by number.
 *
 * It never reconnects by itself. When the manager goes away every exchange fails with `unreachable`, and the owner of the
 * connection decides whether to open the next one: only it knows what may be asked twice.
 */
import { existsSync } from "node:fs";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { Dealer } from "zeromq";
import { type ClientReply, type ClientRequest, clientReplySchema } from "../../protocol/clientLink.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import { QrewError } from "../../protocol/errors.ts";
import { FRAME_BYTES_MAX } from "../../protocol/limits.ts";
import { PROTOCOL_VERSION, QREW_VERSION } from "../../protocol/version.ts";
import { framesOf } from "../link/batch.ts";
import { LostManager, otherVersion, silentManager, unexpectedReply } from "./managerErrors.ts";
import { whenLate } from "./patience.ts";
import { TransientMap } from "../transientMap.ts";

/** A manager answers in milliseconds; this long means that it hangs or its machine is swamped. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** Frames handled before timers get their turn: a stream of progress must not hold up a deadline. */
const FRAMES_PER_TURN = 64;

/** Nobody listens, or nobody any more. */
const LOSSES: ReadonlySet<string> = new Set(["disconnect", "close", "connect:retry"]);

/** Clients hold nothing that could have another holder. */
const CLIENT_EPOCH = 0;

/** Frames that came before the loss of the connection are in this process already: a few turns are enough for them. */
const LAST_FRAMES_MS = 10;

/**
 * Never: the socket is closed long before. Told not to reconnect at all, libzmq throws away what has arrived and was not
 * received yet when the peer leaves.
 */
const RECONNECT_MS = 3_600_000;

type WithoutNumber<Request> = Request extends ClientRequest ? Omit<Request, "request"> : never;
/** A request before it has its number. */
export type RequestBody = WithoutNumber<ClientRequest>;

export interface ExchangeListener {
  /** An answer to the request; `refused` comes as `failed`. */
  answered(reply: ClientReply): void;
  /** The last call: refused, timed out, or the connection is gone. */
  failed(error: QrewError): void;
}

/** A request whose answers are still wanted. */
export interface Exchange {
  /** No more answers are heard; the manager is not told. */
  end(): void;
}

export interface Connection {
  /** Pid of the manager. */
  readonly managerPid: number;
  readonly isOpen: boolean;
  /** Sends a request that may have many answers; there is no deadline until the owner ends it. */
  open(body: RequestBody, listener: ExchangeListener): Exchange;
  /** Sends a request and resolves with its first answer. Rejects as QrewError when refused, lost or late. */
  request(body: RequestBody, timeoutMs?: number): Promise<ClientReply>;
  /** Ends every exchange with `unreachable`; may be called again. */
  close(): void;
}

export type ConnectOutcome =
  | { readonly type: "connected"; readonly connection: Connection }
  /** Nobody listens there. Other failures throw. */
  | { readonly type: "absent" };

/**
 * Connects to the manager that listens on the socket `socketPath` and exchanges greetings.
 * Throws `otherVersion` when it is a qrew of another version, `unreachable` when it accepts but does not answer in time.
 */
export async function openConnection(
  socketPath: string,
  timeoutMs: number = REQUEST_TIMEOUT_MS,
): Promise<ConnectOutcome> {
  if (!existsSync(socketPath)) return { type: "absent" };
  const connection = new DealerConnection(socketPath);
  try {
    const welcome = await connection.request({ type: "hello", packageVersion: QREW_VERSION }, timeoutMs);
    if (welcome.type !== "welcome") throw unexpectedReply("hello", welcome);
    if (welcome.packageVersion !== QREW_VERSION) throw otherVersion(`qrew ${welcome.packageVersion}`);
    connection.managerPid = welcome.pid;
    return { type: "connected", connection };
  } catch (error) {
    connection.close();
    if (!connection.wasConnected) return { type: "absent" };
    throw error;
  }
}

class DealerConnection implements Connection {
  managerPid = 0;
  /** Whether a listener accepted; without it there is no manager, not a silent one. */
  wasConnected = false;
  readonly #socket = new Dealer({
    linger: 0,
    maxMessageSize: FRAME_BYTES_MAX,
    reconnectInterval: RECONNECT_MS,
  });
  readonly #exchanges = new TransientMap<number, ExchangeListener>();
  /** Of this turn of the event loop: they go in one frame. */
  readonly #asked: ClientRequest[] = [];
  readonly #unsent: Buffer[] = [];
  #writing = false;
  #lastRequest = 0;
  #frames = 0;
  #fault: QrewError | null = null;

  constructor(socketPath: string) {
    void this.#watch();
    this.#socket.connect(`ipc://${socketPath}`);
    void this.#receive();
  }

  get isOpen(): boolean {
    return this.#fault === null;
  }

  open(body: RequestBody, listener: ExchangeListener): Exchange {
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    this.#exchanges.set(request, listener);
    if (this.#fault !== null) {
      // Told in a later turn, as all answers are: the caller does not hold the exchange yet.
      queueMicrotask(() => this.#fail(request, this.#fault ?? new LostManager(null)));
      return { end: () => void this.#exchanges.delete(request) };
    }
    // After all microtasks, of which one wave may ask for hundreds of things.
    if (this.#asked.length === 0) process.nextTick(() => this.#send());
    this.#asked.push({ ...body, request });
    return { end: () => void this.#exchanges.delete(request) };
  }

  request(body: RequestBody, timeoutMs: number = REQUEST_TIMEOUT_MS): Promise<ClientReply> {
    return new Promise((resolve, reject) => {
      const forget = whenLate(timeoutMs, () => {
        exchange.end();
        reject(silentManager(timeoutMs));
      });
      const exchange = this.open(body, {
        answered: (reply) => {
          forget();
          exchange.end();
          resolve(reply);
        },
        failed: (error) => {
          forget();
          reject(error);
        },
      });
    });
  }

  close(): void {
    this.#end(new QrewError("unreachable", "The connection to the manager was closed."));
  }

  #send(): void {
    if (this.#fault !== null) return;
    const asked = this.#asked.splice(0);
    try {
      this.#unsent.push(...framesOf(CLIENT_EPOCH, asked));
    } catch {
      // One of them cannot be written; the others are not to fail with it.
      for (const request of asked) this.#sendAlone(request);
    }
    void this.#write();
  }

  #sendAlone(request: ClientRequest): void {
    try {
      this.#unsent.push(...framesOf(CLIENT_EPOCH, [request]));
    } catch (error) {
      this.#fail(request.request, QrewError.from(error));
    }
  }

  /** zeromq.js allows one send in flight per socket: this loop is the only sender. */
  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      for (let frame = this.#unsent.shift(); frame !== undefined; frame = this.#unsent.shift()) {
        await this.#socket.send(frame);
      }
    } catch (error) {
      this.#end(new LostManager(error));
    } finally {
      this.#writing = false;
    }
  }

  async #receive(): Promise<void> {
    try {
      while (this.isOpen) {
        const parts = await this.#socket.receive();
        this.#frames += 1;
        // The event that says so may be read after an answer.
        this.wasConnected = true;
        for (const part of parts) this.#read(part);
        if (this.#frames % FRAMES_PER_TURN === 0) await nextTurn();
      }
    } catch (error) {
      this.#end(new LostManager(error));
    }
  }

  /** The socket itself stays silent when its peer is gone: only its events tell. */
  async #watch(): Promise<void> {
    try {
      for await (const event of this.#socket.events) {
        if (event.type === "connect") this.wasConnected = true;
        const isLost = LOSSES.has(event.type) || event.type.startsWith("handshake:");
        if (isLost) {
          await this.#readRest();
          this.#end(new LostManager(null));
        }
        if (event.type === "end") return;
      }
    } catch (error) {
      this.#end(new LostManager(error));
    }
  }

  /** The loss is told on another way than the frames before it, and may overtake them. */
  async #readRest(): Promise<void> {
    let before = -1;
    while (this.isOpen && this.#frames !== before) {
      before = this.#frames;
      await delay(LAST_FRAMES_MS);
    }
  }

  #read(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, clientReplySchema);
    if (!frame.ok) {
      const isOther = frame.fault === "otherVersion";
      this.#end(
        isOther
          ? otherVersion(`a qrew that speaks protocol ${frame.version}, not ${PROTOCOL_VERSION}`)
          : new QrewError("internal", `The manager sent a frame that cannot be read (${frame.detail}).`),
      );
      return;
    }
    for (const reply of frame.messages) this.#deliver(reply);
  }

  #deliver(reply: ClientReply): void {
    if (reply.type !== "refused") {
      this.#exchanges.get(reply.request)?.answered(reply);
      return;
    }
    const error = new QrewError(reply.code, reply.message);
    if (reply.request === 0) {
      this.#end(error);
      return;
    }
    this.#fail(reply.request, error);
  }

  #fail(request: number, error: QrewError): void {
    const listener = this.#exchanges.get(request);
    this.#exchanges.delete(request);
    listener?.failed(error);
  }

  #end(fault: QrewError): void {
    if (this.#fault !== null) return;
    this.#fault = fault;
    this.#asked.length = 0;
    this.#unsent.length = 0;
    const listeners = [...this.#exchanges.values()];
    this.#exchanges.clear();
    this.#socket.close();
    for (const listener of listeners) listener.failed(fault);
  }
}
