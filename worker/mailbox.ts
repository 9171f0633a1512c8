/** The commands of one step to the TaskExecutor, in their order; attempts and acknowledgements that follow each other are joined. */
import type { AttemptSpec, ExecutorCommand } from "../protocol/executorLink.ts";
import type { JobSeq } from "../protocol/ids.ts";

/** Attempts in one message: a frame of short ones is full at about this number. */
const ATTEMPTS_PER_MESSAGE = 256;

/** Commands, environments and inputs may be long (3 MiB together), and a frame is bounded. */
const MESSAGE_BYTES_TARGET = 1024 * 1024;

export class ExecutorMailbox {
  readonly #commands: ExecutorCommand[] = [];
  #attempts: AttemptSpec[] = [];
  #sizeBytes = 0;
  readonly #noops: ExecutorCommand[] = [];

  run(spec: AttemptSpec): void {
    this.#attempts.push(spec);
    this.#sizeBytes += lengthOf(spec);
    const full = this.#attempts.length === ATTEMPTS_PER_MESSAGE || this.#sizeBytes >= MESSAGE_BYTES_TARGET;
    if (full) this.#closeBatch();
  }

  /** They follow all others. */
  runNoops({ job, attempts }: { readonly job: JobSeq; readonly attempts: number[] }): void {
    this.#noops.push({ type: "runNoops", job, attempts });
  }

  tell(command: ExecutorCommand): void {
    const last = this.#commands.at(-1);
    if (
      command.type === "acknowledgeAttempts" &&
      last?.type === "acknowledgeAttempts" &&
      this.#attempts.length === 0
    ) {
      last.attempts.push(...command.attempts);
      return;
    }
    this.#closeBatch();
    this.#commands.push(command);
  }

  commands(): readonly ExecutorCommand[] {
    this.#closeBatch();
    return [...this.#commands, ...this.#noops];
  }

  #closeBatch(): void {
    if (this.#attempts.length === 0) return;
    this.#commands.push({ type: "runAttempts", attempts: this.#attempts });
    this.#attempts = [];
    this.#sizeBytes = 0;
  }
}

/** About as many bytes as the attempt takes in a frame: texts beyond ASCII take up to three times as many. */
function lengthOf(spec: AttemptSpec): number {
  const { command, env, stdin } = spec;
  let length = stdin?.length ?? 0;
  for (const text of typeof command === "string" ? [command] : command) length += text.length;
  for (const [name, value] of Object.entries(env)) length += name.length + value.length;
  return length;
}
