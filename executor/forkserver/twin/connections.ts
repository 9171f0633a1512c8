/** The twin's connections: who is the controller, which commands it may give, and what it is told. */
import type { Server, Socket } from "node:net";
import { assertNever } from "../../../protocol/errors.ts";
import { FrameCutter } from "../../../protocol/forkserverBytes.ts";
import { decodeCommand } from "../../../protocol/forkserverCommandCodec.ts";
import { encodeFacts } from "../../../protocol/forkserverFactCodec.ts";
import {
  FORKSERVER_VERSION,
  type ForkserverCommand,
  type ForkserverFact,
} from "../../../protocol/forkserverLink.ts";
import { Attempts } from "./attempts.ts";

/** One controller and a few that ask for a report. */
const CONNECTIONS_MAX = 32;
/** A reader this far behind is closed rather than waited for; ends are held, so nothing is lost. */
const UNSENT_BYTES_MAX = 64 * 1024 * 1024;

interface Peer {
  readonly socket: Socket;
  readonly cutter: FrameCutter;
  greeted: boolean;
  unsent: ForkserverFact[];
}

export class Connections {
  readonly attempts: Attempts;
  /** When the last controller went, or since the start. */
  aloneSinceMs = performance.now();
  private controller: Peer | null = null;
  private readonly peers = new Set<Peer>();
  private readonly onLeave: () => void;
  /** By the controller, while something was still being closed. */
  private leaveAsked = false;
  private readonly log: (line: string) => void;

  constructor(server: Server, onLeave: () => void, log: (line: string) => void) {
    this.onLeave = onLeave;
    this.log = log;
    this.attempts = new Attempts((fact) => {
      if (this.controller !== null) this.tell(this.controller, fact);
    });
    server.on("connection", (socket) => this.accept(socket));
  }

  hasController(): boolean {
    return this.controller !== null;
  }

  /** Ends all connections when what was said to them is written. */
  close(): void {
    for (const peer of this.peers) {
      this.flush(peer);
      peer.socket.destroySoon();
    }
  }

  private accept(socket: Socket): void {
    if (this.peers.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    const peer: Peer = { socket, cutter: new FrameCutter(), greeted: false, unsent: [] };
    this.peers.add(peer);
    socket.on("data", (chunk) => this.receive(peer, chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.peers.delete(peer);
      if (this.controller !== peer) return;
      this.controller = null;
      this.aloneSinceMs = performance.now();
    });
  }

  private receive(peer: Peer, chunk: Buffer): void {
    const { frames, fault } = peer.cutter.push(chunk);
    for (const frame of frames) {
      if (peer.socket.destroyed || peer.socket.writableEnded) return;
      const decoded = decodeCommand(frame);
      if (decoded.ok) this.handle(peer, decoded.value);
      else this.refuse(peer, decoded.detail);
    }
    if (fault !== null) this.refuse(peer, fault);
  }

  private handle(peer: Peer, command: ForkserverCommand): void {
    if (command.type === "hello") this.greet(peer, command.version, command.control);
    else if (!peer.greeted) this.refuse(peer, "the first frame has to be a hello");
    else if (command.type === "report") this.tell(peer, this.attempts.report());
    else if (peer !== this.controller) this.refuse(peer, "only the controller may ask for this");
    else this.control(peer, command);
  }

  private greet(peer: Peer, version: number, control: boolean): void {
    if (version !== FORKSERVER_VERSION) {
      this.refuse(peer, `version ${FORKSERVER_VERSION} is spoken here, not ${version}`);
      return;
    }
    peer.greeted = true;
    this.tell(peer, {
      type: "welcome",
      version: FORKSERVER_VERSION,
      pid: process.pid,
      flavour: "typescript",
    });
    if (!control) return;
    if (this.controller !== null && this.controller !== peer) {
      this.refuse(this.controller, "another controller has taken over");
    }
    this.controller = peer;
    for (const fact of this.attempts.list()) this.tell(peer, fact);
    this.tell(peer, { type: "listed" });
  }

  /** Looked at again when nothing more is being closed. */
  leaveIfDone(): void {
    if (this.leaveAsked && this.attempts.isEmpty()) this.onLeave();
  }

  private control(peer: Peer, command: Exclude<ForkserverCommand, { type: "hello" | "report" }>): void {
    this.leaveAsked = false;
    switch (command.type) {
      case "context":
        return this.attempts.setContext(command);
      case "spawn":
        return this.attempts.spawn(command);
      case "setCap":
        return this.attempts.setCap(command);
      case "stop":
        return this.attempts.stop(command.key, command.graceMs);
      case "suspendJob":
        return this.attempts.suspendJob(command.job, command.suspended);
      case "acknowledge":
        return this.attempts.acknowledge(command.key);
      case "closeJob":
        // An empty prefix would be everybody's.
        if (command.mark === "") return this.refuse(peer, "a frame of type 7 without a mark");
        return this.attempts.closeJob(command);
      case "leave":
        // What is being closed is closed first.
        this.leaveAsked = this.attempts.hasNoAttempts();
        return this.leaveIfDone();
      default:
        assertNever(command);
    }
  }

  private refuse(peer: Peer, reason: string): void {
    this.log(`refused: ${reason}`);
    this.tell(peer, { type: "refused", reason });
    this.flush(peer);
    if (this.controller === peer) {
      this.controller = null;
      this.aloneSinceMs = performance.now();
    }
    peer.socket.destroySoon();
  }

  /** What is said in one turn of the event loop is written at once. */
  private tell(peer: Peer, fact: ForkserverFact): void {
    peer.unsent.push(fact);
    if (peer.unsent.length === 1) setImmediate(() => this.flush(peer));
  }

  private flush(peer: Peer): void {
    if (peer.unsent.length === 0 || peer.socket.destroyed || !peer.socket.writable) return;
    peer.socket.write(encodeFacts(peer.unsent).bytes);
    peer.unsent = [];
    if (peer.socket.writableLength > UNSENT_BYTES_MAX) peer.socket.destroy();
  }
}
