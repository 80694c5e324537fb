// An upsert with `partial_update`: columns that are not sent keep their values. What must hold:
//
//  - A key gets one row, all of whose values are of the request or of the row that was its newest when the update took effect. Between the
//    read and the write nobody else may have written the key: the shard's owner compares, in its turn at the log, and refuses
//    (`rows_changed`); then that shard is read again, until the deadline. One of those who meet at a key always gets through.
//  - A shard gets one record: deletes and whole rows at one timestamp. A crash leaves the old rows or the new ones.
//  - Everything is checked before anything is written: all shards are read and merged first. A row that changed meanwhile so that the
//    update does not fit any more (an array that is full now) fails what is left of the request; its reason says so.
//
//  - A request that names no partition looks in all of them, and each row stays in the partition that it was found in; rows of new keys go
//    to `_default`. A key that older inserts put into several partitions has one row afterwards, in the first of them. All partitions must
//    be loaded: a row that cannot be read would get a second one beside it.
//
// A row keeps its key, also with autoID: a new key would be in another shard, and the two halves of the update could part.
import { must } from '#base/assert.js';
import { allSettled } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { keyColumn } from '#model/columns/auto-ids.js';
import { batchBytes, findColumn, keyAt } from '#model/columns/column.js';
import { batchFromFields, completeRows } from '#model/columns/field-data-in.js';
import { shardOfRow } from '#model/columns/row-key.js';
import { isNamespaceField } from '#model/properties/namespaces.js';
import { type ArrayOps, rowsOfBatch, updatedRows, withoutBase } from '#model/rows/partial-rows.js';
import { primaryField } from '#model/schema/field.js';
import { partitionKeyField } from '#model/schema/schema-view.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { UpsertRequest } from '#proto/milvus/milvus.js';
import { type CollectionSchema, DataType, FieldPartialUpdateOp_OpType } from '#proto/milvus/schema.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import { deadlineOf, type ProxyParts } from '#roles/proxy/proxy-parts.js';
import { expiryOf, type ReadScope, readScope } from '#roles/proxy/reads/read-scope.js';
import { retryWhileMoved } from '#roles/proxy/reads/retry-moved.js';
import type { Embedder } from '#text/functions/embedder.js';
import { withFunctionOutputs } from '#text/functions/function-outputs.js';
import { ofAllShards } from './of-all-shards.js';
import { type ShardWrite, shardWrites } from './shard-writes.js';

interface UpdateParts
  extends Pick<ProxyParts, 'access' | 'rootCoord' | 'streamingNode' | 'platform' | 'settings'> {
  readonly embedder: Embedder;
}

/** Longest pause before a shard is read again, in ms. */
const RETRY_MS_MAX = 50;

/** Some array is added to or taken from, which is a partial update even when the client does not say so. */
export const isPartial = ({ partialUpdate, fieldOps }: UpsertRequest): boolean =>
  partialUpdate || fieldOps.some(({ op }) => op !== FieldPartialUpdateOp_OpType.REPLACE);

/** What rows are written to. */
export interface WriteTarget {
  readonly collection: OpenCollection;
  /** Undefined: the rows choose theirs by their partition key. */
  readonly partitionId: bigint | undefined;
}

export interface Updated {
  readonly rows: ColumnBatch;
  readonly timestamp: bigint;
}

