/** `npm run build`: installs if need be and builds if need be. */
import { asCommand, ensureBuilt } from "./ensure.mjs";

await asCommand(async () => {
  await ensureBuilt();
  return 0;
});
