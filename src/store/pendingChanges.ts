/**
 * What was changed since the last flush, as the bytes of one entry of the journal (lmdbJournal.ts): for each change the length of the key
 * (u16), the length of the value (u32, DELETED where the key was deleted), key and value.
 */
import { assert } from "../../protocol/errors.ts";

/** Left free for the journal, before the changes. */
export const ENTRY_HEADER_BYTES = 36;
/** About fifty jobs of one task. What is more is worth a checkpoint, and not worth being copied. */
const ENTRY_BYTES_MAX = 32 * 1024;
const CHANGE_HEADER_BYTES = 6;
const DELETED = 0xffff_ffff;

export interface Change {
  readonly key: Uint8Array;
  /** Null: the key was deleted. */
  readonly value: Uint8Array | null;
}

export class PendingChanges {
  readonly #bytes = Buffer.alloc(ENTRY_BYTES_MAX);
  #length = ENTRY_HEADER_BYTES;
  /** Length before the transaction that is under way. */
  #begun = ENTRY_HEADER_BYTES;
  #isTooMuch = false;

  begin(): void {
    this.#begun = this.#length;
  }

  /** The transaction has failed: nothing of it counts. */
  takeBack(): void {
    this.#length = this.#begun;
  }

  add(key: Uint8Array, value: Uint8Array | null): void {
    if (this.#isTooMuch) return;
    const at = this.#length;
    const keyAt = at + CHANGE_HEADER_BYTES;
    const end = keyAt + key.length + (value?.length ?? 0);
    if (end > ENTRY_BYTES_MAX) {
      this.#isTooMuch = true;
      return;
    }
    this.#bytes.writeUInt16LE(key.length, at);
    this.#bytes.writeUInt32LE(value?.length ?? DELETED, at + 2);
    this.#bytes.set(key, keyAt);
    if (value !== null) this.#bytes.set(value, keyAt + key.length);
    this.#length = end;
  }

  /** With room for the header before it; valid until the next change. Null for more than an entry holds. */
  entry(): Buffer | null {
    return this.#isTooMuch ? null : this.#bytes.subarray(0, this.#length);
  }

  /** All of it is on its way to the disk. */
  clear(): void {
    this.#length = ENTRY_HEADER_BYTES;
    this.#begun = ENTRY_HEADER_BYTES;
    this.#isTooMuch = false;
  }
}

/** The changes of an entry without its header, in their order. */
export function* changesIn(entry: Buffer): Generator<Change> {
  for (let at = 0; at < entry.length; ) {
    const keyAt = at + CHANGE_HEADER_BYTES;
    const valueAt = keyAt + entry.readUInt16LE(at);
    const length = entry.readUInt32LE(at + 2);
    const end = valueAt + (length === DELETED ? 0 : length);
    assert(end <= entry.length, "a change in the journal ends in its entry");
    yield {
      key: entry.subarray(keyAt, valueAt),
      value: length === DELETED ? null : entry.subarray(valueAt, end),
    };
    at = end;
  }
}
