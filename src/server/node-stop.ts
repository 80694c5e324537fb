// How a process ends: within which times, and what has to close, in reverse of the order in which it was opened.
import type { StopStep } from '#platform/stop-steps.js';

export interface CloseLimits {
  /** For running calls to end by themselves, in ms; then they are aborted. */
  readonly graceMs: number;
  /** For rows to be written to files, in ms; what is not written is read from the log at the next open. */
  readonly flushMs: number;
  /** For each part to close, in ms of the wall clock: where others have the processor, a part that does little takes long. */
  readonly partMs: number;
}

export interface CloseOptions {
  readonly flush?: boolean;
  readonly limits?: CloseLimits;
}

/** Limits of a library's close: no one waits with a hard end, and rows in files make the next open faster. */
export const defaultCloseLimits: CloseLimits = { graceMs: 5000, flushMs: 30_000, partMs: 10_000 };

interface Closer {
  readonly name: string;
  readonly run: (limits: CloseLimits) => Promise<void>;
  readonly waitsFor: StopStep['waitsFor'];
}

/** What was opened so far. */
export class Closers {
  readonly #closers: Closer[] = [];

  /** @param waitsFor what the close waits for at this moment, for the reason when it takes too long */
  add(name: string, run: Closer['run'], waitsFor?: Closer['waitsFor']): void {
    this.#closers.push({ name, run, waitsFor });
  }

  /** Takes all that was added, the last first. */
  takeSteps(limits: CloseLimits): StopStep[] {
    return this.#closers
      .splice(0)
      .reverse()
      .map(({ name, run, waitsFor }) => ({
        name,
        withinMs: limits.partMs,
        run: () => run(limits),
        waitsFor,
      }));
  }
}
