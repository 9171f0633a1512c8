/*
 * A process of the bare chain (bareChain.ts), which hands on what comes and keeps nothing. Whoever starts it ends it.
 *
 *   relay.mjs OWN pass NEXT           from the socket OWN to the socket NEXT, and the answer back
 *   relay.mjs OWN flush NEXT FILE     the same, with a sector of the file on disk before the answer goes back
 *   relay.mjs OWN spawn PROGRAM …     a byte to the program for each message; the answer when a byte comes back
 *
 * Says `ready` when the socket is bound; ends at the latest when its standard input does.
 */
import { spawn } from "node:child_process";
import { fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { Dealer, Router } from "zeromq";

const SECTOR_BYTES = 512;
const FILE_BYTES = 256 * 1024;

const [own, kind, ...rest] = process.argv.slice(2);
const up = new Router();
await up.bind(`ipc://${own}`);
if (kind === "spawn") await relayToProgram(rest);
else relayToSocket(...rest);
process.stdin.resume().once("end", () => process.exit(0));
process.stdout.write("ready\n");

function relayToSocket(next, file) {
  const down = new Dealer();
  down.connect(`ipc://${next}`);
  const flush = file === undefined ? () => undefined : flusher(file);
  let peer;
  void (async () => {
    for await (const [address, frame] of up) {
      peer = address;
      await down.send(frame);
    }
  })();
  void (async () => {
    for await (const [frame] of down) {
      flush(frame);
      await up.send([peer, frame]);
    }
  })();
}

/** As qrew's journal: into a file that has its blocks already. */
function flusher(file) {
  const descriptor = openSync(file, "w");
  writeSync(descriptor, Buffer.alloc(FILE_BYTES), 0, FILE_BYTES, 0);
  fsyncSync(descriptor);
  let at = 0;
  return (frame) => {
    writeSync(descriptor, Buffer.alloc(SECTOR_BYTES, frame), 0, SECTOR_BYTES, at);
    fdatasyncSync(descriptor);
    at = (at + SECTOR_BYTES) % FILE_BYTES;
  };
}

async function relayToProgram([program, ...args]) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  let asked;
  child.stdout.on("data", () => void up.send(asked));
  void (async () => {
    for await (const parts of up) {
      asked = parts;
      child.stdin.write("x");
    }
  })();
}
