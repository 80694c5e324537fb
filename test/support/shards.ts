// A shard on the memory platform without a log: records are applied to it as if they had just become durable.
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { type Column, type ColumnBatch, LogRecord } from '#proto/elanus/data.js';
import { Shard } from '../../src/roles/streaming-node/shard.js';
import type { ShardParts } from '../../src/roles/streaming-node/shard-parts.js';
import { testSchema } from './segments.js';

export const COLLECTION = 7n;
export const PARTITION = 8n;

export interface Write {
  readonly deletedKeys?: Column;
  readonly inserts?: readonly {
    readonly segmentId: bigint;
    readonly partitionId?: bigint;
    readonly rows: ColumnBatch;
  }[];
}

export function shardWorld(parts: Partial<ShardParts> = {}) {
  const cluster = simulatedCluster(5);
  const platform = openMemoryPlatform({ cluster, host: 'sn' });
  const schema = testSchema();
  const channel = {
    vchannel: 'v0',
    collectionId: COLLECTION,
    schema,
    ownerServerId: 1n,
    epoch: 1n,
    checkpointLsn: 0n,
    checkpointTimestamp: 0n,
    createTimestamp: 0n,
    droppedPartitionIds: [],
    readableFrom: 0n,
  };
  const shard = new Shard({
    platform,
    settings: { segmentBytesMax: 1 << 20 },
    channel,
    schema,
    persistedSegmentIds: new Set(),
    allocateIds: async () => 1000n,
    forwardDeletes: async () => {},
    onSealed: () => {},
    ...parts,
  });
  const run = <T>(task: Promise<T>): Promise<T> => cluster.world.runUntil(task);
  let lsn = 0n;
  const apply = (record: Partial<LogRecord>, isReplay = false): Promise<void> =>
    run(shard.apply(LogRecord.fromPartial({ vchannel: 'v0', ...record }), ++lsn, isReplay));
  const write = (timestamp: bigint, { deletedKeys, inserts = [] }: Write, isReplay = false): Promise<void> =>
    apply(
      {
        timestamp,
        write: {
          deletedKeys,
          deletedPartitionId: 0n,
          inserts: inserts.map((one) => ({ partitionId: PARTITION, ...one })),
        },
      },
      isReplay,
    );
  return { platform, world: cluster.world, schema, shard, run, apply, write };
}
