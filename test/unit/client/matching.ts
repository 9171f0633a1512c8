import { expect } from "vitest";

/** Text with this in it, for `toMatchObject`; vitest's own matcher is typed as anything. */
export const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
