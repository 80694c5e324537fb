// Insert, upsert and delete: checked against the schema, split by shard, appended to each shard's log. Vectors stay the bytes that came.
import { ElanusError } from '#base/errors.js';
import { generateAutoIds, keyColumn } from '#model/columns/auto-ids.js';
import { batchBytes, columnBytes, gatherBatch, keyAt } from '#model/columns/column.js';
import { batchFromFields } from '#model/columns/field-data-in.js';
import { idsFromColumn } from '#model/columns/field-data-out.js';
import { primaryField } from '#model/schema/field.js';
import { partitionKeyField } from '#model/schema/schema-view.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { InsertRequest, UpsertRequest } from '#proto/milvus/milvus.js';
import { type FieldData, IDs } from '#proto/milvus/schema.js';
import { type OpenCollection, refusePartitionNames } from '#roles/proxy/collection-access.js';
import {
  filledWith,
  namespaceOf,
  withoutNamespaceColumn,
} from '#roles/proxy/namespaces/request-namespace.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { requestFilter } from '#roles/proxy/reads/request-filter.js';
import { type Embedder, remembering } from '#text/functions/embedder.js';
import { withFunctionOutputs } from '#text/functions/function-outputs.js';
import { type Again, appendWrite } from './append-write.js';
import { findKeys } from './found-keys.js';
import { ofAllShards } from './of-all-shards.js';
import { isPartial, updatePartially, type WriteTarget } from './partial-update.js';
import { foundDeletes, type ShardWrite, shardDeletes, shardWrites } from './shard-writes.js';

type WriteParts = Pick<
  ProxyParts,
  'access' | 'rootCoord' | 'streamingNode' | 'platform' | 'settings' | 'providers'
>;

export class WriteMethods {
  readonly #parts: WriteParts;

  constructor(parts: WriteParts) {
    this.#parts = parts;
  }

  readonly insert: PublicHandler<'insert'> = (request, context) =>
    this.#whilePartitionsMove((embedder) => this.#insert(request, embedder, context));

  readonly upsert: PublicHandler<'upsert'> = (request, context) =>
    this.#whilePartitionsMove((embedder) => this.#upsert(request, embedder, context));

  /** A write that begins anew does not ask for vectors again that it has. */
  #whilePartitionsMove<T>(write: (embedder: Embedder) => Promise<T>): Promise<T> {
    const embedder = remembering(this.#parts.providers);
    return whilePartitionsMove(() => write(embedder));
  }

