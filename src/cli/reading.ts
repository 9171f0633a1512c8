/** Commands that only read: the state folder is opened for the time of the command and closed whatever happens. */
import { StateReader } from "../client/read.ts";
import type { CommandContext } from "./context.ts";

export async function withReader<Result>(
  context: CommandContext,
  body: (reader: StateReader) => Promise<Result>,
): Promise<Result> {
  const reader = new StateReader((await context.home()).folder);
  try {
    return await body(reader);
  } finally {
    await reader.close();
  }
}
