// Endpoints below entities/ that read rows by key or by filter.
import { z } from 'zod';
import { primaryField } from '#model/schema/field.js';
import { QueryRequest, type QueryResults } from '#proto/milvus/milvus.js';
import { whole } from '#rpc/service.js';
import { JsonText } from '#server/rest/answers/json-text.js';
import { type Endpoint, endpoint, Whole } from '#server/rest/endpoint.js';
import type { RestCall } from '#server/rest/rest-calls.js';
import { templateValues } from '#server/rest/rows/expr-params.js';
import { rowColumns, rowCountOf, rowText } from '#server/rest/rows/rows-out.js';
import { keyFilter, keyShape } from './keys.js';
import {
  consistencyLevel,
  inNamespace,
  levelOf,
  named,
  namespace,
  ofCollection,
  pairsOf,
  texts,
  values,
} from './shapes.js';

const reads = ofCollection.extend({
  outputFields: texts.default(['*']),
  partitionNames: texts.default([]),
  consistencyLevel: consistencyLevel.optional(),
  namespace,
});

/** What reads have in common; without a level, that of the collection counts. */
export const readParts = (
  body: {
    readonly collectionName: string;
    readonly partitionNames: string[];
    readonly consistencyLevel?: keyof typeof consistencyLevel.enum | undefined;
    readonly namespace?: string | undefined;
  },
  call: RestCall,
) => ({
  ...named(body, call),
  partitionNames: body.partitionNames,
  ...inNamespace(body),
  ...(body.consistencyLevel === undefined
    ? { useDefaultConsistency: true }
    : { consistencyLevel: levelOf(body.consistencyLevel) }),
});

/** What is written over it has every field, so that a query goes on as it is. */
const noQuery = QueryRequest.fromPartial({});

const orderShape = z.union([
  z.string(),
  z.strictObject({ field: z.string(), order: z.string().default('asc') }),
  z.strictObject({ fieldName: z.string(), order: z.string().default('asc') }),
]);
/** `price:desc`, or the same as an object. */
export const orderFields = z.array(orderShape);
export const orderText = (fields: z.output<typeof orderFields>): string =>
  fields
    .map((one) => {
      if (typeof one === 'string') return one;
      return `${'field' in one ? one.field : one.fieldName}:${one.order}`;
    })
    .join(',');

export const readEndpoints: readonly Endpoint[] = [
  endpoint({
    path: 'entities/get',
    summary: 'Rows by their keys.',
    body: reads.extend({ id: keyShape }),
    calls: ['query'],
    answer: async ({ id, ...body }, call) => {
      const { schema } = await call.collection(body.collectionName, 'query');
      const request = whole<QueryRequest>({
        ...noQuery,
        ...readParts(body, call),
        ...keyFilter(primaryField(schema), id),
        outputFields: body.outputFields,
      });
      return rowsAnswer(await call.rpc('query', request), body, call);
    },
  }),
  endpoint({
    path: 'entities/query',
    summary: 'Rows that pass a filter, at most 100 unless a limit is given; or counts and sums of them.',
    body: reads.extend({
      filter: z.string().default(''),
      exprParams: values.optional(),
      limit: z.int().optional(),
      offset: z.int().optional(),
      orderByFields: orderFields.optional(),
      groupByFields: texts.optional(),
    }),
    calls: ['query'],
    answer: async (body, call) => {
      const request = whole<QueryRequest>({
        ...noQuery,
        ...readParts(body, call),
        expr: body.filter,
        exprTemplateValues: templateValues(body.exprParams),
        outputFields: body.outputFields,
        queryParams: pairsOf(queryParams(body)),
      });
      return rowsAnswer(await call.rpc('query', request), body, call);
    },
  }),
];

const QUERY_LIMIT = 100;
const AGGREGATE = /^\w+\s*\(.*\)$/;

function queryParams(body: {
  readonly outputFields: readonly string[];
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly orderByFields?: z.output<typeof orderFields> | undefined;
  readonly groupByFields?: readonly string[] | undefined;
}): Readonly<Record<string, unknown>> {
  const { limit, offset, orderByFields, groupByFields } = body;
  // One row of counts has no pages.
  const isAggregate =
    groupByFields !== undefined || body.outputFields.some((field) => AGGREGATE.test(field.trim()));
  const bound = limit ?? (isAggregate ? undefined : QUERY_LIMIT);
  return {
    ...(bound === undefined ? {} : { limit: bound }),
    ...(offset === undefined ? {} : { offset }),
    ...(orderByFields === undefined ? {} : { order_by_fields: orderText(orderByFields) }),
    ...(groupByFields === undefined ? {} : { group_by_fields: groupByFields.join(',') }),
  };
}

function rowsAnswer(
  { fieldsData }: QueryResults,
  { outputFields }: { readonly outputFields: readonly string[] },
  { int64AsText }: RestCall,
): Whole {
  const columns = rowColumns(fieldsData, { int64AsText, outputFields });
  const rows = Array.from({ length: rowCountOf(fieldsData[0]) }, (_, row) => rowText(columns, row));
  return new Whole({ data: new JsonText(`[${rows.join(',')}]`), cost: 0 });
}
