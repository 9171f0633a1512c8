import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Client, connect, type DocumentBytes, type JobSeq } from "../../src/client/index.ts";
import { QREW_RECORDS } from "../contenders/qrew.ts";
import { type BenchDaemon, withDaemon } from "../daemon.ts";
import { fanOutAndIn, streamed } from "../documents.ts";
import {
  type Bench,
  type Figure,
  grouped,
  type Measured,
  type Scenario,
  type Series,
  sized,
} from "../scenario.ts";
import { estimateMedian } from "../statistics.ts";

const COMMAND = ["/bin/true"];
const ASK_EVERY_MS = 10;

export const submit: Scenario = {
  name: "submit",
  question: "How long does it take to submit a million tasks, and does the manager answer others meanwhile?",
  pairs: 5,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      const count = sized(bench, 1_000_000, 200_000);
      const file = path.join(bench.folder, "listed.json");
      await writeListed(file, count);
      // What is submitted waits behind it: this is about submitting.
      await daemon.submit(occupying(bench.parallel));
      const other = await connect({ home: daemon.home, start: "never" });
      try {
        const [byForeach, listed, answers]: [number[], number[], number[]] = [[], [], []];
        for (let round = 0; round < bench.pairs; round += 1) {
          const short = await timedSubmit(bench, daemon, other, () => fanOutAndIn(COMMAND, count));
          const long = await timedSubmit(bench, daemon, other, () => createReadStream(file));
          byForeach.push(short.seconds);
          listed.push(long.seconds);
          answers.push(Math.max(short.slowestMs, long.slowestMs));
          bench.say(
            `round ${round + 1}: foreach ${short.seconds.toFixed(2)} s, written out ${long.seconds.toFixed(2)} s, ` +
              `slowest answers ${short.slowestMs.toFixed(0)} and ${long.slowestMs.toFixed(0)} ms`,
          );
        }
        return told(count, { byForeach, listed, answers });
      } finally {
        await other.close();
      }
    }),
};

const occupying = (cpus: number): Uint8Array =>
  Buffer.from(
    JSON.stringify([{ name: "all", command: ["/bin/sleep", "86400"], resources: { cpus }, priority: 1000 }]),
  );

async function writeListed(file: string, count: number): Promise<void> {
  const target = await open(file, "w");
  try {
    const pieces = streamed(count, (index) => `"command":["/bin/true","${index}"]`);
    for await (const piece of pieces) await target.writeFile(piece);
  } finally {
    await target.close();
  }
}

/** Seconds to accepted, and the slowest answer that another client got meanwhile. The job is cancelled afterwards. */
async function timedSubmit(
  bench: Bench,
  daemon: BenchDaemon,
  other: Client,
  document: () => DocumentBytes,
): Promise<{ readonly seconds: number; readonly slowestMs: number }> {
  bench.signal.throwIfAborted();
  const done = new AbortController();
  const asked = askOften(other, done.signal);
  const startedMs = performance.now();
  let job: JobSeq;
  let seconds: number;
  try {
    job = (await daemon.submit(document())).job;
    seconds = (performance.now() - startedMs) / 1000;
  } finally {
    done.abort();
  }
  const slowestMs = await asked;
  await daemon.client.cancel([job]);
  await daemon.client.wait(job, bench.signal);
  return { seconds, slowestMs };
}

/** An empty request costs the manager nothing but the answer. */
async function askOften(client: Client, signal: AbortSignal): Promise<number> {
  let slowestMs = 0;
  while (!signal.aborted) {
    const askedMs = performance.now();
    await client.cancel([]);
    slowestMs = Math.max(slowestMs, performance.now() - askedMs);
    await delay(ASK_EVERY_MS);
  }
  return slowestMs;
}

function told(
  count: number,
  { byForeach, listed, answers }: { byForeach: number[]; listed: number[]; answers: number[] },
): Measured {
  const own = { contender: "qrew", records: QREW_RECORDS, speedup: null };
  const row = (what: string, unit: Series["unit"], samples: number[]): Series => ({
    what: `${grouped(count)} tasks to accepted: ${what}`,
    unit,
    samples,
    estimate: estimateMedian(samples),
    ...own,
  });
  const figure = (key: Figure["key"], samples: number[]): Figure => ({ key, ...estimateMedian(samples) });
  return {
    series: [
      row("foreach", "s", byForeach),
      row("JSON with an entry for each, streamed from a file", "s", listed),
      row("slowest answer to another client meanwhile", "ms", answers),
    ],
    figures: [
      figure("submit/foreach", byForeach),
      figure("submit/listed", listed),
      figure("submit/answers-ms", answers),
    ],
    absent: [],
    notes: [],
  };
}
