/** qrew as a contender: a job from its submission to the word that its end is flushed, on a warm daemon. */
import type { Contender } from "../compare.ts";
import type { BenchDaemon } from "../daemon.ts";
import type { DocumentBytes } from "../../src/client/index.ts";

export const QREW_RECORDS =
  "every state, times, exit code, cpu time, peak memory, output; flushed to disk, survives any death";

/** `document` makes a job of about so many tasks; a few more for a source and a sink do not count. */
export const qrewContender = (
  daemon: BenchDaemon,
  document: (tasks: number) => DocumentBytes,
  tasks: number,
): Contender => ({
  name: "qrew",
  records: QREW_RECORDS,
  tasks,
  run: async (count) => {
    const { acceptSeconds, runSeconds } = await daemon.runJob(document(count));
    return acceptSeconds + runSeconds;
  },
});
