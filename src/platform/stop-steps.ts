// Ends what a process runs, one step after the other, each within its time. A step that fails or takes too long is reported and left behind:
// the steps after it still run, so that locks are given back whatever happened before.
import { ElanusError, messageOf } from '#base/errors.js';
import type { Timers } from './time.js';

export interface StopStep {
  readonly name: string;
  /** How long the step may take, in ms; then its signal aborts and the next one begins. */
  readonly withinMs: number;
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** What the step waits for at this moment, for the reason when it takes too long. */
  readonly waitsFor?: (() => string | undefined) | undefined;
}

/** @returns one error for each step that did not end well */
export async function runStopSteps(timers: Timers, steps: readonly StopStep[]): Promise<ElanusError[]> {
  const failures: ElanusError[] = [];
  for (const step of steps) {
    const failure = await runStep(timers, step);
    if (failure !== undefined) failures.push(failure);
  }
  return failures;
}

function runStep(
  timers: Timers,
  { name, withinMs, run, waitsFor }: StopStep,
): Promise<ElanusError | undefined> {
  return new Promise((resolve) => {
    const late = new AbortController();
    const timer = timers.after(withinMs, () => {
      late.abort();
      const what = waitsFor?.();
      const reason = what === undefined ? '' : `: it waits for ${what}`;
      resolve(new ElanusError('deadline_exceeded', `${name} did not end within ${withinMs} ms${reason}`));
    });
    const end = (failure?: ElanusError): void => {
      timer.cancel();
      resolve(failure);
    };
    // An async function, so that a throw before the first await is a failure too.
    const running = (async () => run(late.signal))();
    running.then(
      () => end(),
      (error: unknown) =>
        end(
          new ElanusError(
            error instanceof ElanusError ? error.key : 'internal',
            `${name}: ${messageOf(error)}`,
          ),
        ),
    );
  });
}

/** @throws ElanusError the first failure's key, the reasons of all */
export function throwFailures(failures: readonly ElanusError[]): void {
  const [first] = failures;
  if (first === undefined) return;
  const reasons = failures.map(({ message }) => message).join('; ');
  throw new ElanusError(first.key, `closed, but not all was done: ${reasons}`, { cause: first });
}
