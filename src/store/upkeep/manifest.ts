/** What a backup says of itself. It is written last: a folder without it is no backup. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { QrewError } from "../../../protocol/errors.ts";
import { countField, wallMsField } from "../../../protocol/fields.ts";
import { syncFile } from "./copyStore.ts";

const FILE = "backup.json";
/** Raised with every change that an older qrew would misread. */
const VERSION = 1;

const manifestSchema = v.strictObject({
  version: v.literal(VERSION),
  packageVersion: v.string(),
  createdAtMs: wallMsField,
  /** The state folder that it is of; outputs are named by their whole path. */
  home: v.string(),
  instance: v.nullable(v.string()),
  stores: v.array(v.strictObject({ name: v.string(), entries: countField, bytes: countField })),
  outputBytes: countField,
});
export type Manifest = v.InferOutput<typeof manifestSchema>;

export function writeManifest(folder: string, manifest: Omit<Manifest, "version">): void {
  const file = path.join(folder, FILE);
  writeFileSync(file, `${JSON.stringify({ version: VERSION, ...manifest }, null, 2)}\n`, { mode: 0o600 });
  syncFile(file);
}

/** Throws `notFound` where no backup is, `refused` for one that this qrew does not understand. */
export function readManifest(folder: string): Manifest {
  const file = path.join(folder, FILE);
  if (!existsSync(file))
    throw new QrewError(
      "notFound",
      `${folder} is no backup: name a folder that \`qrew store backup\` has made.`,
    );
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), manifestSchema), readFileSync(file, "utf8"));
  if (parsed.success) return parsed.output;
  const why = parsed.issues[0].message;
  throw new QrewError(
    "refused",
    `The backup ${folder} cannot be read (${why}): restore it with the qrew that made it.`,
  );
}
