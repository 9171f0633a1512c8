/** A connection to the daemon that is opened when it is first needed, and again when it was lost. */
import { QrewError } from "../../protocol/errors.ts";
import type { Connection } from "./connection.ts";
import { type DaemonOptions, ensureDaemon, type ReachedDaemon } from "./daemon.ts";
import { latestHolder } from "./holder.ts";

export class DaemonLink {
  readonly #options: DaemonOptions;
  #connection: Connection | null = null;
  #opening: Promise<Connection> | null = null;
  #hasStarted = false;
  #isClosed = false;

  constructor(options: DaemonOptions) {
    this.#options = options;
  }

  /** Whether a daemon was started on the way; its resources are then those that were asked for. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /**
   * The present connection or a new one. Throws as ensureDaemon, and `interrupted` when the link is closed: what still
   * waits for it then must not start a daemon. Callers at the same time get the same one.
   */
  readonly reach = (): Promise<Connection> => {
    if (this.#isClosed) return Promise.reject(closedLink());
    if (this.#connection?.isOpen === true) return Promise.resolve(this.#connection);
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  };

  /** Closes the connection; what waits for answers gets `unreachable`. */
  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
  }

  async #open(): Promise<Connection> {
    const { connection, started } = await this.#ensure();
    if (this.#isClosed) {
      connection.close();
      throw closedLink();
    }
    this.#connection = connection;
    this.#hasStarted ||= started;
    return connection;
  }

  /** A manager that died is replaced. One that was stopped was meant to stop: nobody starts it again by only following. */
  async #ensure(): Promise<ReachedDaemon> {
    const wasStopped =
      this.#connection !== null && (await latestHolder(this.#options.home))?.leaving === true;
    if (!wasStopped) return ensureDaemon(this.#options);
    try {
      return await ensureDaemon({ ...this.#options, start: "never" });
    } catch (error) {
      if (!(error instanceof QrewError) || error.code !== "unreachable") throw error;
      throw new QrewError(
        "unreachable",
        "The daemon was stopped; its jobs are kept and go on with the next one: start it with `qrew daemon start`.",
        [],
        { cause: error },
      );
    }
  }
}

const closedLink = (): QrewError => new QrewError("interrupted", "The connection to the daemon was closed.");
