/** Settings of a state folder, written before its daemon starts. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { QrewFolder } from "../support/qrew.ts";

export function writeSettings(qrew: QrewFolder, settings: object): void {
  mkdirSync(qrew.home, { recursive: true, mode: 0o700 });
  writeFileSync(path.join(qrew.home, "config.json"), JSON.stringify(settings));
}
