/**
 * A user's program: submits a job, asks again when the manager was lost, follows it to its end, cancels it if its script says so.
 * What it was told is what the invariants hold the node to.
 */
import { type ClientReply, type ClientRequest, clientReplySchema } from "../../protocol/clientLink.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import { type JobSeq, MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { SimDealer } from "./network.ts";
import { SimProcess } from "./machine.ts";
import type { Random } from "./random.ts";
import type { JobScript } from "./workload.ts";
import type { World } from "./world.ts";

/** As in src/client: a manager that does not answer by then is given up. */
const REQUEST_TIMEOUT_MS = 10_000;
const SEAL_TIMEOUT_MS = 120_000;

type Body<Request> = Request extends ClientRequest ? Omit<Request, "request"> : never;

export class SimClient {
  readonly #world: World;
  readonly #script: JobScript;
  readonly #random: Random;
  readonly #process: SimProcess;
  #dealer: SimDealer | null = null;
  #connections = 0;
  #request = 0;
  #submission = 0;
  #job: JobSeq | null = null;
  /** Of the request that has to be answered on this connection. */
  #awaited = 0;
  #cancelRequest = 0;
  #cancelAccepted = false;
  #done = false;
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
    return this.#done;
  }

  #connect(): void {
    if (this.#done) return;
    const routingId = `client-${this.#script.name}-${++this.#connections}`;
    const dealer = new SimDealer(this.#world.network, this.#process, MANAGER_SOCKET_NAME, routingId, {
      onFrame: (bytes) => {
        if (dealer === this.#dealer) this.#onFrame(bytes);
      },
      onConnected: () => {
        if (dealer === this.#dealer) this.#begin();
      },
      onDisconnected: () => this.#lost(dealer),
    });
    this.#dealer = dealer;
  }

  #lost(dealer: SimDealer | null): void {
    if (dealer === null || dealer !== this.#dealer) return;
    dealer.close();
    this.#dealer = null;
    this.#process.after(this.#random.between(20, 500), () => this.#connect());
  }

  #begin(): void {
    if (this.#job !== null) return this.#follow(this.#job);
    const { name } = this.#script;
    const settings = { format: null, timeScale: 1, sizeScale: 1, jx: [] };
    this.#ask({
      type: "openSubmission",
      key: this.#script.key,
      options: {
        name,
        source: "sim.json",
        directory: { type: "existing", path: "/work-folder" },
        env: {},
        umask: 0o22,
        import: settings,
        retries: null,
        priority: this.#script.priority,
      },
      // Half of them come whole, the others in a piece.
      whole: this.#script.priority % 2 === 0 ? Uint8Array.from(this.#script.document) : null,
    });
  }

  #follow(job: JobSeq): void {
    this.#ask({ type: "followJobs", jobs: [job] });
    this.#cancel();
    this.#changePause();
  }

  #changePause(): void {
    const { pause } = this.#script;
    if (pause === null || this.#job === null || this.#dealer === null) return;
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
    if (this.#job === null || this.#cancelAccepted || this.#dealer === null) return;
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
    if (reply.request === this.#awaited) this.#awaited = 0;
    switch (reply.type) {
      case "submissionOpened":
        this.#submission = reply.submission;
        return this.#ask({
          type: "appendSubmission",
          submission: reply.submission,
          index: 0,
          bytes: Uint8Array.from(this.#script.document),
        });
      case "chunkAccepted":
        return this.#ask(
          { type: "sealSubmission", submission: this.#submission, chunks: 1 },
          SEAL_TIMEOUT_MS,
        );
      case "jobAccepted":
        this.#job = reply.job;
        this.#world.note("client", `${this.#script.name} is told that it is job ${reply.job}`);
        this.#world.invariants.onAccepted(reply.job, this.#script);
        return this.#follow(reply.job);
      case "cancelAccepted":
        if (reply.request !== this.#cancelRequest) return;
        this.#cancelAccepted = true;
        return;
      case "pauseAccepted":
        if (reply.request !== this.#pauseRequest) return;
        this.#pauseRequest = 0;
        this.#pausesAccepted = this.#pauseWanted;
        return this.#changePause();
      case "jobChanged": {
        const { job, state } = reply.summary;
        if (job !== this.#job || !isFinalJobState(state)) return;
        this.#world.note("client", `${this.#script.name} is told that job ${job} ${state}`);
        this.#world.invariants.onToldFinal(job, reply.summary);
        this.#done = true;
        this.#dealer?.close();
        return;
      }
      case "refused":
        return this.#lost(this.#dealer);
      default:
        return;
    }
  }
}
