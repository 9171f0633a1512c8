/** The documents of the scenarios, as bytes that a client would send. */
import { randomNumbers } from "./statistics.ts";

type Fields = Readonly<Record<string, unknown>>;

const bytesOf = (tasks: readonly Fields[]): Uint8Array => Buffer.from(JSON.stringify({ tasks }));

/** One task, `count` that wait for it, and one that waits for all of these. */
export const fanOutAndIn = (command: readonly string[], count: number): Uint8Array =>
  bytesOf([
    { name: "source", command: ["/bin/true"] },
    { name: "part", foreach: { i: { range: [1, count] } }, depends: ["source"], command },
    { name: "sink", depends: ["part"], command: ["/bin/true"] },
  ]);

export const chain = (command: readonly string[], count: number): Uint8Array =>
  bytesOf(
    Array.from({ length: count }, (_, index) => ({
      name: `t${index}`,
      command,
      ...(index === 0 ? {} : { depends: [`t${index - 1}`] }),
    })),
  );

export const oneTask = (fields: Fields): Uint8Array => bytesOf([{ name: "t", ...fields }]);

export const noopFanOut = (count: number): Uint8Array =>
  bytesOf([{ name: "n", executor: "noop", foreach: { i: { range: [1, count] } } }]);

/** `chains` of `length` tasks each: element i of an array waits for element i of the one before. */
export const noopChains = (chains: number, length: number): Uint8Array =>
  bytesOf(
    Array.from({ length }, (_, index) => ({
      name: `n${index}`,
      executor: "noop",
      foreach: { i: { range: [1, chains] } },
      ...(index === 0 ? {} : { depends: [{ task: `n${index - 1}`, same: "index" }] }),
    })),
  );

const PIECE_TASKS = 5_000;
const DAG_SEED = 3;

/** A document of `count` tasks that are all written out, piece by piece: `fields` are what follows the name. */
export async function* streamed(
  count: number,
  fields: (index: number) => string,
): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < count; from += PIECE_TASKS) {
    let text = from === 0 ? '{"tasks":[' : "";
    const to = Math.min(count, from + PIECE_TASKS);
    for (let index = from; index < to; index += 1) {
      text += `${index === 0 ? "" : ","}\n{"name":"t${index}",${fields(index)}}`;
    }
    yield Buffer.from(to === count ? `${text}\n]}\n` : text);
  }
}

/** Each task depends on `degree` random ones of the thousands before it. */
export function noopRandomDag(count: number, degree: number): AsyncGenerator<Uint8Array> {
  const random = randomNumbers(DAG_SEED);
  return streamed(count, (index) => {
    const parents = new Set(
      Array.from({ length: Math.min(degree, index) }, () => Math.floor(random() * index)),
    );
    const names = [...parents].map((parent) => `"t${parent}"`);
    return `"executor":"noop","depends":[${names.join(",")}]`;
  });
}

/** `count` tasks that wait for one that does not end and occupies nothing. */
export const heldJob = (command: readonly string[], count: number): Uint8Array =>
  bytesOf([
    { name: "gate", command: ["/bin/sleep", "86400"], resources: { cpus: 0 } },
    { name: "part", foreach: { i: { range: [1, count] } }, depends: ["gate"], command },
  ]);
