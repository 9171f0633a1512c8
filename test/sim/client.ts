/**
 * A user's program: submits a job, asks again when the manager was lost, follows it to its end, cancels, pauses, retries and deletes it
 * as its script says. What it was told is what the invariants hold the node to.
 */
import { type ClientReply, type ClientRequest, clientReplySchema } from "../../protocol/clientLink.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import { type JobSeq, MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { readJob } from "../../src/store/managerStore.ts";
import { SimDealer } from "./network.ts";
import { SimProcess } from "./machine.ts";
import type { Random } from "./random.ts";
import type { JobScript, JobVersion } from "./scripts.ts";
import type { World } from "./world.ts";

/** As in src/client: a manager that does not answer by then is given up. */
const REQUEST_TIMEOUT_MS = 10_000;
const SEAL_TIMEOUT_MS = 120_000;

type Body<Request> = Request extends ClientRequest ? Omit<Request, "request"> : never;

/** What it wants of the manager now; `rest`: nothing for a while. */
type Goal = "submit" | "follow" | "rest" | "retry" | "prune" | "done";

export class SimClient {
  readonly #world: World;
  readonly #script: JobScript;
  readonly #random: Random;
  readonly #process: SimProcess;
  #dealer: SimDealer | null = null;
  #isConnected = false;
  #connections = 0;
  #request = 0;
  #submission = 0;
  /** Of the submission that is under way. */
  #document: Uint8Array = new Uint8Array();
  /** Something was sent under its key. */
  #isKeyUsed = false;
  #goal: Goal = "submit";
  #job: JobSeq | null = null;
  /** Retries that were begun, whatever came of them. */
  #rounds = 0;
  /** Of the request that has to be answered on this connection. */
  #awaited = 0;
  #cancelRequest = 0;
  #cancelAccepted = false;
  #pauseRequest = 0;
  #pauseWanted = 0;
  /** Changes of the pause that the manager has accepted: the pause, then the resumption. */
  #pausesAccepted = 0;

  constructor(world: World, script: JobScript) {
    this.#world = world;
    this.#script = script;
    this.#random = world.random(script.name);
    // On a machine of its own: a power cut takes its connection only.
    this.#process = new SimProcess(world.timeline, 0, script.name);
    this.#process.after(script.submitAtMs, () => this.#connect());
    if (script.cancelAtMs !== null) this.#process.after(script.cancelAtMs, () => this.#cancel());
    if (script.pause !== null) {
      this.#process.after(script.pause.fromMs, () => this.#changePause());
      this.#process.after(script.pause.untilMs, () => this.#changePause());
    }
  }

  get isDone(): boolean {
    return this.#goal === "done";
  }

  #connect(): void {
    if (this.isDone) return;
    const routingId = `client-${this.#script.name}-${++this.#connections}`;
    const dealer = new SimDealer(this.#world.network, this.#process, MANAGER_SOCKET_NAME, routingId, {
      onFrame: (bytes) => {
        if (dealer === this.#dealer) this.#onFrame(bytes);
      },
      onConnected: () => {
        if (dealer !== this.#dealer) return;
        this.#isConnected = true;
        this.#act();
      },
      onDisconnected: () => this.#lost(dealer),
    });
    this.#dealer = dealer;
  }

