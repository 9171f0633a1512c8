import { gnuParallel, make, xargs } from "./lines.ts";
import { makeflowLocal, makeflowWorkQueue } from "./makeflow.ts";
import type { Peer } from "./peer.ts";
import { bullmq, dask, hyperQueue } from "./schedulers.ts";

/** In the order of the tables: all that run many independent commands. */
export const PEERS: readonly Peer[] = [
  make,
  xargs,
  gnuParallel,
  makeflowLocal,
  makeflowWorkQueue,
  hyperQueue,
  dask,
  bullmq,
];