/** @throws invalid_parameter, collection_not_loaded, rows_changed at the deadline */
export async function updatePartially(
  parts: UpdateParts,
  { collection, partitionId }: WriteTarget,
  request: UpsertRequest,
  context: CallContext,
): Promise<Updated> {
  const { schema, record } = collection;
  const zone = record.properties.timezone;
  const sent = batchFromFields(schema, request.fieldsData, request.numRows, {
    upsert: true,
    partialUpdate: true,
    zone,
  });
  await parts.access.limits.checkAdding(collection, 'upsertRate', batchBytes(sent), context);
  refuseDoubles(schema, sent);
  const ops = arrayOps(schema, sent, request);
  const partitionNames = request.partitionName === '' ? [] : [request.partitionName];
  const scope = await readScope(parts, { ...request, partitionNames }, context);
  if (scope.loadedOnly && scope.partitionIds.length < record.partitions.length)
    throw new ElanusError(
      'invalid_parameter',
      `a partial update that names no partition looks in all of them, and ${scope.partitionIds.length} of ${record.partitions.length} are loaded; load the others, or name the partition of the rows: invalid parameter`,
    );
  // What is not loaded cannot be read, and would be lost.
  if (scope.lacksFields)
    throw new ElanusError(
      'invalid_parameter',
      'a partial update needs all fields of the collection, and some are not loaded; load all of them, or upsert whole rows: invalid parameter',
    );
  const shards = rowsByShard(collection, sent).map(({ shard, rows }) => ({
    shard,
    sent: rowsOfBatch(sent, rows),
    rows,
  }));
  const update = { parts, collection, partitionId, scope, ops, partitionName: request.partitionName };
  const plans = await allSettled(shards.map((one) => plannedShard(update, one, context)));
  const timestamps = await ofAllShards(
    plans.map((plan, at) => writeShard(update, shards[at], plan, context)),
  );
  return { rows: sent, timestamp: timestamps.reduce((newest, time) => (time > newest ? time : newest), 0n) };
}

function refuseDoubles(schema: CollectionSchema, sent: ColumnBatch): void {
  const keys = keyColumn(schema, sent);
  const seen = new Set(Array.from({ length: sent.rowCount }, (_, row) => keyAt(keys, row)));
  if (seen.size < sent.rowCount)
    throw new ElanusError(
      'invalid_parameter',
      'duplicate primary keys are not allowed in the same batch: a partial update names each row once',
    );
}

function arrayOps(schema: CollectionSchema, sent: ColumnBatch, { fieldOps }: UpsertRequest): ArrayOps {
  const ops = new Map<bigint, 'append' | 'remove'>();
  const seen = new Set<string>();
  for (const { fieldName, op } of fieldOps) {
    const refuse = (why: string): never => {
      throw new ElanusError('invalid_parameter', `field_ops: field ${fieldName.slice(0, 200)} ${why}`);
    };
    if (seen.has(fieldName)) refuse('comes twice, expected once');
    seen.add(fieldName);
    const field = schema.fields.find(({ name }) => name === fieldName);
    if (field === undefined) return refuse('not exist');
    if (op === FieldPartialUpdateOp_OpType.REPLACE) continue;
    if (field.dataType !== DataType.Array) refuse('is no Array, and only arrays are added to or taken from');
    if (findColumn(sent, field.fieldID) === undefined) refuse('is not among the columns that were sent');
    if (op === FieldPartialUpdateOp_OpType.ARRAY_APPEND) ops.set(field.fieldID, 'append');
    else if (op === FieldPartialUpdateOp_OpType.ARRAY_REMOVE) ops.set(field.fieldID, 'remove');
    else refuse(`has an operation (${op}) that is not known; expected replace, array_append or array_remove`);
  }
  return ops;
}

/** Rows of the request, by shard. */
function rowsByShard({ schema, record }: OpenCollection, sent: ColumnBatch) {
  const keys = keyColumn(schema, sent);
  const count = record.vchannels.length;
  const byShard: number[][] = record.vchannels.map(() => []);
  for (let row = 0; row < sent.rowCount; row++) byShard[shardOfRow(keys, row, count)]?.push(row);
  return byShard.flatMap((rows, shard) =>
    rows.length === 0 ? [] : [{ shard, rows: Uint32Array.from(rows) }],
  );
}

interface Update {
  readonly parts: UpdateParts;
  readonly collection: OpenCollection;
  readonly scope: ReadScope;
  readonly ops: ArrayOps;
  /** Where rows of new keys go; undefined: where their partition key says. */
  readonly partitionId: bigint | undefined;
  readonly partitionName: string;
}

interface ShardRows {
  readonly shard: number;
  readonly sent: ColumnBatch;
  /** Their numbers in the request. */
  readonly rows: Uint32Array;
}

