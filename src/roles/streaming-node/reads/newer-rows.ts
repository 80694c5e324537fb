// Whether keys that were found at one place of a shard, its growing part or a node, have newer rows in sealed segments elsewhere: rows of another
// partition, imported ones, or keys that were written twice. Most sealed segments were written before anything that grows, and nobody is asked then.
import type { AskedExpiry } from '#base/read-time.js';
import { int64Values, type Key, keyAt } from '#model/columns/column.js';
import type { CallContext } from '#platform/transport.js';
import type { Column, SegmentRecord } from '#proto/elanus/data.js';
import { ShardRetrieveRequest } from '#proto/elanus/roles.js';
import { isNewer } from '#segment/search/superseded-rows.js';
import { addressesOf } from '#segment/segment-reads.js';
import { contextAt, type HeldPart, sealedPartsOf } from './holder.js';
import type { ShardReadParts, ShardView } from './shard-view.js';

/** Rows by their keys, and when each was written. */
export interface TimedKeys {
  readonly keys: Column;
  readonly timestamps: BigUint64Array;
  /** In which segment each is: of equal times the one in the segment that was begun later is newer. */
  readonly segmentIds: BigInt64Array;
}

interface NewestRow {
  readonly time: bigint;
  readonly segmentId: bigint;
}

/**
 * Numbers of the rows whose key has a newer one in a sealed segment, ascending.
 * @param own the rows are in these segments, whose node has looked at them already; undefined: they are in growing ones, and of equal times newer
 */
export async function newerInSealed(
  parts: Pick<ShardReadParts, 'served' | 'queryNode'>,
  view: ShardView,
  { keys, timestamps, segmentIds: places }: TimedKeys,
  { expiredUntil, expiryField, expiryMicros }: AskedExpiry,
  context: CallContext,
  own?: HeldPart,
): Promise<number[]> {
  const oldest = timestamps.reduce((least, time) => (time < least ? time : least), BigInt.asUintN(64, -1n));
  if (timestamps.length === 0) return [];
  const retrieve = ShardRetrieveRequest.create({
    filter: { keys, keyCount: timestamps.length, negated: false },
    expiredUntil,
    expiryField,
    expiryMicros,
    withAddresses: own !== undefined,
  });
  const asked: Promise<ReadonlyMap<Key, NewestRow>>[] = [];
  for (const part of sealedPartsOf(view)) {
    if (part === own) continue;
    const segmentIds = part.segmentIds.filter((id) => newestIn(parts.served.recordOf(id)) >= oldest);
    if (segmentIds.length > 0)
      asked.push(newestRows(parts, { ...part, segmentIds }, retrieve, view.readTimestamp, context));
  }
  if (asked.length === 0) return [];
  const found = await Promise.all(asked);
  const numbers: number[] = [];
  for (let at = 0; at < timestamps.length; at++) {
    const key = keyAt(keys, at);
    const [time, id] = [timestamps[at] ?? 0n, own === undefined ? 0n : (places[at] ?? 0n)];
    const newer = found.some((rows) => {
      const row = rows.get(key);
      return row !== undefined && isNewer(row.time, row.segmentId, time, id);
    });
    if (newer) numbers.push(at);
  }
  return numbers;
}

/** The newest row of each key at a node. */
async function newestRows(
  { served, queryNode }: Pick<ShardReadParts, 'served' | 'queryNode'>,
  { holder, segmentIds }: HeldPart,
  retrieve: ShardRetrieveRequest,
  readTimestamp: bigint,
  context: CallContext,
): Promise<ReadonlyMap<Key, NewestRow>> {
  const asked = queryNode.retrieveSegments(
    { segmentIds, retrieve, readTimestamp },
    contextAt(holder, context),
  );
  const { rows } = await served.remote(holder, segmentIds, asked);
  const [found, times] = rows?.columns ?? [];
  if (rows === undefined || found === undefined || times === undefined) return new Map();
  const writtenAt = int64Values(times);
  const addresses = retrieve.withAddresses ? addressesOf(rows).segmentIds : undefined;
  return new Map(
    Array.from({ length: rows.rowCount }, (_, row) => [
      keyAt(found, row),
      { time: BigInt.asUintN(64, writtenAt[row] ?? 0n), segmentId: addresses?.[row] ?? 0n },
    ]),
  );
}

/** Numbers that are in one list or in both; all ascending. */
export function bothOf(one: readonly number[], other: readonly number[]): readonly number[] {
  if (other.length === 0) return one;
  return one.length === 0 ? other : [...new Set([...one, ...other])].sort((a, b) => a - b);
}

/** No row of the segment counts as written later. One that left since the view was taken is asked for: its node says so, and the read begins anew. */
const newestIn = (record: SegmentRecord | undefined): bigint =>
  record === undefined
    ? BigInt.asUintN(64, -1n)
    : record.commitTimestamp > record.timestampTo
      ? record.commitTimestamp
      : record.timestampTo;
