/** From what is typed for a job to its number. */
import { QrewError } from "../../protocol/errors.ts";
import { type JobSeq, jobSeq } from "../../protocol/ids.ts";
import type { StateReader } from "../client/read.ts";
import { parseJobReference } from "./arguments.ts";

/** Throws `usage` for what names no job, `notFound` with what there is. */
export function findJob(reader: StateReader, text: string): JobSeq {
  const reference = parseJobReference(text);
  const last = reader.lastJob();
  if (last === null) {
    throw new QrewError("notFound", "There is no job yet: submit a workflow with `qrew run FILE`.");
  }
  if (reference.type === "last") return last;
  const job = jobSeq(reference.value);
  if (reader.job(job) !== null) return job;
  throw new QrewError("notFound", `There is no job ${reference.value}; the last one is ${last}: see \`qrew jobs\`.`);
}

/** In the order of the arguments, each once. */
export function findJobs(reader: StateReader, texts: readonly string[]): readonly JobSeq[] {
  return [...new Set(texts.map((text) => findJob(reader, text)))];
}
