/** A map in the order of its byte keys: sorted pieces of bounded size, so that an insertion moves few entries. */

const PIECE_ENTRIES_MAX = 256;

interface Entry {
  readonly key: Buffer;
  value: Uint8Array;
}

export class OrderedMap {
  private readonly pieces: Entry[][] = [[]];

  get(key: Uint8Array): Uint8Array | undefined {
    const { piece, index, found } = this.locate(key);
    return found ? piece[index]?.value : undefined;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    const { pieceIndex, piece, index, found } = this.locate(key);
    const existing = piece[index];
    if (found && existing !== undefined) {
      existing.value = value;
      return;
    }
    piece.splice(index, 0, { key: Buffer.from(key), value });
    if (piece.length > PIECE_ENTRIES_MAX) {
      this.pieces.splice(pieceIndex + 1, 0, piece.splice(PIECE_ENTRIES_MAX / 2));
    }
  }

  delete(key: Uint8Array): void {
    const { pieceIndex, piece, index, found } = this.locate(key);
    if (!found) return;
    piece.splice(index, 1);
    if (piece.length === 0 && this.pieces.length > 1) this.pieces.splice(pieceIndex, 1);
  }

  /** The first entry with a key of at least `key` (after it, with `exclusive`). */
  atOrAfter(key: Uint8Array, exclusive: boolean): readonly [Uint8Array, Uint8Array] | undefined {
    const { pieceIndex, piece, index, found } = this.locate(key);
    const entry = piece[index + (found && exclusive ? 1 : 0)] ?? this.pieces[pieceIndex + 1]?.[0];
    return entry === undefined ? undefined : [entry.key, entry.value];
  }

  /** The last entry with a key below `key`. */
  before(key: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined {
    const { pieceIndex, piece, index } = this.locate(key);
    const entry = piece[index - 1] ?? this.pieces[pieceIndex - 1]?.at(-1);
    return entry === undefined ? undefined : [entry.key, entry.value];
  }

  /** Where the key is, or would have to be. */
  private locate(key: Uint8Array) {
    let low = 0;
    let high = this.pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const first = this.pieces[middle]?.[0];
      if (first !== undefined && Buffer.compare(first.key, key) <= 0) low = middle;
      else high = middle - 1;
    }
    const piece = this.pieces[low] ?? [];
    let index = 0;
    let end = piece.length;
    while (index < end) {
      const middle = (index + end) >>> 1;
      const entry = piece[middle];
      if (entry !== undefined && Buffer.compare(entry.key, key) < 0) index = middle + 1;
      else end = middle;
    }
    const at = piece[index];
    return { pieceIndex: low, piece, index, found: at !== undefined && Buffer.compare(at.key, key) === 0 };
  }
}