/** A plan whose reads belong together: again while rows go between them, until the deadline. */
async function plannedShard(update: Update, shard: ShardRows, context: CallContext): Promise<ShardWrite> {
  const { clock, timers } = update.parts.platform;
  const deadlineMs = deadlineOf(context, update.parts);
  for (let attempt = 1; ; attempt++) {
    try {
      return await planShard(update, shard, context);
    } catch (error) {
      const isChanged = error instanceof ElanusError && error.key === 'rows_changed';
      const pauseMs = Math.min(RETRY_MS_MAX, attempt);
      if (!isChanged || clock.now() + pauseMs >= deadlineMs) throw error;
      await timers.sleep(pauseMs, context.signal);
    }
  }
}

/** Reads the rows as they are and makes the write of them. @throws rows_changed a row went between two reads */
async function planShard(
  update: Update,
  { shard, sent, rows }: ShardRows,
  context: CallContext,
): Promise<ShardWrite> {
  const { collection, scope, ops } = update;
  const { schema, record } = collection;
  const vchannel = record.vchannels[shard] ?? '';
  const keys = keyColumn(schema, sent);
  const read = { vchannel, keys, keyCount: sent.rowCount };
  const fieldIds = schema.fields.map(({ fieldID }) => fieldID);
  const { rows: found, readTimestamp } = await readRows(
    update,
    { ...read, partitionIds: scope.partitionIds, fieldIds },
    context,
  );
  const places = placesOf(schema, found);
  refuseOthers(scope, found);
  const [there, absent]: [number[], number[]] = [[], []];
  for (let row = 0; row < sent.rowCount; row++) (places.has(keyAt(keys, row)) ? there : absent).push(row);
  const homes = await homesOf(update, { ...read, rows: there, readTimestamp }, context);
  const writes: ShardWrite[] = [];
  const { platform, embedder } = update.parts;
  // Functions are computed again from the rows as they will be; what costs money, only where its text was sent.
  const makers = { pace: new Pace(platform, context), embedder, caller: context, changed: sent };
  const write = async (rows: ColumnBatch, partitionId: bigint | undefined): Promise<void> => {
    const batch = schema.functions.length === 0 ? rows : await withFunctionOutputs(schema, rows, makers);
    writes.push(...shardWrites(collection, { batch, partitionId, replacedKeys: keyColumn(schema, batch) }));
  };
  for (const [partitionId, staying] of homes.rows) {
    if (found === undefined || staying.length === 0) continue;
    const old = rowsOfBatch(
      found,
      Uint32Array.from(staying, (row) => places.get(keyAt(keys, row)) ?? 0),
    );
    const numbers = staying.map((row) => rows[row] ?? row);
    await write(
      updatedRows(schema, { sent: rowsOfBatch(sent, Uint32Array.from(staying)), old, ops }, numbers),
      partitionId,
    );
  }
  if (absent.length > 0) {
    const added = withoutBase(schema, rowsOfBatch(sent, Uint32Array.from(absent)), ops);
    await write(completeRows(schema, added), update.partitionId);
  }
  return {
    vchannel,
    schemaVersion: schema.version,
    deletedKeys: keys,
    deletedPartitionId: looksEverywhere(update) ? 0n : (update.partitionId ?? 0n),
    inserts: writes.flatMap(({ inserts }) => inserts),
    // A shard without any write yet was read at 0, which would say nothing.
    unchangedSince: homes.readTimestamp > 0n ? homes.readTimestamp : 1n,
  };
}

/** Rows may be in several partitions, and stay where they are. */
const looksEverywhere = ({ collection, partitionName }: Update): boolean =>
  partitionName === '' &&
  !collection.schema.enableNamespace &&
  partitionKeyField(collection.schema) === undefined &&
  collection.record.partitions.length > 1;

/** A key is one row of the collection, so what another namespace has under it would be changed. @throws invalid_parameter */
function refuseOthers(
  { collection: { schema }, namespaceKey }: ReadScope,
  found: ColumnBatch | undefined,
): void {
  const field = schema.fields.find(isNamespaceField);
  if (namespaceKey === undefined || found === undefined || field === undefined) return;
  const names = must(findColumn(found, field.fieldID), 'column of the namespaces');
  for (let row = 0; row < found.rowCount; row++)
    if (keyAt(names, row) !== namespaceKey)
      throw new ElanusError(
        'invalid_parameter',
        `primary key ${String(keyAt(keyColumn(schema, found), row)).slice(0, 200)} is of a row of another namespace; keys are of the collection, use others: invalid parameter`,
      );
}

