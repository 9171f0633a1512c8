/** How a process is named in a record. */
import * as v from "valibot";
import { countField } from "../../protocol/fields.ts";

export const processFields = {
  pid: countField,
  /** Field 22 of /proc/PID/stat. */
  startTime: v.string(),
  /** Records of the first version have none. */
  bootId: v.optional(v.string(), ""),
} as const;
