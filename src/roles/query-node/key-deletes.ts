// Deletes as they come to a query-node, and as segments take them.
import type { Deletes } from '#proto/elanus/roles.js';
import type { KeyDeletes } from '#segment/apply-deletes.js';
import { aligned } from '#segment/search/hits.js';

/** Undefined: there are none. */
export function keyDeletes(deletes: Deletes | undefined): KeyDeletes | undefined {
  if (deletes?.keys === undefined) return undefined;
  const timestamps = new BigUint64Array(aligned(deletes.timestamps));
  const partitionIds = new BigInt64Array(aligned(deletes.partitionIds));
  return {
    keys: deletes.keys,
    timestampAt: (row) => timestamps[row] ?? 0n,
    partitionAt: (row) => partitionIds[row] ?? 0n,
  };
}
