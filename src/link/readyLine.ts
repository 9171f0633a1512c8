/**
 * How a started actor tells its starter that it serves, or why it cannot: one line of JSON on descriptor 3, which it then
 * closes. Nothing is written where nobody has opened that descriptor.
 */
import { closeSync, fstatSync, writeSync } from "node:fs";
import type { QrewError } from "../../protocol/errors.ts";

const READY_DESCRIPTOR = 3;

export const tellReady = (facts: Readonly<Record<string, number>>): void => tell({ ready: true, ...facts });

export const tellFailure = (error: QrewError): void =>
  tell({ error: { code: error.code, message: error.message } });

function tell(line: object): void {
  try {
    const stat = fstatSync(READY_DESCRIPTOR);
    if (!stat.isFIFO() && !stat.isSocket()) return;
    writeSync(READY_DESCRIPTOR, `${JSON.stringify(line)}\n`);
    closeSync(READY_DESCRIPTOR);
  } catch {
    // The starter is gone, or there never was one: nobody to tell.
  }
}
