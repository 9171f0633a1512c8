/** `npm run bench [-- SCENARIO…]`: installs and builds if need be, then measures the build. See bench/README.md. */
import { register } from "tsx/esm/api";
import { asCommand, ensureBuilt } from "./ensure.mjs";

await asCommand(async () => {
  await ensureBuilt();
  register();
  const { main } = await import("../bench/main.ts");
  return main(process.argv.slice(2));
});
