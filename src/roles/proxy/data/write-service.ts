// Insert, upsert and delete: checked against the schema, split by shard, appended to each shard's log. Vectors stay the bytes that came.

import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { parseKeyFilter } from '#expr/key-filter.js';
import { generateAutoIds, keyColumn } from '#model/columns/auto-ids.js';
import { gatherBatch, gatherColumn, keyAt } from '#model/columns/column.js';
import { batchFromFields } from '#model/columns/field-data-in.js';
import { idsFromColumn } from '#model/columns/field-data-out.js';
import { primaryField } from '#model/schema/field.js';
import { partitionKeyField } from '#model/schema/schema-view.js';
import type { CallContext } from '#platform/transport.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { StreamingNodeDefinition } from '#proto/elanus/roles.js';
import type { DeleteRequest, InsertRequest, UpsertRequest } from '#proto/milvus/milvus.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import {
  type CollectionAccess,
  type OpenCollection,
  refusePartitionNames,
} from '#roles/proxy/collection-access.js';
import type { Client } from '#rpc/service.js';
import { hashKeys } from './key-hashes.js';

export interface WriteServiceParts {
  readonly access: CollectionAccess;
  readonly rootCoord: Client<typeof RootCoordDefinition>;
  readonly streamingNode: Client<typeof StreamingNodeDefinition>;
}

interface ShardWrite {
  readonly vchannel: string;
  readonly deletedKeys?: Column;
  /** Where they are deleted; 0n: in every partition. */
  readonly deletedPartitionId: bigint;
  readonly inserts: { readonly partitionId: bigint; readonly rows: ColumnBatch }[];
}

export class WriteService {
  readonly #parts: WriteServiceParts;

  constructor(parts: WriteServiceParts) {
    this.#parts = parts;
  }

