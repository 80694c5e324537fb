// One write goes to several shards, each of which takes or refuses its part for itself. Clients send again what nobody has carried out, as some codes
// say; an insert of which one shard has its rows must not end with such a code because another shard was full.
import { ElanusError, type ErrorKey } from '#base/errors.js';

/** By these a client knows that nothing was done, and sends all of it again: by the last one after a new look at the schema. */
const refusals: ReadonlySet<ErrorKey> = new Set<ErrorKey>([
  'service_not_ready',
  'session_suspended',
  'queue_full',
  'rate_limit',
  'memory_insufficient',
  'schema_mismatch',
]);
/** Nothing was done by the try that it answers. */
export const isRefusal = (error: unknown): error is ElanusError =>
  error instanceof ElanusError && refusals.has(error.key);

/**
 * What all of them give, not before all have settled: none goes on with rows that were handed to it. When some fail, the first failure that leaves it
 * open whether anything was written, if there is one.
 * @throws service_unavailable where some took their part and the others refused theirs
 */
export async function ofAllShards<T>(parts: readonly Promise<T>[]): Promise<T[]> {
  const ends = await Promise.allSettled(parts);
  const failures = ends.flatMap((end): unknown[] => (end.status === 'rejected' ? [end.reason] : []));
  const open = failures.find((failure) => !isRefusal(failure));
  if (open !== undefined) throw open;
  const [refusal] = failures;
  if (refusal instanceof ElanusError && failures.length < parts.length)
    throw new ElanusError(
      'service_unavailable',
      `${refusal.message}; ${parts.length - failures.length} of ${parts.length} shards have their part of the write already: an upsert may be sent again, an insert would be there twice`,
      { cause: refusal },
    );
  return Promise.all(parts);
}
