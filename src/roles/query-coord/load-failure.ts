// Why a round did not serve all of a collection, in the words of those who ask.
import { ElanusError, messageOf } from '#base/errors.js';
import type { LoadFailure } from '#model/states/load.js';

/**
 * What a failed round means for those who ask. Not fitting in memory and damage are said at once, since waiting mends neither; both are tried
 * again all the same, as memory becomes free and a file may be put back. A file that is not there may be one of a segment that was dropped
 * while the round ran: the next round, which lists anew, does not ask for it, so it counts as damage only when it fails twice.
 */
export function failureOf(error: unknown, before: LoadFailure | undefined): LoadFailure {
  const reason = messageOf(error);
  const key = error instanceof ElanusError ? error.key : undefined;
  const isDamage = key === 'data_corrupt' || (key === 'object_not_found' && before?.reason === reason);
  return { reason, cause: key === 'memory_limit' ? 'memory' : isDamage ? 'damage' : 'other' };
}

/** A flush that overtakes a round, or a peer that is just starting, is everyday; what goes on failing is not. */
export const isTransient = (error: unknown): boolean =>
  error instanceof ElanusError && error.spec.retry !== 'never';
