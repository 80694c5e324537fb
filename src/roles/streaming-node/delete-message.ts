// Deletes as they go to the query-nodes that serve the segments they may apply to.
import { concatBatches, rowCountOf } from '#model/columns/column.js';
import type { Column } from '#proto/elanus/data.js';
import type { BufferedDeletes } from './shard-change.js';

export type ForwardedDeletes = Omit<BufferedDeletes, 'lsn' | 'appliedMs'>;

export interface DeleteMessage {
  readonly keys: Column;
  readonly timestamps: Uint8Array;
  readonly partitionIds: Uint8Array;
}

/** Undefined without deletes. */
export function encodeDeletes(deletes: readonly ForwardedDeletes[]): DeleteMessage | undefined {
  if (deletes.length === 0) return undefined;
  const counts = deletes.map(({ keys }) => rowCountOf(keys, 0));
  const timestamps = new BigUint64Array(counts.reduce((sum, count) => sum + count, 0));
  const partitionIds = new BigInt64Array(timestamps.length);
  let at = 0;
  for (const [index, count] of counts.entries()) {
    timestamps.fill(deletes[index]?.timestamp ?? 0n, at, at + count);
    partitionIds.fill(deletes[index]?.partitionId ?? 0n, at, at + count);
    at += count;
  }
  const keys = concatBatches(
    deletes.map((one, index) => ({ rowCount: counts[index] ?? 0, columns: [one.keys] })),
  ).columns[0];
  return keys === undefined
    ? undefined
    : {
        keys,
        timestamps: new Uint8Array(timestamps.buffer),
        partitionIds: new Uint8Array(partitionIds.buffer),
      };
}
