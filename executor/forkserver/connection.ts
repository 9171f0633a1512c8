/**
 * A connection to a forkserver's socket: frames out in batches, facts in in batches.
 *
 * connecting: until `welcome`, with a deadline. waiting: nothing is read until `listen`, so that no fact is lost.
 * open: facts are delivered as they come. closed: `onClosed` was called once, or `close` was.
 */
import { createConnection, type Socket } from "node:net";
import { QrewError } from "../../protocol/errors.ts";
import { FrameCutter } from "../../protocol/forkserverBytes.ts";
import { encodeCommands } from "../../protocol/forkserverCommandCodec.ts";
import { decodeFact } from "../../protocol/forkserverFactCodec.ts";
import {
  FORKSERVER_VERSION,
  type ForkserverCommand,
  type ForkserverEnded,
  type ForkserverFact,
  type ForkserverFlavour,
  type ForkserverStream,
} from "../../protocol/forkserverLink.ts";
import { E2BIG } from "./errnos.ts";

/** A forkserver answers within a millisecond; on a machine that swaps it may take longer. */
const WELCOME_TIMEOUT_MS = 10_000;

/** Unsent commands beyond this mean that the forkserver no longer reads. */
const UNSENT_BYTES_MAX = 256 * 1024 * 1024;

export interface ForkserverListener {
  /** In the order in which they were said; what one read brought comes as one batch. */
  onFacts(facts: readonly ForkserverFact[]): void;
  /** Once, unless `close` was called: the forkserver died, another controller took over, or it refused a frame. */
  onClosed(reason: string): void;
}

export interface ForkserverClient {
  readonly pid: number;
  readonly flavour: ForkserverFlavour;
  /** Delivers all facts since the connection, and from now on. Call it once. */
  listen(listener: ForkserverListener): void;
  /**
   * One write for all. A start that cannot be said (a zero byte in a text, arguments beyond a frame) is answered by an
   * `ended` with notStarted of its own, as if the forkserver had tried; such a context is left out, and its attempts
   * fail for want of one.
   */
  send(commands: readonly ForkserverCommand[]): void;
  /** Ends the connection; the forkserver and its attempts go on. */
  close(): void;
}

type Welcome = Extract<ForkserverFact, { type: "welcome" }>;

