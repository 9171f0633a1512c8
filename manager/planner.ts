/**
 * Plans documents one after another in a thread of its own: started when needed, gone when idle, replaced when a document has
 * brought it down or takes too long. The shortest do not wait for it: they are planned at once (plainDocument.ts).
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { isPlain } from "./plainDocument.ts";
import type { PlannerAnswer, PlannerRequest } from "./plannerMessages.ts";

/** A million tasks take some ten seconds; what takes ten times as long is not worth waiting for. */
const PLANNING_MS_MAX = 110_000;
/** A thread costs 10 MB; to start it and load its code takes 0.15 s, as much as planning a hundred arrays. */
const IDLE_MS = 300_000;
/** A thread that has made a plan of so many bytes goes at once: what it needed for that, it would keep. */
const PLAN_BYTES_KEPT = 4 * 1024 * 1024;
/** Heap of the thread: YAML of 16 MiB needs about 1.5 GB; of JSON only a piece is there at a time. */
const HEAP_MEGABYTES_MAX = 4096;

export class Planner {
  readonly #onAnswer: (answer: PlannerAnswer) => void;
  readonly #queue: PlannerRequest[] = [];
  #current: PlannerRequest | null = null;
  #thread: Worker | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Loaded for the first plain document, which a manager may never see. */
  #planRequest: ((request: PlannerRequest) => PlannerAnswer) | null = null;

  constructor(onAnswer: (answer: PlannerAnswer) => void) {
    this.#onAnswer = onAnswer;
  }

  plan(request: PlannerRequest): void {
    if (isPlain(request)) void this.#planAtOnce(request);
    else this.#enqueue(request);
  }

  /** What is wrong with a document is found again in the thread, and said from there. */
  async #planAtOnce(request: PlannerRequest): Promise<void> {
    try {
      this.#planRequest ??= (await import("./planning.ts")).planRequest;
    } catch {
      return this.#enqueue(request);
    }
    const answer = this.#planRequest(request);
    if (answer.type === "planned") this.#onAnswer(answer);
    else this.#enqueue(request);
  }

  #enqueue(request: PlannerRequest): void {
    this.#queue.push(request);
    this.#next();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    void this.#thread?.terminate();
    this.#thread = null;
  }

  #next(): void {
    if (this.#current !== null) return;
    const request = this.#queue.shift();
    if (request === undefined) return this.#setTimer(IDLE_MS, () => this.close());
    this.#current = request;
    this.#thread ??= this.#start();
    this.#setTimer(PLANNING_MS_MAX, () => {
      this.#fail(
        `It took more than ${PLANNING_MS_MAX / 1000} s to read the document: split it, or use task arrays.`,
      );
    });
    this.#thread.postMessage(request);
  }

  #start(): Worker {
    const extension = path.extname(fileURLToPath(import.meta.url));
    const thread = new Worker(new URL(`./plannerMain${extension}`, import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES_MAX },
    });
    thread.on("message", (answer: PlannerAnswer) => this.#onMessage(thread, answer));
    thread.on("error", (error: Error & { code?: string }) => {
      if (this.#thread !== thread) return;
      const tooLarge = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      const hint = tooLarge
        ? "It needs too much memory: split it, or use task arrays (foreach)."
        : error.message;
      this.#fail(`The document could not be planned. ${hint}`);
    });
    thread.unref();
    return thread;
  }

  #onMessage(thread: Worker, answer: PlannerAnswer): void {
    if (thread !== this.#thread || answer.id !== this.#current?.id) return;
    this.#current = null;
    if (answer.type === "planned" && answer.plan.length > PLAN_BYTES_KEPT) this.close();
    this.#onAnswer(answer);
    this.#next();
  }

  /** Gives the current document up, and the thread with it. */
  #fail(message: string): void {
    const request = this.#current;
    this.close();
    this.#current = null;
    if (request !== null) this.#onAnswer({ type: "failed", id: request.id, message });
    this.#next();
  }

  #setTimer(delayMs: number, then: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(then, delayMs);
    this.#timer.unref();
  }
}
