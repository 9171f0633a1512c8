/**
 * Sockets on paths, as ZeroMQ's ROUTER and DEALER behave on ipc: in order on each connection; what is under way when a connection
 * ends is lost from some message on; a dealer connects again by itself, and sends then what it has not sent.
 *
 * A frame is real bytes: src/link/batch.ts cuts, protocol/codec.ts writes and checks.
 */
import { ACTOR_FORM } from "../../protocol/actorForm.ts";
import { MAPS, type ObjectForm } from "../../protocol/codec.ts";
import { MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import { framesOf } from "../../src/link/batch.ts";
import type { SimProcess } from "./machine.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

const RECONNECT_MS = 20;
const RECONNECT_MAX_MS = 500;

/** What the network needs of the world. */
export interface Ether {
  readonly timeline: Timeline;
  readonly faults: { slowsMessage(): boolean; doublesFrame(): boolean };
  random(name: string): Random;
}

interface Flight<Message> {
  readonly message: Message;
  arrived: boolean;
}

/** One direction of a connection: in order, with delays. */
export class Pipe<Message> {
  readonly #world: Ether;
  readonly #random: Random;
  readonly #receiver: SimProcess;
  readonly #deliver: (message: Message) => void;
  #underWay: Flight<Message>[] = [];
  #lastArrivalMs = 0;

  constructor(world: Ether, receiver: SimProcess, deliver: (message: Message) => void) {
    this.#world = world;
    this.#random = world.random("pipe");
    this.#receiver = receiver;
    this.#deliver = deliver;
  }

  send(message: Message): void {
    const { faults, timeline } = this.#world;
    const delayMs = this.#random.skewed(0.02, 1) + (faults.slowsMessage() ? this.#random.between(1, 400) : 0);
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, timeline.nowMs + delayMs);
    const flight = { message, arrived: false };
    this.#underWay.push(flight);
    timeline.at(this.#lastArrivalMs, () => this.#arrive(flight));
  }

  /** The connection ends: of what is under way some of the first messages still arrive. */
  cut(): void {
    const underWay = this.#underWay.filter(({ arrived }) => !arrived);
    const arriving = this.#random.between(0, underWay.length);
    for (const flight of underWay.slice(0, arriving)) this.#arrive(flight);
    for (const flight of underWay) flight.arrived = true;
    this.#underWay = [];
  }

  #arrive(flight: Flight<Message>): void {
    if (flight.arrived) return;
    flight.arrived = true;
    if (this.#underWay[0] === flight) this.#underWay.shift();
    this.#receiver.run(() => this.#deliver(flight.message));
  }
}

class Connection {
  readonly dealer: SimDealer;
  readonly router: SimRouter;
  readonly #up: Pipe<Uint8Array>;
  readonly #down: Pipe<Uint8Array>;
  readonly #world: Ether;
  #open = true;

  constructor(world: Ether, dealer: SimDealer, router: SimRouter) {
    this.dealer = dealer;
    this.router = router;
    this.#world = world;
    this.#up = new Pipe(world, router.process, (bytes) => router.receive(dealer.routingId, bytes));
    this.#down = new Pipe(world, dealer.process, (bytes) => dealer.receive(bytes));
  }

  sendUp(frame: Uint8Array): void {
    this.#send(this.#up, frame);
  }

  sendDown(frame: Uint8Array): void {
    this.#send(this.#down, frame);
  }

  /** Between manager and QWorker a frame may come twice: what they say is absolute, so that this changes nothing. */
  #send(pipe: Pipe<Uint8Array>, frame: Uint8Array): void {
    pipe.send(frame);
    if (this.dealer.isManager && this.#world.faults.doublesFrame()) pipe.send(frame);
  }

  /** Ended by a reset, or by the end of either side. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#up.cut();
    this.#down.cut();
    this.router.forget(this);
    this.dealer.disconnected(this);
  }
}

export class SimRouter {
  readonly process: SimProcess;
  readonly #onFrame: (peer: string, bytes: Uint8Array) => void;
  readonly #form: ObjectForm;
  readonly #connections = new Map<string, Connection>();

  constructor(
    process: SimProcess,
    onFrame: (peer: string, bytes: Uint8Array) => void,
    form: ObjectForm = MAPS,
  ) {
    this.process = process;
    this.#onFrame = onFrame;
    this.#form = form;
    process.onEnd(() => this.reset());
  }

  /** To nobody if the peer is not connected: it greets when it comes back. */
  send(peer: string, epoch: number, messages: readonly object[]): void {
    const connection = this.#connections.get(peer);
    if (connection === undefined) return;
    for (const frame of framesOf(epoch, messages, this.#form)) connection.sendDown(frame);
  }

  receive(peer: string, bytes: Uint8Array): void {
    this.#onFrame(peer, bytes);
  }

  accept(connection: Connection): void {
    const before = this.#connections.get(connection.dealer.routingId);
    before?.close();
    this.#connections.set(connection.dealer.routingId, connection);
  }

  forget(connection: Connection): void {
    const { routingId } = connection.dealer;
    if (this.#connections.get(routingId) === connection) this.#connections.delete(routingId);
  }

  reset(): void {
    for (const connection of [...this.#connections.values()]) connection.close();
  }
}

interface DealerHandlers {
  readonly onFrame: (bytes: Uint8Array) => void;
  readonly onConnected: () => void;
  readonly onDisconnected: () => void;
}

export class SimDealer {
  readonly process: SimProcess;
  readonly routingId: string;
  readonly isManager: boolean;
  readonly #network: Network;
  readonly #path: string;
  readonly #handlers: DealerHandlers;
  #connection: Connection | null = null;
  #unsent: Uint8Array[] = [];
  #closed = false;
  #retryMs = RECONNECT_MS;

  constructor(
    network: Network,
    process: SimProcess,
    path: string,
    routingId: string,
    handlers: DealerHandlers,
  ) {
    this.#network = network;
    this.process = process;
    this.#path = path;
    this.routingId = routingId;
    this.isManager = routingId === "manager";
    this.#handlers = handlers;
    process.onEnd(() => this.close());
    process.after(0.1, () => this.#connect());
  }

  send(epoch: number, messages: readonly object[]): void {
    if (this.#closed) return;
    const form = this.#path === MANAGER_SOCKET_NAME ? MAPS : ACTOR_FORM;
    for (const frame of framesOf(epoch, messages, form)) {
      if (this.#connection === null) this.#unsent.push(frame);
      else this.#connection.sendUp(frame);
    }
  }

  receive(bytes: Uint8Array): void {
    if (!this.#closed) this.#handlers.onFrame(bytes);
  }

  disconnected(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    if (this.#closed) return;
    this.process.run(() => this.#handlers.onDisconnected());
    this.process.after(this.#retryMs, () => this.#connect());
  }

  reset(): void {
    this.#connection?.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection?.close();
  }

  #connect(): void {
    if (this.#closed || this.#connection !== null) return;
    const router = this.#network.at(this.#path);
    if (router === null) {
      this.#retryMs = Math.min(this.#retryMs * 2, RECONNECT_MAX_MS);
      this.process.after(this.#retryMs, () => this.#connect());
      return;
    }
    this.#retryMs = RECONNECT_MS;
    this.#connection = this.#network.join(this, router);
    // What waits in the pipe goes out before the actor hears that it is connected.
    for (const frame of this.#unsent) this.#connection.sendUp(frame);
    this.#unsent = [];
    this.process.after(0.2, () => {
      if (!this.#closed) this.#handlers.onConnected();
    });
  }
}

export class Network {
  readonly #world: Ether;
  readonly #routers = new Map<string, SimRouter>();

  constructor(world: Ether) {
    this.#world = world;
  }

  /** A second bind takes the path away from the first, whose connections stay. */
  bind(path: string, router: SimRouter): void {
    this.#routers.set(path, router);
    router.process.onEnd(() => this.hide(path, router));
  }

  hide(path: string, router: SimRouter): void {
    if (this.#routers.get(path) === router) this.#routers.delete(path);
  }

  at(path: string): SimRouter | null {
    return this.#routers.get(path) ?? null;
  }

  join(dealer: SimDealer, router: SimRouter): Connection {
    const connection = new Connection(this.#world, dealer, router);
    router.accept(connection);
    return connection;
  }

  /** A connection reset on all links of a socket. */
  reset(path: string): void {
    this.#routers.get(path)?.reset();
  }

  paths(): readonly string[] {
    return [...this.#routers.keys()];
  }
}
