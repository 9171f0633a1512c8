/** From what is typed for jobs to the jobs. */
import { assertNever, QrewError } from "../../protocol/errors.ts";
import { type JobSeq, jobSeq } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { JobView } from "../client/jobView.ts";
import type { StateReader } from "../client/read.ts";
import { JOB_NUMBER_MAX, type JobSelector, parseSelectors, type RangeEnd } from "./selectors.ts";

/** As many as one request to the manager may name. */
export const SELECTED_JOBS_MAX = 10_000;

/** Exactly one job. Throws `usage` for what names none or several, `notFound` with what there is. */
export function findJob(reader: StateReader, text: string): JobView {
  const [job, second] = findJobs(reader, [text]);
  if (job !== undefined && second === undefined) return job;
  throw new QrewError(
    "usage",
    `${text} stands for several jobs, and this command takes one: name its number.`,
  );
}

export interface FindOptions {
  /** What `all` stands for. Default: all there are. */
  readonly all?: "open" | "every";
}

/** In the order of the arguments, each once; ranges and `all` from the oldest to the newest. At least one, but for `all`. */
export function findJobs(
  reader: StateReader,
  texts: readonly string[],
  options: FindOptions = {},
): readonly JobView[] {
  const selectors = texts.flatMap(parseSelectors);
  const last = reader.lastJob();
  if (last === null) {
    throw new QrewError("notFound", "There is no job yet: submit a workflow with `qrew run FILE`.");
  }
  const found = new Map<JobSeq, JobView>();
  for (const selector of selectors) {
    for (const job of selected(reader, selector, last, options))
      found.set(job.job, found.get(job.job) ?? job);
    if (found.size > SELECTED_JOBS_MAX) throw tooMany();
  }
  return [...found.values()];
}

function selected(
  reader: StateReader,
  selector: JobSelector,
  last: JobSeq,
  { all = "every" }: FindOptions,
): readonly JobView[] {
  switch (selector.type) {
    case "one":
      return [theJob(reader, selector.job, last)];
    case "range": {
      const jobs = jobsBetween(reader, endOf(selector.first, last), endOf(selector.last, last));
      if (jobs.length > 0) return jobs;
      const range = `${selector.first}-${selector.last}`;
      throw new QrewError(
        "notFound",
        `There is no job in ${range}; the last one is ${last}: see \`qrew jobs\`.`,
      );
    }
    case "all":
      return jobsBetween(reader, 1, JOB_NUMBER_MAX, all === "open" ? isOpen : undefined);
    default:
      return assertNever(selector);
  }
}

const isOpen = (job: JobView): boolean => !isFinalJobState(job.state);

const endOf = (end: RangeEnd, last: JobSeq): number => (end === "last" ? last : end);

function theJob(reader: StateReader, end: RangeEnd, last: JobSeq): JobView {
  const job = reader.job(end === "last" ? last : jobSeq(end));
  if (job !== null) return job;
  throw new QrewError("notFound", `There is no job ${end}; the last one is ${last}: see \`qrew jobs\`.`);
}

function jobsBetween(
  reader: StateReader,
  first: number,
  last: number,
  matches: (job: JobView) => boolean = () => true,
): readonly JobView[] {
  const jobs: JobView[] = [];
  for (const job of reader.eachJob(last < JOB_NUMBER_MAX ? jobSeq(last + 1) : undefined)) {
    if (job.job < first) break;
    if (matches(job)) jobs.push(job);
    if (jobs.length > SELECTED_JOBS_MAX) throw tooMany();
  }
  return jobs.toReversed();
}

const tooMany = (): QrewError =>
  new QrewError("refused", `More than ${SELECTED_JOBS_MAX} jobs are named: take a smaller range.`);
