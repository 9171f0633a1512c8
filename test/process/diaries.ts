/** Tasks that write down what happened to them: the only witness that no process of qrew can have forgotten to ask. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { QrewFolder } from "../support/qrew.ts";
import type { TaskEntry } from "../support/jobs.ts";

const line = (word: string): string =>
  `read t x </proc/uptime; echo ${word} $QREW_ATTEMPT $t >>"diary/$QREW_TASK"`;

/** Takes `seconds`, and keeps a diary under its name: a line with the attempt and the time when it begins, and one when it ends. */
export const diaryTask = (name: string, seconds: number, more: TaskEntry = {}): TaskEntry => ({
  name,
  command: `${line("begin")}; sleep ${seconds}; ${line("end")}`,
  ...more,
});

/** The same, but it lasts until the test makes the file `gate`. */
export const heldTask = (name: string, gate: string, more: TaskEntry = {}): TaskEntry => ({
  name,
  command: `${line("begin")}; until [ -e ${gate} ]; do sleep 0.05; done; ${line("end")}`,
  ...more,
});

export const makeDiaries = (qrew: QrewFolder): void => {
  mkdirSync(path.join(qrew.work, "diary"));
};

export interface DiaryLine {
  readonly word: string;
  readonly attempt: number;
  /** Seconds since the boot, in hundredths. */
  readonly atSeconds: number;
}

/** All diaries by the name of their task. */
export function readDiaries(qrew: QrewFolder): ReadonlyMap<string, readonly DiaryLine[]> {
  const folder = path.join(qrew.work, "diary");
  return new Map(
    readdirSync(folder).map((name) => [name, linesOf(readFileSync(path.join(folder, name), "utf8"))]),
  );
}

function linesOf(text: string): DiaryLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [word = "", attempt, atSeconds] = line.split(" ");
      return { word, attempt: Number(attempt), atSeconds: Number(atSeconds) };
    });
}

export const endedIn = (diaries: ReadonlyMap<string, readonly DiaryLine[]>): number =>
  [...diaries.values()].filter((lines) => lines.at(-1)?.word === "end").length;

/** The names of tasks that did not have exactly one attempt from its beginning to its end. */
export const disturbedIn = (diaries: ReadonlyMap<string, readonly DiaryLine[]>): string[] =>
  [...diaries]
    .filter(([, lines]) => lines.map(({ word }) => word).join() !== "begin,end")
    .map(([name]) => name);

/** The most attempts that ran at one time; those that end in the hundredth in which others begin have ended before. */
export function mostAtOnce(diaries: ReadonlyMap<string, readonly DiaryLine[]>): number {
  const changes = [...diaries.values()].flat();
  changes.sort((a, b) => a.atSeconds - b.atSeconds || (a.word === b.word ? 0 : a.word === "end" ? -1 : 1));
  let now = 0;
  let most = 0;
  for (const { word } of changes) {
    now += word === "begin" ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}
