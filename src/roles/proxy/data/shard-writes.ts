// Which rows and which deletes go to which shard and partition. Pure: the same batch always goes the same way.
import { must } from '#base/assert.js';
import { keyColumn } from '#model/columns/auto-ids.js';
import { gatherBatch, gatherColumn } from '#model/columns/column.js';
import { partitionKeyField } from '#model/schema/schema-view.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import { hashKeys } from './key-hashes.js';

/** What one shard appends to its log as one record. */
export interface ShardWrite {
  readonly vchannel: string;
  /** The version of the schema by which it was made. */
  readonly schemaVersion: number;
  readonly deletedKeys?: Column;
  /** The partition in which they are deleted; 0n: every one. */
  readonly deletedPartitionId: bigint;
  /** Not 0n: the time at which the rows that these replace were read. */
  readonly unchangedSince?: bigint;
  readonly inserts: { readonly partitionId: bigint; readonly rows: ColumnBatch }[];
}

export interface RowsToWrite {
  readonly batch: ColumnBatch;
  /** The partition that the request, or its namespace, names; undefined: the rows choose among all by their partition key. */
  readonly partitionId: bigint | undefined;
  /** Keys of an upsert, one a row, whose earlier rows go. */
  readonly replacedKeys?: Column;
}

/** Rows by shard and partition. The common case, one shard and one partition, moves no byte. */
export function shardWrites(
  collection: OpenCollection,
  { batch, partitionId, replacedKeys }: RowsToWrite,
): ShardWrite[] {
  const { vchannels, partitions } = collection.record;
  const { rowCount } = batch;
  if (rowCount === 0) return [];
  const partitionField = partitionKeyField(collection.schema);
  const partitionIds =
    partitionId === undefined ? partitions.map((partition) => partition.id) : [partitionId];
  // As Milvus does: an upsert replaces the row of its own partition; where the partition comes from another field, the row in any.
  const deletedPartitionId = partitionId ?? 0n;
  const shardCount = vchannels.length;
  const [vchannel = '', ...others] = vchannels;
  const [only = 0n, ...more] = partitionIds;
  // Most writes go to one place as they are: there is no list of rows to be made.
  if (others.length === 0 && more.length === 0)
    return [
      {
        vchannel,
        schemaVersion: collection.schema.version,
        deletedPartitionId,
        inserts: [{ partitionId: only, rows: batch }],
        ...(replacedKeys && { deletedKeys: replacedKeys }),
      },
    ];
  const rowShards = shardCount === 1 ? undefined : hashKeys(keyColumn(collection.schema, batch), rowCount);
  const deleteShards =
    shardCount === 1 || replacedKeys === undefined ? undefined : hashKeys(replacedKeys, rowCount);
  const rowPartitions =
    partitionField === undefined ? undefined : hashKeys(columnOf(batch, partitionField.fieldID), rowCount);
  const all = Array.from({ length: rowCount }, (_, row) => row);
  return vchannels
    .map((vchannel, shard): ShardWrite => {
      const ofShard = rowsOf(all, rowShards, shardCount, shard);
      const inserts = partitionIds.map((id, index) => {
        const rows = rowsOf(ofShard, rowPartitions, partitionIds.length, index);
        return {
          partitionId: id,
          rows: rows.length === rowCount ? batch : gatherBatch(batch, Uint32Array.from(rows)),
        };
      });
      const deletes =
        replacedKeys && gatherKeys(replacedKeys, rowsOf(all, deleteShards, shardCount, shard), rowCount);
      return {
        vchannel,
        schemaVersion: collection.schema.version,
        deletedPartitionId,
        inserts: inserts.filter(({ rows }) => rows.rowCount > 0),
        ...(deletes === undefined ? {} : { deletedKeys: deletes }),
      };
    })
    .filter((write) => write.inserts.length > 0 || write.deletedKeys !== undefined);
}

/** Deletes by shard, of keys alone. */
export function shardDeletes(
  { record: { vchannels }, schema: { version: schemaVersion } }: OpenCollection,
  keys: Column,
  keyCount: number,
  deletedPartitionId: bigint,
): ShardWrite[] {
  const hashes = vchannels.length === 1 ? undefined : hashKeys(keys, keyCount);
  const all = Array.from({ length: keyCount }, (_, row) => row);
  return vchannels.flatMap((vchannel, shard): ShardWrite[] => {
    const deletedKeys = gatherKeys(keys, rowsOf(all, hashes, vchannels.length, shard), keyCount);
    return deletedKeys === undefined
      ? []
      : [{ vchannel, schemaVersion, inserts: [], deletedPartitionId, deletedKeys }];
  });
}

/** Keys that a shard was found to have. */
export interface FoundKeys {
  readonly column: Column;
  readonly count: number;
}

/** Deletes by shard, of keys that each shard said it has. @param found in the order of the channels */
export const foundDeletes = (
  { record: { vchannels }, schema: { version: schemaVersion } }: OpenCollection,
  found: readonly (FoundKeys | undefined)[],
  deletedPartitionId: bigint,
): ShardWrite[] =>
  vchannels.flatMap((vchannel, shard): ShardWrite[] => {
    const keys = found[shard];
    return keys === undefined || keys.count === 0
      ? []
      : [{ vchannel, schemaVersion, inserts: [], deletedPartitionId, deletedKeys: keys.column }];
  });

/** @param hashes undefined: all rows go to the one place there is */
const rowsOf = (
  rows: readonly number[],
  hashes: Uint32Array | undefined,
  placeCount: number,
  place: number,
): readonly number[] =>
  hashes === undefined ? rows : rows.filter((row) => (hashes[row] ?? 0) % placeCount === place);

const gatherKeys = (keys: Column, rows: readonly number[], rowCount: number): Column | undefined =>
  rows.length === 0 ? undefined : gatherColumn(keys, Uint32Array.from(rows), rowCount);

const columnOf = (batch: ColumnBatch, fieldId: bigint): Column =>
  must(
    batch.columns.find((column) => column.fieldId === fieldId),
    'partition key column',
  );