/** Throws `unreachable` if nobody listens or answers in time, `otherVersion` if the forkserver refuses. */
export async function connectForkserver(socketPath: string, control: boolean): Promise<ForkserverClient> {
  const socket = createConnection({ path: socketPath });
  const connection = new Connection(socket);
  const timeout = setTimeout(() => {
    socket.destroy(new Error(`it did not answer within ${WELCOME_TIMEOUT_MS} ms`));
  }, WELCOME_TIMEOUT_MS);
  try {
    connection.send([{ type: "hello", version: FORKSERVER_VERSION, control }]);
    await connection.welcomed;
    return connection;
  } catch (error) {
    socket.destroy();
    if (error instanceof QrewError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new QrewError("unreachable", `the forkserver at ${socketPath} cannot be reached: ${why}`, [], {
      cause: error,
    });
  } finally {
    clearTimeout(timeout);
  }
}

class Connection implements ForkserverClient {
  readonly welcomed: Promise<void>;
  private readonly socket: Socket;
  private readonly cutter = new FrameCutter();
  private welcome: Welcome | null = null;
  private listener: ForkserverListener | null = null;
  private waiting: ForkserverFact[] = [];
  private closedBecause: string | null = null;
  private closedByUs = false;
  private toldClosed = false;
  private resolveWelcome: () => void = () => {};
  private rejectWelcome: (error: Error) => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    this.welcomed = new Promise((resolve, reject) => {
      this.resolveWelcome = resolve;
      this.rejectWelcome = reject;
    });
    socket.on("data", (chunk) => this.receive(chunk));
    socket.on("error", (error) => this.finish(error.message, error));
    socket.on("close", () => this.finish("the forkserver closed the connection"));
  }

  get pid(): number {
    return this.welcome?.pid ?? 0;
  }

  get flavour(): ForkserverFlavour {
    return this.welcome?.flavour ?? "c";
  }

  listen(listener: ForkserverListener): void {
    this.listener = listener;
    setImmediate(() => {
      if (this.closedByUs) return;
      this.deliver([]);
      this.socket.resume();
      this.tellClosed();
    });
  }

  send(commands: readonly ForkserverCommand[]): void {
    if (this.closedByUs || this.closedBecause !== null) return;
    const { bytes, rejected } = encodeCommands(commands);
    if (bytes.length > 0) this.socket.write(bytes);
    if (this.socket.writableLength > UNSENT_BYTES_MAX)
      this.socket.destroy(new Error("the forkserver does not read"));
    const ends = rejected.flatMap(({ value }) => (value.type === "spawn" ? [neverSaid(value.key)] : []));
    if (ends.length > 0) setImmediate(() => this.deliver(ends));
  }

  close(): void {
    this.closedByUs = true;
    this.socket.end();
    this.socket.destroySoon();
  }

  private receive(chunk: Buffer): void {
    const { frames, fault } = this.cutter.push(chunk);
    const facts: ForkserverFact[] = [];
    for (const frame of frames) {
      const decoded = decodeFact(frame);
      if (!decoded.ok) {
        this.socket.destroy(new Error(`the forkserver sent ${decoded.detail}`));
        break;
      }
      const fact = decoded.value;
      if (fact.type === "refused") this.refused(fact.reason);
      else if (this.welcome !== null) facts.push(fact);
      else if (fact.type === "welcome") this.greet(fact);
      else this.socket.destroy(new Error(`the forkserver said ${fact.type} before its welcome`));
    }
    if (fault !== null) this.socket.destroy(new Error(`the forkserver sent ${fault}`));
    this.deliver(facts);
  }

  private greet(welcome: Welcome): void {
    if (welcome.version !== FORKSERVER_VERSION) {
      this.socket.destroy(new Error(`it speaks version ${welcome.version}`));
      return;
    }
    this.welcome = welcome;
    if (this.listener === null) this.socket.pause();
    this.resolveWelcome();
  }

  private refused(reason: string): void {
    this.rejectWelcome(new QrewError("otherVersion", `the forkserver refused: ${reason}`));
    this.finish(`the forkserver refused: ${reason}`);
  }

  private deliver(facts: readonly ForkserverFact[]): void {
    if (this.closedByUs) return;
    this.waiting.push(...facts);
    if (this.listener === null || this.waiting.length === 0) return;
    const batch = this.waiting;
    this.waiting = [];
    this.listener.onFacts(batch);
  }

  private finish(reason: string, cause: Error = new Error(reason)): void {
    if (this.closedByUs || this.closedBecause !== null) return;
    this.closedBecause = reason;
    this.rejectWelcome(cause);
    // After what is on its way to a listener that came just now.
    setImmediate(() => this.tellClosed());
  }

  private tellClosed(): void {
    if (this.closedByUs || this.toldClosed || this.closedBecause === null || this.listener === null) return;
    this.toldClosed = true;
    this.listener.onClosed(this.closedBecause);
  }
}

const NOTHING_WRITTEN: ForkserverStream = { type: "inline", bytes: new Uint8Array(0) };

/** An end for what cannot be put into a frame; execve would call it too long. Nobody holds it, and an acknowledgement is ignored. */
function neverSaid(key: ForkserverEnded["key"]): ForkserverEnded {
  const now = { monoMs: Number(process.hrtime.bigint()) / 1e6, wallMs: Date.now() };
  return {
    type: "ended",
    key,
    outcome: { type: "notStarted", errno: E2BIG, step: "exec" },
    survivors: 0,
    start: null,
    end: now,
    usage: null,
    stdout: NOTHING_WRITTEN,
    stderr: NOTHING_WRITTEN,
  };
}
