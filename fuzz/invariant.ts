// What every decoder owes whoever sends it bytes: a result, or an error of ours that says what is wrong. Anything else is a bug.
import { expect } from 'vitest';
import { ElanusError } from '#base/errors.js';

export const SEED = 20_260_101;
/** @returns what `run` gives, or undefined after a typed error. */
export function typedOrResult<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ElanusError)) throw error;
    // `internal` is how a surprise is reported, so here it would be one.
    expect(error.key, error.message).not.toBe('internal');
    expect(error.message.length).toBeLessThan(5000);
    return undefined;
  }
}

/** A copy with some bytes changed, cut off or added. */
export function damaged(
  bytes: Uint8Array,
  damage: {
    readonly flips: readonly (readonly [at: number, mask: number])[];
    readonly keep: number;
    readonly more: Uint8Array;
  },
): Uint8Array {
  const kept = bytes.slice(0, Math.round(bytes.length * damage.keep));
  for (const [at, mask] of damage.flips)
    if (kept.length > 0)
      kept[Math.floor(at * kept.length)] = (kept[Math.floor(at * kept.length)] ?? 0) ^ mask;
  const result = new Uint8Array(kept.length + damage.more.length);
  result.set(kept);
  result.set(damage.more, kept.length);
  return result;
}
