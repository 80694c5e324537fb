// A platform with segments of rows on it, and compactions of them.

import { columnFromInt64 } from '#model/columns/column.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { type ColumnBatch, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import {
  type Compaction,
  type CompactionParts,
  compactSegments,
} from '#roles/data-node/compaction/compact-segments.js';
import { writeDeletes } from '#segment/files/delta-log.js';
import { writeSegment } from '#segment/files/insert-log.js';
import { SegmentData } from '#segment/segment-data.js';
import { noEmbedder } from './no-embedder.js';
import { KEY } from './segments.js';

export const address = { collectionId: 7n, partitionId: 70n };

export function compactionWorld() {
  const cluster = simulatedCluster(5);
  const platform = openMemoryPlatform({ cluster, host: 'dn' });
  let nextId = 1000n;
  const allocateIds = async (count: number): Promise<bigint> => {
    nextId += BigInt(count);
    return nextId - BigInt(count);
  };
  const run = <T>(call: Promise<T>): Promise<T> => cluster.world.runUntil(call);
  const parts: CompactionParts = {
    ...{ platform, allocateIds, embedder: noEmbedder },
    signal: new AbortController().signal,
  };
  /** @param times of the rows; without them the batch says */
  async function flushed(
    schema: CollectionSchema,
    rows: ColumnBatch,
    times?: readonly bigint[],
    more: Partial<SegmentRecord> = {},
  ): Promise<SegmentRecord> {
    const id = await allocateIds(2);
    const data = new SegmentData(platform, { ...address, id, schema });
    data.appendBatch(
      times === undefined ? rows : { ...rows, columns: [...rows.columns, columnFromInt64(1n, times)] },
    );
    const write = { address: { ...address, segmentId: id }, schema, data, rowBegin: 0, logId: id + 1n };
    const files = await writeSegment(platform, { ...write, rowEnd: rows.rowCount });
    data.release();
    return SegmentRecord.fromPartial({
      ...{ ...address, id, files, state: 'flushed', vchannel: 'c', rowCount: BigInt(rows.rowCount) },
      ...{ timestampFrom: data.timestampFrom, timestampTo: data.timestampTo },
      ...more,
    });
  }
  async function marks(schema: CollectionSchema, deletes: readonly (readonly [bigint, bigint])[]) {
    const id = await allocateIds(2);
    const keys = columnFromInt64(
      KEY,
      deletes.map(([key]) => key),
    );
    const timestamps = BigUint64Array.from(deletes, ([, at]) => at);
    const write = { address: { ...address, segmentId: id }, schema, logId: id + 1n };
    const file = await writeDeletes(platform, { ...write, deletes: { keys, timestamps } });
    return SegmentRecord.fromPartial({ ...address, id, isLevelZero: true, files: [file] });
  }
  const compact = (more: Partial<Compaction> & Pick<Compaction, 'schema' | 'sources'>) =>
    run(compactSegments(parts, { ...nothing, ...more }));
  return { platform, run, flushed, marks, compact, parts };
}

const nothing = {
  ...{
    deleteSegments: [],
    deletesAppliedUntil: 500n,
    expiredUntil: 0n,
    expiredAt: 0n,
    expiryField: 0n,
    expiryMicros: 0n,
  },
  ...{ targetBytes: 1n << 40n, sortFieldId: 0n },
};
