import { expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import {
  deleteSubmissionKey,
  putSubmissionKey,
  readSubmissionKey,
} from "../../../src/store/submissionKeys.ts";

it("a key leads to its job until the job is deleted, and to no other", () => {
  const store = openMemoryStore();
  const keyOf = (key: string) => store.read((reader) => readSubmissionKey(reader, key));
  const long = "\u00e9".repeat(100);
  store.write((writer) => {
    putSubmissionKey(writer, "night", { job: jobSeq(1), digest: "a" });
    putSubmissionKey(writer, long, { job: jobSeq(2), digest: "b" });
  });
  expect(keyOf("night")).toEqual({ job: 1, digest: "a" });
  expect(keyOf(long)).toEqual({ job: 2, digest: "b" });
  expect(keyOf("nigh")).toBeNull();
  store.write((writer) => {
    deleteSubmissionKey(writer, jobSeq(1));
    deleteSubmissionKey(writer, jobSeq(3));
  });
  expect(keyOf("night")).toBeNull();
  expect(keyOf(long)?.job).toBe(2);
});
