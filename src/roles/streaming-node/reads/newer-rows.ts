// Whether keys that were found in the growing part of a shard have newer rows in its sealed part: rows of another partition, or imported ones.
// Most sealed segments were written before anything that grows, and nobody is asked then.
import type { AskedExpiry } from '#base/read-time.js';
import { int64Values, keyAt } from '#model/columns/column.js';
import type { CallContext } from '#platform/transport.js';
import type { Column, SegmentRecord } from '#proto/elanus/data.js';
import { ShardRetrieveRequest } from '#proto/elanus/roles.js';
import { isNewer } from '#segment/search/superseded-rows.js';
import type { ShardReadParts, ShardView } from './shard-view.js';

/** Rows by their keys, and when each was written. */
export interface TimedKeys {
  readonly keys: Column;
  readonly timestamps: BigUint64Array;
}

/** Numbers of the rows whose key has a newer one in a sealed segment, ascending. */
export async function newerInSealed(
  { served, queryNode }: Pick<ShardReadParts, 'served' | 'queryNode'>,
  { sealedIds, readTimestamp }: ShardView,
  { keys, timestamps }: TimedKeys,
  { expiredUntil, expiryField, expiryMicros }: AskedExpiry,
  context: CallContext,
): Promise<number[]> {
  const oldest = timestamps.reduce((least, time) => (time < least ? time : least), BigInt.asUintN(64, -1n));
  const segmentIds = sealedIds.filter((id) => newestIn(served.recordOf(id)) >= oldest);
  if (segmentIds.length === 0 || timestamps.length === 0) return [];
  const retrieve = ShardRetrieveRequest.create({
    filter: { keys, keyCount: timestamps.length, negated: false },
    expiredUntil,
    expiryField,
    expiryMicros,
  });
  const { rows } = await served.remote(
    segmentIds,
    queryNode.retrieveSegments({ segmentIds, retrieve, readTimestamp }, context),
  );
  const [found, times] = rows?.columns ?? [];
  if (rows === undefined || found === undefined || times === undefined) return [];
  const writtenAt = int64Values(times);
  const newest = new Map(
    Array.from({ length: rows.rowCount }, (_, row) => [
      keyAt(found, row),
      BigInt.asUintN(64, writtenAt[row] ?? 0n),
    ]),
  );
  const numbers: number[] = [];
  for (let at = 0; at < timestamps.length; at++) {
    const time = newest.get(keyAt(keys, at));
    if (time !== undefined && isNewer(time, 0n, timestamps[at] ?? 0n, 0n)) numbers.push(at);
  }
  return numbers;
}

/** No row of the segment counts as written later. */
const newestIn = (record: SegmentRecord | undefined): bigint =>
  record === undefined
    ? 0n
    : record.commitTimestamp > record.timestampTo
      ? record.commitTimestamp
      : record.timestampTo;
