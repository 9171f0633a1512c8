/**
 * `npm run bench [-- SCENARIO…]` and `npm run bench:gate`: install and build if need be, then measure the build. See
 * bench/README.md.
 */
import { register } from "tsx/esm/api";
import { asCommand, ensureBuilt } from "./ensure.mjs";

await asCommand(async () => {
  await ensureBuilt();
  register();
  const [first, ...rest] = process.argv.slice(2);
  if (first === "--gate") {
    const { gate } = await import("../bench/gate.ts");
    return gate();
  }
  const { main } = await import("../bench/main.ts");
  return main(first === undefined ? [] : [first, ...rest]);
});
