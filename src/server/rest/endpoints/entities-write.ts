// Endpoints below entities/ that write: rows in JSON become the columns that every client sends.
import { z } from 'zod';
import { decodeInt64s } from '#model/columns/packed-array.js';
import { primaryField } from '#model/schema/field.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import { FieldPartialUpdateOp_OpType, type IDs } from '#proto/milvus/schema.js';
import type { Answer } from '#server/rest/answers/json-text.js';
import { type Endpoint, endpoint, Whole } from '#server/rest/endpoint.js';
import { rawJson } from '#server/rest/raw-json.js';
import { missing } from '#server/rest/rest-failure.js';
import { templateValues } from '#server/rest/rows/expr-params.js';
import { readRows } from '#server/rest/rows/rows-in.js';
import { keyFilter, keyShape } from './keys.js';
import { inNamespace, name, named, namespace, ofCollection, values } from './shapes.js';

export const rowsShape = rawJson({
  type: 'array',
  items: { type: 'object' },
  minItems: 1,
  description:
    'Rows, each an object with a member for each field; unknown members are dynamic keys where the collection has them.',
});

const insert = ofCollection.extend({ data: rowsShape, partitionName: z.string().default(''), namespace });

export const writeEndpoints: readonly Endpoint[] = [
  endpoint({
    path: 'entities/insert',
    summary: 'Inserts rows.',
    body: insert,
    calls: ['insert'],
    answer: async ({ data, partitionName, ...body }, call) => {
      const { schema, record } = await call.collection(body.collectionName, 'insert');
      const withKeys = record.properties.allow_insert_auto_id === 'true';
      const read = readRows(schema, data, { withKeys, isPartial: false, zone: zoneOf(record) });
      call.letBodyGo();
      const { insertCnt, IDs: ids } = await call.rpc('insert', {
        ...named(body, call),
        partitionName,
        ...inNamespace(body),
        ...read,
      });
      return new Whole({ data: { insertCount: Number(insertCnt), insertIds: keysOf(ids) }, cost: 0 });
    },
  }),
  endpoint({
    path: 'entities/upsert',
    summary: 'Replaces rows of the same key, or changes some of their fields; rows of new keys are inserted.',
    body: insert.extend({
      partialUpdate: z.boolean().default(false),
      fieldOps: z
        .array(z.strictObject({ fieldName: name, op: z.enum(['REPLACE', 'ARRAY_APPEND', 'ARRAY_REMOVE']) }))
        .default([]),
    }),
    calls: ['upsert'],
    answer: async ({ data, partitionName, partialUpdate, fieldOps, ...body }, call) => {
      const { schema, record } = await call.collection(body.collectionName, 'upsert');
      const isPartial = partialUpdate || fieldOps.some(({ op }) => op !== 'REPLACE');
      const read = readRows(schema, data, { withKeys: true, isPartial, zone: zoneOf(record) });
      call.letBodyGo();
      const { upsertCnt, IDs: ids } = await call.rpc('upsert', {
        ...named(body, call),
        partitionName,
        ...inNamespace(body),
        ...read,
        partialUpdate,
        fieldOps: fieldOps.map(({ fieldName, op }) => ({ fieldName, op: FieldPartialUpdateOp_OpType[op] })),
      });
      return new Whole({ data: { upsertCount: Number(upsertCnt), upsertIds: keysOf(ids) }, cost: 0 });
    },
  }),
  endpoint({
    path: 'entities/delete',
    summary: 'Deletes the rows that pass a filter, or have one of the keys.',
    body: ofCollection.extend({
      filter: z.string().optional(),
      id: keyShape.optional(),
      ids: keyShape.optional(),
      partitionName: z.string().default(''),
      namespace,
      exprParams: values.optional(),
    }),
    calls: ['delete'],
    answer: async ({ filter, id, ids, partitionName, exprParams, ...body }, call) => {
      const keys = id ?? ids;
      if (filter === undefined && keys === undefined) return missing('filter is required, or id');
      if (filter !== undefined && keys !== undefined)
        return missing('filter is required, or id, and not both');
      const chosen =
        keys === undefined
          ? { expr: filter ?? '', exprTemplateValues: templateValues(exprParams) }
          : keyFilter(primaryField((await call.collection(body.collectionName, 'delete')).schema), keys);
      const request = { ...named(body, call), partitionName, ...inNamespace(body), ...chosen };
      const { deleteCnt } = await call.rpc('delete', request);
      return new Whole({ data: { deleteCount: Number(deleteCnt) }, cost: 0 });
    },
  }),
];

/** Times without an offset are of the zone of the collection, as over gRPC. */
const zoneOf = ({ properties }: CollectionRecord): string | undefined => properties.timezone;

/** The keys of a write, each int64 exactly. */
function keysOf(ids: IDs | undefined): Answer[] {
  const sent = ids?.idField;
  if (sent === undefined) return [];
  if (sent.$case === 'strId') return [...sent.value.data];
  const data = decodeInt64s(sent.value.data, 'ids');
  return [...new BigInt64Array(data.buffer, data.byteOffset, data.length / 8)];
}