  async #insert(
    request: InsertRequest,
    embedder: Embedder,
    context: CallContext,
  ): ReturnType<PublicHandler<'insert'>> {
    const { collection, partitionId, fieldsData } = await this.#opened(request, context);
    const { schema } = collection;
    checkSchemaVersion(collection, request.schemaTimestamp);
    const allowInsertAutoId = allowsInsertedIds(collection);
    const sent = batchFromFields(schema, fieldsData, request.numRows, {
      allowInsertAutoId,
      zone: collection.record.properties.timezone,
    });
    await this.#parts.access.limits.checkAdding(collection, 'insertRate', batchBytes(sent), context);
    const all = await this.#withIds(collection, sent);
    // With a partition key the rows of one key could go to several partitions, and nothing would say which of them is the last.
    const batch = partitionKeyField(schema) === undefined ? all : lastOfEachKey(all, keyColumn(schema, all));
    const rows = await this.#withOutputs(collection, batch, embedder, context);
    const writes = shardWrites(collection, { batch: rows, partitionId });
    const timestamp = await this.#append(writes, context, () =>
      this.#again(request, collection, embedder, context),
    );
    return {
      ...mutation(idsFromColumn(keyColumn(schema, all)), all.rowCount, timestamp),
      insertCnt: BigInt(all.rowCount),
    };
  }

  async #upsert(
    request: UpsertRequest,
    embedder: Embedder,
    context: CallContext,
  ): ReturnType<PublicHandler<'upsert'>> {
    const { collection, partitionId, fieldsData } = await this.#opened(request, context);
    const { schema } = collection;
    checkSchemaVersion(collection, request.schemaTimestamp);
    if (isPartial(request)) {
      const { rows, timestamp } = await updatePartially(
        { ...this.#parts, embedder },
        { collection, partitionId },
        { ...request, fieldsData },
        context,
      );
      const count = BigInt(rows.rowCount);
      return {
        ...mutation(idsFromColumn(keyColumn(schema, rows)), rows.rowCount, timestamp),
        upsertCnt: count,
        insertCnt: count,
        deleteCnt: count,
      };
    }
    const sent = batchFromFields(schema, fieldsData, request.numRows, {
      upsert: true,
      zone: collection.record.properties.timezone,
    });
    await this.#parts.access.limits.checkAdding(collection, 'upsertRate', batchBytes(sent), context);
    // When a key is twice in a request the later row wins; the others never become rows.
    const rows = lastOfEachKey(sent, keyColumn(schema, sent));
    const replacedKeys = keyColumn(schema, rows);
    const keyed = primaryField(schema).autoID ? await this.#withIds(collection, rows) : rows;
    const batch = await this.#withOutputs(collection, keyed, embedder, context);
    const writes = shardWrites(collection, { batch, partitionId, replacedKeys });
    const timestamp = await this.#append(writes, context, () =>
      this.#again(request, collection, embedder, context),
    );
    return {
      ...mutation(idsFromColumn(keyColumn(schema, batch)), request.numRows, timestamp),
      upsertCnt: BigInt(request.numRows),
      insertCnt: BigInt(batch.rowCount),
      deleteCnt: BigInt(batch.rowCount),
    };
  }

  readonly delete: PublicHandler<'delete'> = async (request, context) => {
    const { access } = this.#parts;
    const collection = await access.open(request, context);
    access.limits.checkWriting(collection);
    const partitionNames = [request.partitionName];
    const namespace = namespaceOf(collection, { ...request, partitionNames });
    refusePartitionNames(collection, partitionNames);
    const named = request.partitionName === '' ? 0n : access.partition(collection, request.partitionName);
    const deletedPartitionId = namespace?.partitionId ?? named;
    const { expr: text, exprTemplateValues: templates } = request;
    const asked = { text, templates, namespaceKey: namespace?.key };
    const filter = await requestFilter(collection, asked, this.#parts.platform.workers);
    const { predicate, elements } = filter.predicate ?? {};
    const isAlways = predicate?.kind === 'constant' && predicate.value && elements === undefined;
    if (filter.isEmpty || isAlways)
      throw new ElanusError(
        'invalid_parameter',
        "failed to create delete plan: delete plan can't be empty or always true; say which rows go, or drop the collection",
      );
    if (filter.keys === undefined) {
      const found = await findKeys(this.#parts, { request, filter }, context);
      const foundBytes = found.reduce(
        (sum, keys) => sum + (keys === undefined ? 0 : columnBytes(keys.column)),
        0,
      );
      access.limits.checkRate(collection, 'deleteRate', foundBytes);
      const writes = foundDeletes(collection, found, deletedPartitionId);
      const timestamp = await this.#append(writes, context);
      const deleteCnt = found.reduce((sum, keys) => sum + BigInt(keys?.count ?? 0), 0n);
      return { ...mutation(undefined, 0, timestamp), deleteCnt };
    }
    const { column, count } = filter.keys;
    access.limits.checkRate(collection, 'deleteRate', columnBytes(column));
    const timestamp = await this.#append(
      shardDeletes(collection, column, count, deletedPartitionId),
      context,
    );
    // Without the keys, as in Milvus: pymilvus answers them in place of the count where they come back.
    return { ...mutation(undefined, 0, timestamp), deleteCnt: BigInt(count) };
  };

  /** What rows are written to. Of the partition: undefined where the rows choose theirs by their key. */
  async #opened(
    request: InsertRequest | UpsertRequest,
    context: CallContext,
  ): Promise<WriteTarget & { readonly fieldsData: FieldData[] }> {
    const { access } = this.#parts;
    const opened = await access.open(request, context);
    const partitionNames = [request.partitionName];
    const namespace = namespaceOf(opened, { ...request, partitionNames });
    const fieldsData = withoutNamespaceColumn(request.fieldsData, namespace);
    const collection = filledWith(opened, namespace);
    if (namespace !== undefined) return { collection, fieldsData, partitionId: namespace.partitionId };
    refusePartitionNames(opened, partitionNames);
    const isKeyed = partitionKeyField(opened.schema) !== undefined;
    return {
      collection,
      fieldsData,
      partitionId: isKeyed ? undefined : access.partition(opened, request.partitionName),
    };
  }

  async #withIds(collection: OpenCollection, batch: ColumnBatch): Promise<ColumnBatch> {
    const primary = primaryField(collection.schema);
    const hasKeys = batch.columns.some((column) => column.fieldId === primary.fieldID);
    if (!primary.autoID || (hasKeys && allowsInsertedIds(collection)) || batch.rowCount === 0) return batch;
    const { ID } = await this.#parts.rootCoord.allocID({ count: batch.rowCount });
    return generateAutoIds(collection.schema, batch, ID);
  }

  /** What functions make of the rows: once, before the rows are in any log. */
  async #withOutputs(
    { schema }: OpenCollection,
    batch: ColumnBatch,
    embedder: Embedder,
    context: CallContext,
  ): Promise<ColumnBatch> {
    if (schema.functions.length === 0) return batch;
    const pace = new Pace(this.#parts.platform, context);
    return await withFunctionOutputs(schema, batch, { pace, embedder, caller: context });
  }

  /** The same collection as it is now, and how rows get what its functions make. */
  async #again(
    named: { readonly dbName: string; readonly collectionName: string },
    { record: { id } }: OpenCollection,
    embedder: Embedder,
    context: CallContext,
  ): Promise<Again> {
    const collection = await this.#parts.access.open(named, context);
    const { schema } = collection;
    const isSame = collection.record.id === id;
    return { schema, isSame, withOutputs: (rows) => this.#withOutputs(collection, rows, embedder, context) };
  }

  /** @returns the newest time of the write; where nothing was to be written, a time of now */
  async #append(
    writes: readonly ShardWrite[],
    context: CallContext,
    again?: () => Promise<Again>,
  ): Promise<bigint> {
    const { rootCoord, streamingNode } = this.#parts;
    if (writes.length === 0) return (await rootCoord.allocTimestamp({ count: 1 })).timestamp;
    // A shard that refuses must not let the call end while others still read its rows.
    const answers = await ofAllShards(
      writes.map((write) => appendWrite(streamingNode, write, context, again)),
    );
    return answers.reduce((newest, { timestamp }) => (timestamp > newest ? timestamp : newest), 0n);
  }
}

