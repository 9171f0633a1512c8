/** What a verification finds wrong with a store. */
import { QrewError } from "../../../protocol/errors.ts";
import { WAYS_OUT } from "../storeDamage.ts";

/** More are counted, not listed: a damaged page may be thousands of records. */
const LISTED_MAX = 100;

export class Findings {
  readonly listed: string[] = [];
  total = 0;

  add(sentence: string): void {
    this.total += 1;
    if (this.listed.length < LISTED_MAX) this.listed.push(sentence);
  }

  /** What `read` gives; null, and a finding, where that is damaged. Throws everything else. */
  reading<Result>(read: () => Result): Result | null {
    try {
      return read();
    } catch (thrown) {
      const error = QrewError.from(thrown);
      if (error.code !== "storeDamaged") throw thrown;
      this.add(error.message.endsWith(WAYS_OUT) ? error.message.slice(0, -WAYS_OUT.length) : error.message);
      return null;
    }
  }
}
