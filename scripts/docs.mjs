// `npm run docs`: writes docs/commands.md from the built program. A test says when that is due.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { asCommand, ensureBuilt, ROOT } from "./ensure.mjs";

await asCommand(async () => {
  await ensureBuilt();
  const { commandsMarkdown } = await import(
    pathToFileURL(join(ROOT, "dist", "src", "cli", "reference.js")).href
  );
  writeFileSync(join(ROOT, "docs", "commands.md"), commandsMarkdown());
  return 0;
});
