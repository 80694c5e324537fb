// What a run leaves behind once its trace is gone.
import type { SimulationResult } from './simulation.js';

export interface SeedTask {
  readonly seed: number;
  readonly steps?: number;
  /** Played in every round. */
  readonly scenario?: string;
}

export interface SeedOutcome {
  readonly seed: number;
  readonly operations: number;
  readonly events: number;
  readonly hash: string;
  readonly violation: string | undefined;
  /** The last events before a violation. */
  readonly lastLines: readonly string[];
}

const LAST_LINES = 40;

export function summarise(result: SimulationResult): SeedOutcome {
  const { seed, operations, hash, violation, lines } = result;
  return {
    seed,
    operations,
    events: lines.length,
    hash,
    violation,
    lastLines: violation === undefined ? [] : lines.slice(-LAST_LINES),
  };
}
