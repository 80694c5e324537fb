// What the life cycles of this folder share: a record in a state that this release does not know, and a move that does not exist.
import { ElanusError } from '#base/errors.js';

/**
 * A state as it was read: one of those known here.
 * @param what names the record, as `segment 7`
 * @throws unsupported for a state of a newer release, which a guess could only harm; data_corrupt for none at all
 */
export function knownState<S extends string>(what: string, state: string, known: readonly S[]): S {
  const found = known.find((one) => one === state);
  if (found !== undefined) return found;
  const expected = `expected ${known.slice(0, -1).join(', ')} or ${known.at(-1)}`;
  if (state === '')
    throw new ElanusError(
      'data_corrupt',
      `${what} has no state, ${expected}; restore the data folder from a copy`,
    );
  throw new ElanusError(
    'unsupported',
    `${what} is in the state "${state}", ${expected}: a newer release wrote it; use that release or a newer one`,
  );
}

/** A move that the life cycle does not have: a decision that rests on something else than what is there. */
export const refusedMove = (what: string, state: string, event: string, expected: string): ElanusError =>
  new ElanusError(
    'internal',
    `${what} is ${state}, "${event}" expects ${expected}; nothing was changed: read its record again`,
  );
