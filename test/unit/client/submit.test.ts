import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClientRequest, SubmissionOptions } from "../../../protocol/clientLink.ts";
import { QrewError } from "../../../protocol/errors.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import {
  ENVIRONMENT_BYTES_MAX,
  SUBMISSION_CHUNK_BYTES,
  SUBMISSION_WINDOW,
  WHOLE_DOCUMENT_BYTES_MAX,
} from "../../../protocol/limits.ts";
import { type Connection, openConnection } from "../../../src/client/connection.ts";
import type { Reach } from "../../../src/client/follow.ts";
import { pieces, submitDocument } from "../../../src/client/submit.ts";
import { type Answer, type FakeManager, makeHome, openFakeManager, type TestHome } from "./fakeManager.ts";
import { matching } from "./matching.ts";

let home: TestHome;
let fake: FakeManager | null = null;
let connection: Connection | null = null;

beforeEach(() => {
  home = makeHome();
});

afterEach(async () => {
  connection?.close();
  await fake?.close();
  fake = null;
  connection = null;
  home.remove();
});

/** A way to the manager that answers like this; each loss of the connection leads to another one of its kind. */
async function connect(answer: Answer): Promise<Reach> {
  const reach = async (): Promise<Connection> => {
    if (connection?.isOpen === true) return connection;
    fake ??= await openFakeManager(home, answer);
    const outcome = await openConnection(`${home.runFolder}/manager.ipc`);
    if (outcome.type !== "connected") throw new QrewError("unreachable", "nobody listens");
    connection = outcome.connection;
    return connection;
  };
  await reach();
  return reach;
}

/** The manager dies here; the next one that is asked for is a new one. */
function die(): void {
  void fake?.close();
  fake = null;
}

const options: SubmissionOptions = {
  name: null,
  source: "flow.yaml",
  directory: { type: "existing", path: "/data" },
  env: { A: "1" },
  import: { format: null, timeScale: 1, sizeScale: 0, jx: [] },
  umask: 0o022,
  retries: null,
  priority: 0,
};

/** Is sent in pieces. */
const LONG = Buffer.alloc(WHOLE_DOCUMENT_BYTES_MAX + 1);

/** Accepts everything; `received` is the document as it came in. */
function accepting(): {
  readonly answer: Answer;
  readonly received: Buffer[];
  readonly mostInFlight: () => number;
} {
  const received: Buffer[] = [];
  let inFlight = 0;
  let most = 0;
  const answer: Answer = (asked, say) => {
    const { request } = asked;
    if (asked.type === "openSubmission") say({ type: "submissionOpened", request, submission: 4 });
    if (asked.type === "sealSubmission")
      say({ type: "jobAccepted", request, job: jobSeq(12), tasks: 3, repeated: false });
    if (asked.type !== "appendSubmission") return;
    inFlight += 1;
    most = Math.max(most, inFlight);
    received.push(Buffer.from(asked.bytes));
    setImmediate(() => {
      inFlight -= 1;
      say({ type: "chunkAccepted", request, index: asked.index });
    });
  };
  return { answer, received, mostInFlight: () => most };
}

