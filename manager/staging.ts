/** Documents on their way in, as files unless they are short: what a client sends does not pile up in memory. Emptied at the start. */
import { createHash, type Hash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { appendFile, rm } from "node:fs/promises";
import path from "node:path";
import type { SubmissionOptions } from "../protocol/clientLink.ts";
import { QrewError } from "../protocol/errors.ts";
import type { Document } from "./plannerMessages.ts";
import { TransientMap } from "../src/transientMap.ts";

export class Staging {
  readonly #folder: string;
  /** The last write of each submission: pieces are written in their order. */
  readonly #writes = new TransientMap<number, Promise<void>>();

  /** Of what has come of each submission in pieces, in their order. */
  readonly #hashes = new TransientMap<number, Hash>();

  /** Those that came whole. */
  readonly #kept = new TransientMap<number, Uint8Array>();

  constructor(home: string) {
    this.#folder = path.join(home, "staging");
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Of a sealed submission. */
  documentOf(submission: number): Document {
    const bytes = this.#kept.get(submission);
    return bytes === undefined ? { type: "file", path: this.#pathOf(submission) } : { type: "bytes", bytes };
  }

  #pathOf(submission: number): string {
    return path.join(this.#folder, String(submission));
  }

  /** A whole document that is short. */
  keep(submission: number, bytes: Uint8Array): void {
    this.#kept.set(submission, bytes);
  }

  /** Resolves when the piece is in the file. Throws `storeFull`. */
  append(submission: number, bytes: Uint8Array): Promise<void> {
    const before = this.#writes.get(submission) ?? Promise.resolve();
    const write = before.then(() => this.#write(submission, bytes));
    this.#writes.set(submission, write);
    const hash = this.#hashes.get(submission) ?? createHash("sha256");
    this.#hashes.set(submission, hash.update(bytes));
    return write;
  }

  /** Of all bytes of the submission so far. */
  digestOf(submission: number): string {
    const kept = this.#kept.get(submission);
    if (kept !== undefined) return createHash("sha256").update(kept).digest("hex");
    return (this.#hashes.get(submission) ?? createHash("sha256")).copy().digest("hex");
  }

  async #write(submission: number, bytes: Uint8Array): Promise<void> {
    try {
      await appendFile(this.#pathOf(submission), bytes, { mode: 0o600 });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `The document cannot be stored (${why}): make room on the disk of the state folder and submit again.`;
      throw new QrewError("storeFull", message, [], { cause: error });
    }
  }

  /** After the last write, which would make the file again. */
  forget(submission: number): void {
    this.#hashes.delete(submission);
    if (this.#kept.delete(submission)) return;
    const written = this.#writes.get(submission) ?? Promise.resolve();
    this.#writes.delete(submission);
    written
      .catch(() => undefined)
      .then(() => rm(this.#pathOf(submission), { force: true }))
      .catch(() => undefined);
  }
}

/**
 * What a submission is recognised by under its key: the bytes of the document, and what was asked for with it. The environment does
 * not count, since no two shells have the same, nor does the path of the document.
 */
export function submissionDigest(documentDigest: string, options: SubmissionOptions): string {
  const { name, directory, import: imports, priority } = options;
  const place = directory.type === "existing" ? directory.path : null;
  const asked = [name, place, imports.format, imports.timeScale, imports.sizeScale, imports.jx, priority];
  return createHash("sha256")
    .update(`${documentDigest}\n${JSON.stringify(asked)}`)
    .digest("hex");
}
