// The last step of a query: a count, or rows, in the message that clients read.
import { must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { countFieldData, fieldsFromBatch } from '#model/columns/field-data-out.js';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { answeredRows } from '#model/params/output-fields.js';
import { fixedWidth } from '#model/schema/data-type.js';
import { fieldById, primaryField } from '#model/schema/field.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { ShardRetrieveResponse } from '#proto/elanus/roles.js';
import type { QueryResults } from '#proto/milvus/milvus.js';
import type { CollectionSchema, FieldData } from '#proto/milvus/schema.js';
import { explainedStatus } from '#roles/proxy/reads/explained-status.js';
import { newestRead } from '#roles/proxy/reads/read-timestamps.js';
import { withTimeParts } from '#roles/proxy/reads/time-part-fields.js';
import { whole } from '#rpc/service.js';
import { successStatus } from '#rpc/wire-status.js';
import { aggregateFields } from './aggregate-answer.js';
import type { CheckedQuery } from './query-request.js';

type Answers = readonly ShardRetrieveResponse[];

export function encodeCount(answers: Answers, query: CheckedQuery) {
  const count = answers.reduce((sum, shard) => sum + shard.count, 0n);
  return answer(answers, query, [countFieldData(count)]);
}

/** @param places where elements are answered, those of each row */
export function encodeRows(
  answers: Answers,
  query: CheckedQuery,
  page: ColumnBatch,
  places: readonly Uint32Array[] = [],
) {
  const { schema } = query.scope.collection;
  const { fieldIds } = query.output;
  const rows = page.rowCount === 0 ? emptyBatch(schema, fieldIds) : answeredRows(schema, page, query.output);
  const elementIndices = places.map((of) => ({
    indices: { data: encodeInt64s(bytesView(BigInt64Array.from(of, BigInt))) },
  }));
  const { zone, timeParts } = query;
  const fields = fieldsFromBatch(schema, rows, fieldIds, zone);
  const times = { zone, parts: timeParts };
  return { ...answer(answers, query, withTimeParts(fields, rows, times)), elementIndices };
}

export function encodeGroups(answers: Answers, query: CheckedQuery, groups: ColumnBatch) {
  const { aggregates, orderTerms: orderBy, offset, rowsMax = Number.MAX_SAFE_INTEGER, zone } = query;
  const page = { orderBy, offset, limit: rowsMax - offset, zone };
  return answer(answers, query, aggregateFields(must(aggregates, 'aggregates'), groups, page));
}

const answer = (
  answers: Answers,
  { scope, output, explain }: CheckedQuery,
  fieldsData: FieldData[],
): QueryResults =>
  whole<QueryResults>({
    status: explain ? explainedStatus(answers.flatMap(({ plans }) => plans)) : successStatus(),
    collectionName: scope.collection.schema.name,
    outputFields: output.names,
    sessionTs: newestRead(answers),
    primaryFieldName: primaryField(scope.collection.schema).name,
    fieldsData,
    elementIndices: [],
  });

/** No rows, but every column in its type: a client reads the names from it. */
const emptyBatch = (schema: CollectionSchema, fieldIds: readonly bigint[]): ColumnBatch => ({
  rowCount: 0,
  columns: fieldIds.map((fieldId) => {
    const { dataType } = must(fieldById(schema, fieldId), `field ${fieldId}`);
    return {
      fieldId,
      dataType,
      data: new Uint8Array(0),
      offsets: new Uint8Array(fixedWidth(dataType, 1) === undefined ? 4 : 0),
      valid: new Uint8Array(0),
    };
  }),
});
