/** A rule of Makeflow, whether it was written in Makeflow's own language or in JSON. */
import type { Place } from "../fault.ts";

export interface RuleFile {
  /** As it is called in the folder of the workflow; normalised, so that `./a` and `a` are one file. */
  readonly name: string;
  /** As the command calls it: another name only where the file is renamed for it. */
  readonly taskName: string;
  readonly place: Place;
}

export type RuleAction =
  | { readonly type: "command"; readonly command: string }
  /** Another Makeflow, run as a whole in `workdir`, whose paths are relative to that of this one. */
  | {
      readonly type: "workflow";
      readonly path: string;
      readonly workdir: string;
      /** Its variables: an object in JX; null where it is given none. */
      readonly args: string | null;
    };

export interface Rule {
  readonly place: Place;
  readonly outputs: readonly RuleFile[];
  readonly inputs: readonly RuleFile[];
  readonly action: RuleAction;
  readonly env: Readonly<Record<string, string>>;
  readonly resources: RuleResources;
}

/** Null where nothing was asked for. Makeflow's DISK has no counterpart. */
export interface RuleResources {
  readonly cores: number | null;
  readonly memoryMegabytes: number | null;
  readonly gpus: number | null;
  readonly wallTimeSeconds: number | null;
}

export const isRenamed = (file: RuleFile): boolean => file.name !== file.taskName;