describe("submitDocument", () => {
  it("sends the document in pieces, a bounded number at a time, and seals it", async () => {
    const { answer, received, mostInFlight } = accepting();
    const document = Buffer.alloc(SUBMISSION_CHUNK_BYTES * 20 + 5, "x").fill("y", 1000, 2000);
    const accepted = await submitDocument(await connect(answer), { document, options });
    expect(accepted).toEqual({ job: 12, tasks: 3, repeated: false });
    expect(Buffer.concat(received).equals(document)).toBe(true);
    expect(mostInFlight()).toBeLessThanOrEqual(SUBMISSION_WINDOW);
    expect(fake?.asked.at(-1)).toMatchObject({ type: "sealSubmission", submission: 4, chunks: 21 });
    expect(fake?.asked[1]).toMatchObject({ type: "openSubmission", options });
  });

  it("has a bounded number of submissions under way, and sends those of one turn together", async () => {
    const count = 1000;
    let inFlight = 0;
    let most = 0;
    const link = await connect(({ type, request }, say) => {
      if (type !== "openSubmission") return;
      inFlight += 1;
      most = Math.max(most, inFlight);
      setImmediate(() => {
        inFlight -= 1;
        say({ type: "jobAccepted", request, job: jobSeq(request), tasks: 1, repeated: false });
      });
    });
    const document = Buffer.from("{}");
    const submissions = Array.from({ length: count }, () => submitDocument(link, { document, options }));
    const jobs = (await Promise.all(submissions)).map(({ job }) => job);
    expect(new Set(jobs).size).toBe(count);
    expect(most).toBeLessThanOrEqual(256);
    expect(fake?.frames).toBeLessThan(count / 2);
  });

  it("sends a short document whole, however it comes", async () => {
    const link = await connect((asked, say) => {
      const { request } = asked;
      if (asked.type === "openSubmission")
        say({ type: "jobAccepted", request, job: jobSeq(3), tasks: 1, repeated: false });
    });
    const bytes = Buffer.alloc(WHOLE_DOCUMENT_BYTES_MAX, "x");
    async function* inTwo(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 100);
      yield bytes.subarray(100);
    }
    for (const document of [bytes, inTwo, inTwo()]) {
      expect(await submitDocument(link, { document, options })).toEqual({
        job: 3,
        tasks: 1,
        repeated: false,
      });
      const last = fake?.asked.at(-1);
      expect(last?.type === "openSubmission" && last.whole !== null && bytes.equals(last.whole)).toBe(true);
    }
  });

  it("lists every fault with its place", async () => {
    const faults = [
      { message: "First.", line: 3, column: 9 },
      { message: "Second.", line: null, column: null },
    ];
    const link = await connect((asked, say) => {
      const { request } = asked;
      if (asked.type === "openSubmission") say({ type: "documentInvalid", request, faults, total: 5 });
    });
    await expect(submitDocument(link, { document: Buffer.alloc(0), options })).rejects.toMatchObject({
      code: "invalidDocument",
      message: matching(/5 faults/),
      details: ["flow.yaml:3:9: First.", "flow.yaml: Second.", "and 3 more faults"],
    });
  });

  it("ends with the first refusal of a piece", async () => {
    const link = await connect((asked, say) => {
      const { request } = asked;
      if (asked.type === "openSubmission") say({ type: "submissionOpened", request, submission: 1 });
      if (asked.type === "appendSubmission")
        say({ type: "refused", request, code: "storeFull", message: "Full." });
    });
    const document = Buffer.alloc(SUBMISSION_CHUNK_BYTES * 12);
    await expect(submitDocument(link, { document, options })).rejects.toMatchObject({ code: "storeFull" });
    expect(fake?.asked.some(({ type }) => type === "sealSubmission")).toBe(false);
  });

  it("says that it does not know when the manager dies between seal and answer", async () => {
    const link = await connect((asked, say) => {
      const { request } = asked;
      if (asked.type === "openSubmission") say({ type: "submissionOpened", request, submission: 1 });
      if (asked.type === "appendSubmission") say({ type: "chunkAccepted", request, index: asked.index });
      if (asked.type === "sealSubmission") die();
    });
    async function* once(): AsyncGenerator<Uint8Array> {
      yield LONG;
    }
    const submission = { document: once(), options };
    await expect(submitDocument(link, submission)).rejects.toMatchObject({ code: "unreachable" });
    await expect(submitDocument(link, { document: LONG, options })).rejects.toMatchObject({
      code: "unreachable",
      message: matching(/qrew jobs/),
    });
    const keyed = { document: LONG, options, key: "nightly" };
    await expect(submitDocument(link, keyed)).rejects.toMatchObject({ message: matching(/same key/) });
  });

  it("asks the next manager under the same key when an answer was lost, with the whole document", async () => {
    const requests: ClientRequest[] = [];
    let seals = 0;
    const link = await connect((asked, say) => {
      const { request } = asked;
      requests.push(asked);
      if (asked.type === "openSubmission") say({ type: "submissionOpened", request, submission: 1 });
      if (asked.type === "appendSubmission") say({ type: "chunkAccepted", request, index: asked.index });
      if (asked.type !== "sealSubmission") return;
      seals += 1;
      if (seals < 3) return die();
      say({ type: "jobAccepted", request, job: jobSeq(7), tasks: 3, repeated: true });
    });
    async function* again(): AsyncGenerator<Uint8Array> {
      yield LONG;
    }
    const accepted = await submitDocument(link, { document: () => again(), options });
    expect(accepted).toEqual({ job: 7, tasks: 3, repeated: true });
    const keys = requests.flatMap((asked) => (asked.type === "openSubmission" ? [asked.key] : []));
    const areNew = requests.flatMap((asked) => (asked.type === "openSubmission" ? [asked.isNewKey] : []));
    expect(keys.length).toBe(3);
    expect(keys[0]).toMatch(/^[0-9a-z]{8}-[0-9a-f-]{36}-[0-9a-z]{7}$/);
    expect(areNew).toEqual([true, false, false]);
    expect(new Set(keys).size).toBe(1);
    expect(requests.filter(({ type }) => type === "appendSubmission").length).toBe(3);
  });

  it.each(["", "k".repeat(201), "\u00e9".repeat(101)])(
    "refuses the key %j before anything is sent",
    async (key) => {
      const link = await connect(() => undefined);
      const submission = { document: Buffer.alloc(0), options, key };
      await expect(submitDocument(link, submission)).rejects.toMatchObject({ code: "usage" });
      expect(fake?.asked.length).toBe(1);
    },
  );

  it("refuses an environment that is too large before anything is sent", async () => {
    const link = await connect(() => undefined);
    const env = { BIG: "x".repeat(ENVIRONMENT_BYTES_MAX) };
    await expect(
      submitDocument(link, { document: Buffer.alloc(0), options: { ...options, env } }),
    ).rejects.toMatchObject({ code: "refused", message: matching(/--clean-env/) });
    expect(fake?.asked.length).toBe(1);
  });
});

describe("pieces", () => {
  it("are the document, all full but the last, however it comes", async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: SUBMISSION_CHUNK_BYTES * 2 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const parts = lengths.map((length, index) => Buffer.alloc(length, index + 1));
        async function* stream(): AsyncGenerator<Uint8Array> {
          yield* parts;
        }
        const found: Uint8Array[] = [];
        for await (const piece of pieces(stream())) found.push(piece);
        expect(Buffer.concat(found).equals(Buffer.concat(parts))).toBe(true);
        expect(found.slice(0, -1).every(({ length }) => length === SUBMISSION_CHUNK_BYTES)).toBe(true);
        expect(found.every(({ length }) => length > 0 && length <= SUBMISSION_CHUNK_BYTES)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
