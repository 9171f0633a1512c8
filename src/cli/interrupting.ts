/** What a signal does to a submission: before it is sealed nothing was accepted; from then on the manager's word counts. */
import type { CommandContext, EndingSignal } from "./context.ts";

export type Interruptible<Result> =
  /** `signal` came when it was too late to take the submission back; null if none came. */
  | { readonly type: "done"; readonly result: Result; readonly signal: EndingSignal | null }
  /** The work was left where it stood. The user was told whether there may be a job. */
  | { readonly type: "left"; readonly signal: EndingSignal };

/**
 * Runs `submit`, which calls `onSeal` right before the manager is asked to accept. A signal before that leaves at once; one
 * after it is kept until the manager has answered, since a job that nobody knows of would run; a second one leaves.
 * Nothing but promises may stand between the return and the caller's own handler: signals come between turns.
 */
export async function interruptible<Result>(
  context: CommandContext,
  submit: (onSeal: () => void) => Promise<Result>,
): Promise<Interruptible<Result>> {
  const { terminal } = context;
  let leave = (_left: Interruptible<Result>): void => undefined;
  const left = new Promise<Interruptible<Result>>((resolve) => {
    leave = resolve;
  });
  const progress: { isSealed: boolean; signal: EndingSignal | null } = { isSealed: false, signal: null };
  const offSignal = context.onSignal((signal) => {
    if (progress.isSealed && progress.signal === null) {
      progress.signal = signal;
      terminal.note("interrupted; waiting for the number of the job (a second signal leaves at once)");
      return;
    }
    terminal.note(
      progress.isSealed
        ? "qrew: left before the manager answered: see with `qrew jobs` whether the job is there."
        : "qrew: interrupted: nothing was submitted.",
    );
    leave({ type: "left", signal });
  });
  const work = async (): Promise<Interruptible<Result>> => {
    const result = await submit(() => {
      progress.isSealed = true;
    });
    return { type: "done", result, signal: progress.signal };
  };
  try {
    return await Promise.race([work(), left]);
  } finally {
    offSignal();
  }
}