/** Times that a write is sent again because what it goes to was truncated on its way. */
const MOVES_MAX = 3;

/**
 * A truncate gives every partition a successor. A shard refuses rows of the old one, and the write begins anew: what other shards took of it
 * went with the truncate. A partition that was dropped has no successor, and the second look says so by its name.
 */
async function whilePartitionsMove<T>(write: () => Promise<T>): Promise<T> {
  for (let move = 0; ; move++) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof ElanusError) || error.key !== 'partition_not_found' || move >= MOVES_MAX)
        throw error;
    }
  }
}

const allowsInsertedIds = ({ record }: OpenCollection): boolean =>
  record.properties.allow_insert_auto_id === 'true';

/**
 * A client that described the collection before a field came or went must describe it again, and one that means another collection, which
 * had the name before, too. Other changes do not matter to a write. 0: it does not say. @throws schema_mismatch
 */
function checkSchemaVersion({ record, schema }: OpenCollection, schemaTimestamp: bigint): void {
  const { updateTimestamp } = record;
  const oldest = record.schemaTimestamp === 0n ? record.createdTimestamp : record.schemaTimestamp;
  if (schemaTimestamp === 0n || (schemaTimestamp >= oldest && schemaTimestamp <= updateTimestamp)) return;
  throw new ElanusError(
    'schema_mismatch',
    `collection schema mismatch[collection=${schema.name}]: the client knows version ${schemaTimestamp}, the collection has ${updateTimestamp}; describe it again`,
  );
}

const mutation = (
  ids: ReturnType<typeof idsFromColumn> | undefined,
  rowCount: number,
  timestamp: bigint,
) => ({
  IDs: ids ?? IDs.create(),
  succIndex: firstNumbers(rowCount),
  acknowledged: true,
  timestamp,
});

function firstNumbers(count: number): number[] {
  const numbers = new Array<number>(count);
  for (let at = 0; at < count; at++) numbers[at] = at;
  return numbers;
}

function lastOfEachKey(batch: ColumnBatch, keys: Column): ColumnBatch {
  const last = new Map<string | bigint, number>();
  for (let row = 0; row < batch.rowCount; row++) last.set(keyAt(keys, row), row);
  return last.size === batch.rowCount
    ? batch
    : gatherBatch(batch, Uint32Array.from([...last.values()].sort((a, b) => a - b)));
}
