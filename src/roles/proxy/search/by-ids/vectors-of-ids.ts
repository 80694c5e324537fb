// A search by ids: its query vectors are those that rows with these keys have, looked up in what the search covers before anything is searched.
import { assert, must } from '#base/assert.js';
import { bytesAt, findColumn, isNull, type Key, keyAt } from '#model/columns/column.js';
import { vectorWidth } from '#model/columns/dense-vector.js';
import { queryVectors } from '#model/params/placeholder.js';
import { isNamespaceField } from '#model/properties/namespaces.js';
import { DataType } from '#model/schema/data-type.js';
import type { CallContext } from '#platform/transport.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { ShardRetrieveRequest } from '#proto/elanus/roles.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import { refusal, type SearchedIds } from './searched-ids.js';

const IDS_SHOWN = 10;

/** The same search with vectors in the order of the ids. @throws invalid_parameter for ids without a row or a vector */
export async function withVectors(
  { streamingNode }: Pick<ProxyParts, 'streamingNode'>,
  search: CheckedSearch,
  context: CallContext,
): Promise<CheckedSearch> {
  const { scope, plan, ids } = search;
  if (ids === undefined) return search;
  const field = plan.params.annsField;
  const { namespaceKey } = scope;
  const own = namespaceKey === undefined ? undefined : scope.collection.schema.fields.find(isNamespaceField);
  const request = {
    ...ShardRetrieveRequest.create({}),
    partitionIds: scope.partitionIds,
    loadedOnly: scope.loadedOnly,
    filter: { keys: ids.keys, keyCount: ids.count, negated: false },
    fieldIds: own === undefined ? [field.fieldID] : [field.fieldID, own.fieldID],
    guaranteeTimestamp: search.guaranteeTimestamp,
    ignoreGrowing: plan.params.ignoreGrowing,
  };
  const answers = await Promise.all(
    scope.collection.record.vchannels.map((vchannel) =>
      streamingNode.retrieve({ ...request, vchannel }, context),
    ),
  );
  const found = new Map<Key, Uint8Array>();
  for (const { rows } of answers)
    if (rows !== undefined && rows.rowCount > 0)
      collect(found, rows, { field, primary: plan.primary, isOwn: isOwnRow(rows, own, namespaceKey) });
  const { queries } = queryVectors(vectorsOf(ids, found), field, false);
  return { ...search, queries };
}

/** Rows of other namespaces may be in the partition: an id of theirs has no row here. */
function isOwnRow(
  rows: ColumnBatch,
  own: FieldSchema | undefined,
  namespaceKey: string | undefined,
): (row: number) => boolean {
  if (own === undefined) return () => true;
  const names = must(findColumn(rows, own.fieldID), 'column of the namespaces');
  return (row) => keyAt(names, row) === namespaceKey;
}

interface Wanted {
  readonly field: FieldSchema;
  readonly primary: FieldSchema;
  readonly isOwn: (row: number) => boolean;
}

function collect(found: Map<Key, Uint8Array>, rows: ColumnBatch, { field, primary, isOwn }: Wanted): void {
  const keys = must(findColumn(rows, primary.fieldID), 'key column');
  const vectors = must(findColumn(rows, field.fieldID), 'column of the vectors');
  assert(!vectors.packed, 'vectors of rows that were read are not packed');
  const width = field.dataType === DataType.SparseFloatVector ? undefined : vectorWidth(field);
  for (let row = 0; row < rows.rowCount; row++) {
    if (!isOwn(row)) continue;
    const key = keyAt(keys, row);
    if (isNull(vectors, row))
      throw refusal(`the row of the primary key ${shown(key)} has no vector in field ${field.name}`);
    found.set(
      key,
      width === undefined ? bytesAt(vectors, row) : vectors.data.subarray(row * width, (row + 1) * width),
    );
  }
}

function vectorsOf({ keys, count }: SearchedIds, found: ReadonlyMap<Key, Uint8Array>): Uint8Array[] {
  const vectors: Uint8Array[] = [];
  const missing: Key[] = [];
  for (let at = 0; at < count; at++) {
    const key = keyAt(keys, at);
    const vector = found.get(key);
    if (vector === undefined) missing.push(key);
    else vectors.push(vector);
  }
  if (missing.length === 0) return vectors;
  const more = missing.length > IDS_SHOWN ? ` and ${missing.length - IDS_SHOWN} more` : '';
  throw refusal(
    `some of the provided primary key IDs do not exist: missing IDs = [${missing.slice(0, IDS_SHOWN).map(shown).join(', ')}]${more}`,
  );
}

const shown = (key: Key): string => String(key).slice(0, 200);
