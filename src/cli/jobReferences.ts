/** From what is typed for a job to the job. */
import { QrewError } from "../../protocol/errors.ts";
import { jobSeq } from "../../protocol/ids.ts";
import type { JobView } from "../client/jobView.ts";
import type { StateReader } from "../client/read.ts";
import { parseJobReference } from "./arguments.ts";

/** Throws `usage` for what names no job, `notFound` with what there is. */
export function findJob(reader: StateReader, text: string): JobView {
  const reference = parseJobReference(text);
  const last = reader.lastJob();
  if (last === null) {
    throw new QrewError("notFound", "There is no job yet: submit a workflow with `qrew run FILE`.");
  }
  const job = reader.job(reference.type === "last" ? last : jobSeq(reference.value));
  if (job !== null) return job;
  throw new QrewError("notFound", `There is no job ${text}; the last one is ${last}: see \`qrew jobs\`.`);
}

/** In the order of the arguments, each once. */
export function findJobs(reader: StateReader, texts: readonly string[]): readonly JobView[] {
  const found = texts.map((text) => findJob(reader, text));
  return found.filter((job, index) => found.findIndex((other) => other.job === job.job) === index);
}
