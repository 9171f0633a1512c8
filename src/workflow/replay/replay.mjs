// The replay of a recorded task where there is no C compiler; replay.c says what it does.
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const BLOCK = new Uint8Array(1024 * 1024);

/** The longest that one timer holds is 24.8 days. */
const TIMER_MS_MAX = 2 ** 31 - 1;

function parseArguments(args) {
  let seconds = 0;
  const files = [];
  for (let index = 0; index < args.length; index += 2) {
    const [name, value = ""] = [args[index], args[index + 1]];
    const equals = value.lastIndexOf("=");
    if (name === "--seconds" && /^\d+(\.\d*)?$/.test(value)) seconds = Number(value);
    else if (name === "--write" && equals > 0 && /^\d+$/.test(value.slice(equals + 1))) {
      files.push({ path: value.slice(0, equals), bytes: Number(value.slice(equals + 1)) });
    } else return fail(`wrong argument ${name}`, 2);
  }
  return { seconds, files };
}

function fail(message, code) {
  process.stderr.write(`replay: ${message}\n`);
  process.exit(code);
}

function writeFile(path, bytes) {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, "w");
  try {
    for (let left = bytes; left > 0; ) left -= writeSync(file, BLOCK, 0, Math.min(left, BLOCK.length));
  } finally {
    closeSync(file);
  }
}

const { seconds, files } = parseArguments(process.argv.slice(2));
for (let leftMs = seconds * 1000; leftMs > 0; leftMs -= TIMER_MS_MAX)
  await delay(Math.min(leftMs, TIMER_MS_MAX));
for (const { path, bytes } of files) {
  try {
    writeFile(path, bytes);
  } catch (error) {
    fail(`${path} cannot be written: ${error.message}`, 1);
  }
}