interface KeyRead {
  readonly vchannel: string;
  readonly keys: Column;
  readonly keyCount: number;
}

/**
 * The rows that were found, by the partition that they stay in. Each partition is asked until all have one.
 * @returns with the time of the earliest read: a key that was written since then is read again
 */
async function homesOf(
  update: Update,
  {
    rows,
    readTimestamp,
    ...read
  }: KeyRead & { readonly rows: readonly number[]; readonly readTimestamp: bigint },
  context: CallContext,
): Promise<{ readonly rows: ReadonlyMap<bigint | undefined, number[]>; readonly readTimestamp: bigint }> {
  const { schema, record } = update.collection;
  if (!looksEverywhere(update)) return { rows: new Map([[update.partitionId, [...rows]]]), readTimestamp };
  const homes = new Map<bigint, number[]>();
  let earliest = readTimestamp;
  let homeless = [...rows];
  const fieldIds = [primaryField(schema).fieldID];
  for (const { id } of record.partitions) {
    if (homeless.length === 0) break;
    const there = await readRows(update, { ...read, partitionIds: [id], fieldIds }, context);
    if (there.readTimestamp < earliest) earliest = there.readTimestamp;
    const places = placesOf(schema, there.rows);
    const isHere = (row: number): boolean => places.has(keyAt(read.keys, row));
    homes.set(id, homeless.filter(isHere));
    homeless = homeless.filter((row) => !isHere(row));
  }
  // They went between the reads.
  if (homeless.length > 0)
    throw new ElanusError('rows_changed', 'a row was deleted while it was read to be changed; read it again');
  return { rows: homes, readTimestamp: earliest };
}

const readRows = (
  { parts, collection, scope }: Update,
  read: KeyRead & { readonly partitionIds: bigint[]; readonly fieldIds: bigint[] },
  context: CallContext,
) =>
  retryWhileMoved(parts, context, () =>
    parts.streamingNode.retrieve(
      {
        vchannel: read.vchannel,
        partitionIds: read.partitionIds,
        loadedOnly: scope.loadedOnly,
        filter: { keys: read.keys, keyCount: read.keyCount, negated: false },
        textFilter: undefined,
        guaranteeTimestamp: 0n,
        countOnly: false,
        limit: 0n,
        fieldIds: read.fieldIds,
        withAddresses: false,
        orderBy: [],
        aggregation: undefined,
        atGuarantee: false,
        ignoreGrowing: false,
        schemaVersion: collection.schema.version,
        ...expiryOf(scope),
      },
      context,
    ),
  );

function placesOf(
  schema: CollectionSchema,
  found: ColumnBatch | undefined,
): ReadonlyMap<string | bigint, number> {
  const keys = found && findColumn(found, primaryField(schema).fieldID);
  if (found === undefined || keys === undefined) return new Map();
  return new Map(Array.from({ length: found.rowCount }, (_, row) => [keyAt(keys, row), row]));
}

async function writeShard(
  update: Update,
  shard: ShardRows | undefined,
  first: ShardWrite,
  context: CallContext,
): Promise<bigint> {
  const { parts } = update;
  const { clock, timers } = parts.platform;
  const deadlineMs = deadlineOf(context, parts);
  let write = first;
  for (let attempt = 1; ; attempt++) {
    try {
      return (await parts.streamingNode.append(write, context)).timestamp;
    } catch (error) {
      const isChanged = error instanceof ElanusError && error.key === 'rows_changed';
      const pauseMs = Math.min(RETRY_MS_MAX, attempt - 1);
      if (!isChanged || shard === undefined || clock.now() + pauseMs >= deadlineMs) throw error;
      if (pauseMs > 0) await timers.sleep(pauseMs, context.signal);
      write = await plannedShard(update, shard, context);
    }
  }
}
