/**
 * Messages that nobody waits for, an acknowledgement for one: they go with the next that somebody does, in front of it, or after a
 * moment by themselves. A message through ZeroMQ wakes three threads, here and there, which costs more than what most of them say.
 */
import { TransientMap } from "../transientMap.ts";

/** So short that nobody notices, and long enough for the next message in a busy minute. */
const HOLD_MS = 20;

interface Waiting {
  readonly epoch: number;
  readonly messages: object[];
}

export class Held {
  readonly #release: (peer: string, epoch: number, messages: readonly object[]) => void;
  readonly #waiting = new TransientMap<string, Waiting>();
  #timer: NodeJS.Timeout | null = null;

  /** `release` sends what has waited for long enough. */
  constructor(release: (peer: string, epoch: number, messages: readonly object[]) => void) {
    this.#release = release;
  }

  hold(peer: string, epoch: number, messages: readonly object[]): void {
    if (messages.length === 0) return;
    const waiting = this.#waiting.get(peer);
    if (waiting === undefined) this.#waiting.set(peer, { epoch, messages: [...messages] });
    else waiting.messages.push(...messages);
    this.#timer ??= setTimeout(() => this.releaseAll(), HOLD_MS);
  }

  /** What waits for the peer, which waits no more, and `messages` after it. */
  join(peer: string, messages: readonly object[]): readonly object[] {
    const waiting = this.#waiting.get(peer);
    if (waiting === undefined) return messages;
    this.#waiting.delete(peer);
    return [...waiting.messages, ...messages];
  }

  releaseAll(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const [peer, { epoch, messages }] of [...this.#waiting]) {
      this.#waiting.delete(peer);
      this.#release(peer, epoch, messages);
    }
  }

  /** What waits is dropped. */
  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting.clear();
  }
}
