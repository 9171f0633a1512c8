/** The commands of one step to the TaskExecutor, in their order; attempts and acknowledgements that follow each other are joined. */
import type { AttemptSpec, ExecutorCommand } from "../protocol/executorLink.ts";

/** Attempts in one message: their commands and environments may be long, and a frame is bounded. */
const ATTEMPTS_PER_MESSAGE = 256;

export class ExecutorMailbox {
  readonly #commands: ExecutorCommand[] = [];
  #attempts: AttemptSpec[] = [];

  run(spec: AttemptSpec): void {
    this.#attempts.push(spec);
    if (this.#attempts.length === ATTEMPTS_PER_MESSAGE) this.#closeBatch();
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
    return this.#commands;
  }

  #closeBatch(): void {
    if (this.#attempts.length === 0) return;
    this.#commands.push({ type: "runAttempts", attempts: this.#attempts });
    this.#attempts = [];
  }
}
