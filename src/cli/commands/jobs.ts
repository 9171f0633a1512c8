/** `qrew jobs`: the newest first, since that is what one asks for. */
import { isFinalJobState } from "../../../protocol/states.ts";
import { MORE_JOBS_MAX } from "../../client/read.ts";
import { parseInteger } from "../arguments.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDocument, jsonJob } from "../json.ts";
import { withReader } from "../reading.ts";
import { jobTable } from "../view/jobTable.ts";
import { formatNumber } from "../view/text.ts";

export interface JobsFlags {
  readonly limit: string;
  readonly json?: boolean;
}

const LIMIT_MAX = 1_000_000;

export function jobs(context: CommandContext, flags: JobsFlags): Promise<ExitCode> {
  const limit = parseInteger(flags.limit, "--limit", 1, LIMIT_MAX);
  const { terminal } = context;
  return withReader(context, async (reader) => {
    const page = reader.jobs(limit);
    if (flags.json === true) {
      await terminal.line(jsonDocument({ jobs: page.jobs.map(jsonJob), more: page.more > 0 }));
      return 0;
    }
    if (page.jobs.length === 0) {
      await terminal.line("There is no job yet: submit a workflow with `qrew run FILE`.");
      return 0;
    }
    for (const line of jobTable(page.jobs, Date.now(), terminal.style)) await terminal.line(line);
    const isStanding = page.jobs.some(({ state }) => !isFinalJobState(state)) && reader.holder() === null;
    if (isStanding)
      terminal.note("no daemon runs: unfinished jobs go on with the next one (qrew daemon start)");
    if (page.more > 0) {
      const count = `${page.more === MORE_JOBS_MAX ? "at least " : ""}${formatNumber(page.more)}`;
      // A remark on the list and no part of it.
      terminal.note(`and ${count} older: qrew jobs --limit ${limit + page.more}`);
    }
    return 0;
  });
}
