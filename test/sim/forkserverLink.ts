/** The stream between a TaskExecutor and its forkserver. */
import type { ForkserverCommand, ForkserverFact } from "../../protocol/forkserverLink.ts";
import type { SimProcess } from "./machine.ts";
import { type Ether, Pipe } from "./network.ts";

/** The forkserver, as its connections see it. */
export interface ForkserverEnd {
  readonly process: SimProcess;
  join(link: ForkserverLink): void;
  leaveLink(link: ForkserverLink): void;
  receive(link: ForkserverLink, command: ForkserverCommand): void;
}

/** A connection, seen from both of its ends. */
export class ForkserverLink {
  readonly #up: Pipe<ForkserverCommand>;
  readonly #down: Pipe<ForkserverFact>;
  readonly #client: SimProcess;
  readonly #server: ForkserverEnd;
  readonly #onClosed: () => void;
  #open = true;

  constructor(
    ether: Ether,
    client: SimProcess,
    server: ForkserverEnd,
    onFact: (fact: ForkserverFact) => void,
    onClosed: () => void,
  ) {
    this.#client = client;
    this.#server = server;
    this.#onClosed = onClosed;
    this.#up = new Pipe(ether, server.process, (command) => server.receive(this, command));
    this.#down = new Pipe(ether, client, onFact);
    server.join(this);
    client.onEnd(() => this.close());
    this.send([{ type: "hello", version: 1, control: true }]);
  }

  get pid(): number {
    return this.#server.process.pid;
  }

  send(commands: readonly ForkserverCommand[]): void {
    if (this.#open) for (const command of commands) this.#up.send(command);
  }

  say(fact: ForkserverFact): void {
    if (this.#open) this.#down.send(fact);
  }

  /** By either side; the client hears of it after what has arrived. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#up.cut();
    this.#down.cut();
    this.#server.leaveLink(this);
    this.#client.after(0, this.#onClosed);
  }
}
