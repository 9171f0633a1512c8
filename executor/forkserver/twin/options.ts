/** The command line of the twin; the same as the C program's. */
import { parseArgs } from "node:util";
import { OUTPUT_BYTES_MAX, SOCKET_PATH_BYTES_MAX } from "../../../protocol/limits.ts";

export interface TwinOptions {
  readonly socketPath: string;
  readonly logPath: string | null;
  readonly aloneMs: number;
  readonly idleMs: number;
  /** Known so that both take the same options; Node cannot punch holes. */
  readonly outputBytesMax: number;
  /** This process is the daemon, not the one that starts it. */
  readonly serve: boolean;
}

export const USAGE =
  "usage: twin --socket PATH [--log FILE] [--alone-seconds N] [--idle-seconds N] [--output-bytes-max N] [--spool FOLDER] [--launchers N]";

const IDLE_SECONDS = 10;
const ALONE_SECONDS = 24 * 3600;

/** A sentence if they are wrong. */
export function parseTwinOptions(args: readonly string[]): TwinOptions | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        socket: { type: "string" },
        log: { type: "string" },
        "alone-seconds": { type: "string" },
        "idle-seconds": { type: "string" },
        "output-bytes-max": { type: "string" },
        // Known so that both take the same options; here each attempt has its own files, and Node starts one after another.
        spool: { type: "string" },
        launchers: { type: "string" },
        serve: { type: "boolean" },
      },
    });
    const socketPath = values.socket ?? "";
    if (!socketPath.startsWith("/") || Buffer.byteLength(socketPath) > SOCKET_PATH_BYTES_MAX) {
      return `--socket has to be an absolute path of at most ${SOCKET_PATH_BYTES_MAX} bytes`;
    }
    return {
      socketPath,
      logPath: values.log ?? null,
      aloneMs: parseNumber(values["alone-seconds"], ALONE_SECONDS) * 1000,
      idleMs: parseNumber(values["idle-seconds"], IDLE_SECONDS) * 1000,
      outputBytesMax: parseNumber(values["output-bytes-max"], OUTPUT_BYTES_MAX),
      serve: values.serve ?? false,
    };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${USAGE}`;
  }
}

function parseNumber(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,12}$/.test(text)) throw new Error(`${text} is not a number`);
  return Number(text);
}
