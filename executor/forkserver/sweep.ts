/** Ending what a dead forkserver left behind: its direct children died with it, the rest is known by its mark. */
import { Hunt, type HuntResult } from "./hunt.ts";
import { Lookout } from "./lookout.ts";

/**
 * Ends every process whose environment carries a mark with this prefix, and its descendants: SIGTERM, after the grace
 * SIGKILL. Resolves when none is left, at the latest ten seconds after the grace; then `survivors` says how many hang.
 * Starts nothing, and never signals a process whose start time is not the one that was looked at.
 *
 * @param prefix `instanceUuid/` for everything of a state folder, `instanceUuid/job/` for a job (protocol/ids.ts).
 */
export function sweepMarked(prefix: string, graceMs: number): Promise<HuntResult> {
  if (prefix === "") return Promise.resolve({ ended: 0, survivors: 0 });
  const quarry = {
    matches: ({ mark }: { readonly mark: string }) => mark.startsWith(prefix),
    isOthers: () => false,
    unreapedLeader: () => null,
    mayConclude: () => true,
  };
  return new Hunt(new Lookout(), quarry, graceMs).run();
}
