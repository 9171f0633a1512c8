/** The forkserver that ends with a report at its first wrong access, overflow or leak: its log then says what it was. */
import { execFileSync } from "node:child_process";

const PROGRAM = "dist/test/forkserver-sanitized";
/** Memory that was freed is kept back for a while, to see who still uses it: little of it, since growth is judged too. */
const OPTIONS = "quarantine_size_mb=1:detect_leaks=1:allocator_may_return_null=1";

/** Compiles it if need be. From now on it is started in place of the other one; the result ends that. */
export function useSanitized(): () => void {
  execFileSync(process.execPath, ["scripts/build-forkserver.mjs", "--sanitized"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const { QREW_FORKSERVER: program, ASAN_OPTIONS: options } = process.env;
  Object.assign(process.env, { QREW_FORKSERVER: PROGRAM, ASAN_OPTIONS: options ?? OPTIONS });
  return () => {
    restore("QREW_FORKSERVER", program);
    restore("ASAN_OPTIONS", options);
  };
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

export const isSanitized = (): boolean => process.env["QREW_FORKSERVER"] === PROGRAM;

/** What the sanitizers have said in a log; null: nothing. */
export const complaintIn = (log: string): string | null =>
  /Sanitizer|runtime error/.test(log) ? log.slice(0, 10_000) : null;
