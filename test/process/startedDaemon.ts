import { QrewFolder } from "../support/qrew.ts";

/** A folder with a daemon that stays, for all tests of a file. Whoever asks closes it. */
export async function startedDaemon(...flags: readonly string[]): Promise<QrewFolder> {
  const qrew = new QrewFolder();
  const started = await qrew.call("daemon", "start", ...flags);
  if (started.code === 0 && started.stderr === "") return qrew;
  await qrew.close();
  throw new Error(`the daemon did not start: ${started.stderr}`);
}