  #lost(dealer: SimDealer | null): void {
    if (dealer === null || dealer !== this.#dealer) return;
    dealer.close();
    this.#dealer = null;
    this.#isConnected = false;
    // Whether the retry came through is seen by following: asked again, it might be another one.
    if (this.#goal === "retry") this.#goal = "follow";
    this.#process.after(this.#random.between(20, 500), () => this.#connect());
  }

  #setGoal(goal: Goal): void {
    this.#goal = goal;
    if (this.#isConnected) this.#act();
  }

  #act(): void {
    const { first, rounds, key } = this.#script;
    if (this.#job === null) return this.#open(first, null, key);
    switch (this.#goal) {
      case "submit":
      case "follow":
        return this.#follow(this.#job);
      case "retry": {
        const corrected = rounds[this.#rounds - 1]?.corrected ?? null;
        if (corrected !== null) return this.#open(corrected, this.#job, null);
        this.#world.invariants.onRetryAsked(this.#job);
        return this.#ask({ type: "retryJob", job: this.#job });
      }
      case "prune":
        this.#world.invariants.onPruneAsked(this.#job);
        return this.#ask({ type: "pruneJobs", jobs: [this.#job], folders: false });
      case "rest":
      case "done":
        return;
      default:
        this.#goal satisfies never;
    }
  }

  /** A job's first document, or a corrected one of the job `retries`. */
  #open(version: JobVersion, retries: JobSeq | null, key: string | null): void {
    const { name, priority } = this.#script;
    this.#document = version.document;
    const isNewKey = key !== null && !this.#isKeyUsed;
    this.#isKeyUsed ||= key !== null;
    const isWhole = priority % 2 === 0;
    if (isWhole && retries !== null) this.#world.invariants.onRetryAsked(retries);
    this.#ask({
      type: "openSubmission",
      key,
      isNewKey,
      options: {
        name,
        source: "sim.json",
        directory: { type: "existing", path: "/work-folder" },
        env: {},
        umask: 0o22,
        import: { format: null, timeScale: 1, sizeScale: 1, jx: [] },
        retries,
        priority,
      },
      // Half of them come whole, the others in a piece.
      whole: isWhole ? Uint8Array.from(version.document) : null,
      follow: false,
    });
  }

  #follow(job: JobSeq): void {
    this.#ask({ type: "followJobs", jobs: [job] });
    this.#cancel();
    this.#changePause();
  }

  #changePause(): void {
    const { pause } = this.#script;
    if (pause === null || this.#job === null || this.#dealer === null || this.isDone) return;
    const { nowMs } = this.#world.timeline;
    const wanted = nowMs >= pause.untilMs ? 2 : nowMs >= pause.fromMs ? 1 : 0;
    if (wanted <= this.#pausesAccepted) return;
    this.#pauseWanted = wanted;
    const mode = wanted === 2 ? "off" : pause.mode;
    this.#pauseRequest = this.#send({ type: "pauseJobs", jobs: [this.#job], pause: mode });
    const request = this.#pauseRequest;
    this.#process.after(REQUEST_TIMEOUT_MS, () => {
      if (this.#pauseRequest === request) this.#changePause();
    });
  }

  #cancel(): void {
    const { cancelAtMs } = this.#script;
    if (cancelAtMs === null || this.#world.timeline.nowMs < cancelAtMs) return;
    if (this.#job === null || this.#cancelAccepted || this.#dealer === null || this.isDone) return;
    this.#cancelRequest = this.#send({ type: "cancelJobs", jobs: [this.#job] });
    this.#world.invariants.onCancelAsked(this.#job);
  }

  /** Sends a request and gives the manager up if it does not answer. */
  #ask(body: Body<ClientRequest>, timeoutMs = REQUEST_TIMEOUT_MS): void {
    const request = this.#send(body);
    this.#awaited = request;
    const dealer = this.#dealer;
    this.#process.after(timeoutMs, () => {
      if (this.#awaited === request) this.#lost(dealer);
    });
  }

  #send(body: Body<ClientRequest>): number {
    const request = ++this.#request;
    this.#dealer?.send(0, [{ ...body, request }]);
    return request;
  }

  #onFrame(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, clientReplySchema);
    if (!frame.ok) return this.#world.invariants.onMalformed("client", frame.detail);
    for (const reply of frame.messages) this.#onReply(reply);
  }

  #onReply(reply: ClientReply): void {
    const isAwaited = reply.request === this.#awaited;
    if (isAwaited) this.#awaited = 0;
    switch (reply.type) {
      case "submissionOpened":
        this.#submission = reply.submission;
        return this.#ask({
          type: "appendSubmission",
          submission: reply.submission,
          index: 0,
          bytes: Uint8Array.from(this.#document),
        });
      case "chunkAccepted":
        if (this.#job !== null) this.#world.invariants.onRetryAsked(this.#job);
        return this.#ask(
          { type: "sealSubmission", submission: this.#submission, chunks: 1 },
          SEAL_TIMEOUT_MS,
        );
      case "jobAccepted":
        this.#job = reply.job;
        this.#world.note("client", `${this.#script.name} is told that it is job ${reply.job}`);
        this.#world.invariants.onAccepted(reply.job, this.#script);
        return this.#setGoal("follow");
      case "cancelAccepted":
        if (reply.request === this.#cancelRequest) this.#cancelAccepted = true;
        return;
      case "pauseAccepted":
        if (reply.request !== this.#pauseRequest) return;
        this.#pauseRequest = 0;
        this.#pausesAccepted = this.#pauseWanted;
        return this.#changePause();
      case "jobChanged":
        return this.#onChanged(reply);
      case "jobsPruned":
        return this.#onPruned(reply.jobs);
      case "refused":
        return isAwaited ? this.#onRefused() : undefined;
      default:
        return;
    }
  }

  /** One that is not named was deleted by an earlier request, or has not ended: a power cut can make the manager forget that. */
  #onPruned(jobs: readonly JobSeq[]): void {
    const job = this.#job;
    if (job === null) return;
    if (!jobs.includes(job) && this.#isOnRecord(job)) return this.#setGoal("follow");
    this.#world.invariants.onPruned(job);
    this.#finish();
  }

  #isOnRecord(job: JobSeq): boolean {
    return this.#world.disk.open("manager").read((reader) => readJob(reader, job)) !== null;
  }

  /** A retry that has nothing to do, or comes while the daemon stops, is given up; everything else is asked again. */
  #onRefused(): void {
    if (this.#goal === "retry") this.#setGoal("follow");
    else this.#lost(this.#dealer);
  }

  #onChanged({ summary }: Extract<ClientReply, { type: "jobChanged" }>): void {
    const { job, state } = summary;
    if (this.#goal !== "follow" || job !== this.#job || !isFinalJobState(state)) return;
    this.#world.note("client", `${this.#script.name} is told that job ${job} ${state}`);
    this.#world.invariants.onToldFinal(job, summary);
    const { rounds, pruneAfterMs } = this.#script;
    const next = rounds[this.#rounds];
    if (next !== undefined) {
      this.#goal = "rest";
      this.#process.after(next.afterMs, () => {
        this.#rounds += 1;
        this.#setGoal("retry");
      });
    } else if (pruneAfterMs !== null) {
      this.#goal = "rest";
      this.#process.after(pruneAfterMs, () => this.#setGoal("prune"));
    } else this.#finish();
  }

  #finish(): void {
    this.#goal = "done";
    this.#dealer?.close();
  }
}
