/** Documents on their way in, as files: what a client sends does not pile up in memory. Emptied at the start. */
import { mkdirSync, rmSync } from "node:fs";
import { appendFile, rm } from "node:fs/promises";
import path from "node:path";
import { QrewError } from "../protocol/errors.ts";

export class Staging {
  readonly #folder: string;
  /** The last write of each submission: pieces are written in their order. */
  readonly #writes = new Map<number, Promise<void>>();

  constructor(home: string) {
    this.#folder = path.join(home, "staging");
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  pathOf(submission: number): string {
    return path.join(this.#folder, String(submission));
  }

  /** Resolves when the piece is in the file. Throws `storeFull`. */
  append(submission: number, bytes: Uint8Array): Promise<void> {
    const before = this.#writes.get(submission) ?? Promise.resolve();
    const write = before.then(() => this.#write(submission, bytes));
    this.#writes.set(submission, write);
    return write;
  }

  async #write(submission: number, bytes: Uint8Array): Promise<void> {
    try {
      await appendFile(this.pathOf(submission), bytes, { mode: 0o600 });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `The document cannot be stored (${why}): make room on the disk of the state folder and submit again.`;
      throw new QrewError("storeFull", message, [], { cause: error });
    }
  }

  /** After the last write, which would make the file again. */
  forget(submission: number): void {
    const written = this.#writes.get(submission) ?? Promise.resolve();
    this.#writes.delete(submission);
    written
      .catch(() => undefined)
      .then(() => rm(this.pathOf(submission), { force: true }))
      .catch(() => undefined);
  }
}