  async insert(request: InsertRequest, context: CallContext) {
    const collection = await this.#parts.access.open(request, context);
    checkSchemaVersion(collection, request.schemaTimestamp);
    const allowsIds = collection.record.properties.allow_insert_auto_id === 'true';
    const batch = await this.#withIds(
      collection,
      batchFromFields(collection.schema, request.fieldsData, request.numRows, {
        allowInsertAutoId: allowsIds,
      }),
    );
    const timestamp = await this.#append(this.#split(collection, batch, request.partitionName), context);
    return {
      ...mutation(idsFromColumn(keyColumn(collection.schema, batch)), batch.rowCount, timestamp),
      insertCnt: BigInt(batch.rowCount),
    };
  }

  async upsert(request: UpsertRequest, context: CallContext) {
    const collection = await this.#parts.access.open(request, context);
    checkSchemaVersion(collection, request.schemaTimestamp);
    let batch = batchFromFields(collection.schema, request.fieldsData, request.numRows, {
      upsert: true,
      partialUpdate: request.partialUpdate,
    });
    // Of one key twice in a request the later row wins; the others never become rows.
    batch = lastOfEachKey(batch, keyColumn(collection.schema, batch));
    const oldKeys = keyColumn(collection.schema, batch);
    const fresh = primaryField(collection.schema).autoID ? await this.#withIds(collection, batch) : batch;
    const timestamp = await this.#append(
      this.#split(collection, fresh, request.partitionName, oldKeys),
      context,
    );
    return {
      ...mutation(idsFromColumn(keyColumn(collection.schema, fresh)), request.numRows, timestamp),
      upsertCnt: BigInt(request.numRows),
      insertCnt: BigInt(fresh.rowCount),
      deleteCnt: BigInt(fresh.rowCount),
    };
  }

  async delete(request: DeleteRequest, context: CallContext) {
    const collection = await this.#parts.access.open(request, context);
    refusePartitionNames(collection, [request.partitionName]);
    const deletedPartitionId =
      request.partitionName === '' ? 0n : this.#parts.access.partition(collection, request.partitionName);
    const filter = parseKeyFilter(collection.schema, request.expr, request.exprTemplateValues);
    if (filter.kind === 'all' || filter.negated) {
      throw new ElanusError(
        'unsupported',
        `delete by "${request.expr}": this version deletes by key only, "${primaryField(collection.schema).name} in [...]"; other filters come in a later version`,
      );
    }
    const shards = collection.record.vchannels;
    const hashes = hashKeys(filter.keys, filter.keyCount);
    const writes = shards.map((vchannel, shard): ShardWrite => {
      const rows = Uint32Array.from(
        [...hashes.keys()].filter((row) => (hashes[row] ?? 0) % shards.length === shard),
      );
      return {
        vchannel,
        inserts: [],
        deletedPartitionId,
        deletedKeys: gatherColumn(filter.keys, rows, filter.keyCount),
      };
    });
    const present = writes.filter(
      (write, shard) =>
        hashes.some((hash) => hash % shards.length === shard) && write.deletedKeys !== undefined,
    );
    const timestamp = await this.#append(present, context);
    return {
      ...mutation(idsFromColumn(filter.keys), filter.keyCount, timestamp),
      deleteCnt: BigInt(filter.keyCount),
    };
  }

  async #withIds(collection: OpenCollection, batch: ColumnBatch): Promise<ColumnBatch> {
    const primary = primaryField(collection.schema);
    const hasKeys = batch.columns.some((column) => column.fieldId === primary.fieldID);
    if (
      !primary.autoID ||
      (hasKeys && collection.record.properties.allow_insert_auto_id === 'true') ||
      batch.rowCount === 0
    )
      return batch;
    const { ID } = await this.#parts.rootCoord.allocID({ count: batch.rowCount });
    return generateAutoIds(collection.schema, batch, ID);
  }

  /** Rows by shard and partition. The common case, one shard and one partition, moves no byte. */
  #split(
    collection: OpenCollection,
    batch: ColumnBatch,
    partitionName: string,
    deletedKeys?: Column,
  ): ShardWrite[] {
    const { vchannels } = collection.record;
    const { rowCount } = batch;
    if (rowCount === 0) return [];
    const partitionField = partitionKeyField(collection.schema);
    refusePartitionNames(collection, [partitionName]);
    const partitionIds =
      partitionField === undefined
        ? [this.#parts.access.partition(collection, partitionName)]
        : collection.record.partitions.map((partition) => partition.id);
    // As Milvus does: an upsert replaces the row of its own partition; where the partition comes from another field, the row in any.
    const deletedPartitionId = partitionField === undefined ? (partitionIds[0] ?? 0n) : 0n;
    const shardHashes =
      vchannels.length === 1 ? undefined : hashKeys(keyColumn(collection.schema, batch), rowCount);
    const deleteHashes =
      vchannels.length === 1 || deletedKeys === undefined ? undefined : hashKeys(deletedKeys, rowCount);
    const partitionHashes =
      partitionField === undefined
        ? undefined
        : hashKeys(
            must(
              batch.columns.find((column) => column.fieldId === partitionField.fieldID),
              'partition key column',
            ),
            rowCount,
          );
    const all = Array.from({ length: rowCount }, (_, row) => row);
    return vchannels
      .map((vchannel, shard): ShardWrite => {
        const ofShard =
          shardHashes === undefined
            ? all
            : all.filter((row) => (shardHashes[row] ?? 0) % vchannels.length === shard);
        const inserts = partitionIds.map((partitionId, index) => {
          const rows =
            partitionHashes === undefined
              ? ofShard
              : ofShard.filter((row) => (partitionHashes[row] ?? 0) % partitionIds.length === index);
          return {
            partitionId,
            rows: rows.length === rowCount ? batch : gatherBatch(batch, Uint32Array.from(rows)),
          };
        });
        const deleteRows =
          deletedKeys === undefined
            ? []
            : deleteHashes === undefined
              ? all
              : all.filter((row) => (deleteHashes[row] ?? 0) % vchannels.length === shard);
        const deletes =
          deletedKeys === undefined || deleteRows.length === 0
            ? undefined
            : gatherColumn(deletedKeys, Uint32Array.from(deleteRows), rowCount);
        return {
          vchannel,
          deletedPartitionId,
          inserts: inserts.filter(({ rows }) => rows.rowCount > 0),
          ...(deletes === undefined ? {} : { deletedKeys: deletes }),
        };
      })
      .filter((write) => write.inserts.length > 0 || write.deletedKeys !== undefined);
  }

  async #append(writes: readonly ShardWrite[], context: CallContext): Promise<bigint> {
    if (writes.length === 0) return (await this.#parts.rootCoord.allocTimestamp({ count: 1 })).timestamp;
    const answers = await Promise.all(
      writes.map((write) => this.#parts.streamingNode.append(write, context)),
    );
    return answers.reduce((newest, { timestamp }) => (timestamp > newest ? timestamp : newest), 0n);
  }
}

/** A client that described the collection before its schema changed must describe it again. 0: it does not say. */
function checkSchemaVersion(collection: OpenCollection, schemaTimestamp: bigint): void {
  if (schemaTimestamp === 0n || schemaTimestamp === collection.record.updateTimestamp) return;
  throw new ElanusError(
    'schema_mismatch',
    `collection schema mismatch[collection=${collection.schema.name}]: the client knows version ${schemaTimestamp}, the collection has ${collection.record.updateTimestamp}; describe it again`,
  );
}

const mutation = (ids: ReturnType<typeof idsFromColumn>, rowCount: number, timestamp: bigint) => ({
  IDs: ids,
  succIndex: Array.from({ length: rowCount }, (_, row) => row),
  acknowledged: true,
  timestamp,
});

function lastOfEachKey(batch: ColumnBatch, keys: Column): ColumnBatch {
  const last = new Map<string | bigint, number>();
  for (let row = 0; row < batch.rowCount; row++) last.set(keyAt(keys, row), row);
  return last.size === batch.rowCount
    ? batch
    : gatherBatch(batch, Uint32Array.from([...last.values()].sort((a, b) => a - b)));
}
