/** The commands of one step to the TaskExecutor, in their order; attempts and acknowledgements that follow each other are joined. */
import type { AttemptSpec, ExecutorCommand } from "../protocol/executorLink.ts";
import type { AttemptId, JobSeq } from "../protocol/ids.ts";

/** Attempts in one message: a frame of short ones is full at about this number. */
const ATTEMPTS_PER_MESSAGE = 256;

/** Commands, environments and inputs may be long (3 MiB together), and a frame is bounded. */
const MESSAGE_BYTES_TARGET = 1024 * 1024;

export class ExecutorMailbox {
  readonly #commands: ExecutorCommand[] = [];
  #attempts: AttemptSpec[] = [];
  #sizeBytes = 0;
  /** Of each job; as many as are sent ahead at most. */
  readonly #noops = new Map<JobSeq, number[]>();

  run(spec: AttemptSpec): void {
    this.#attempts.push(spec);
    this.#sizeBytes += lengthOf(spec);
    const full = this.#attempts.length === ATTEMPTS_PER_MESSAGE || this.#sizeBytes >= MESSAGE_BYTES_TARGET;
    if (full) this.#closeBatch();
  }

  runNoop({ job, task, attempt }: AttemptId): void {
    let attempts = this.#noops.get(job);
    if (attempts === undefined) {
      attempts = [];
      this.#noops.set(job, attempts);
    }
    attempts.push(task, attempt);
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
    for (const [job, attempts] of this.#noops) this.#commands.push({ type: "runNoops", job, attempts });
    this.#noops.clear();
    return this.#commands;
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
