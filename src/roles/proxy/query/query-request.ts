// Step 1 of a query: the request, parsed and checked once into a value that the other steps trust.
import { ElanusError } from '#base/errors.js';
import { readJsonPath } from '#expr/json-path.js';
import { type AggregateQuery, aggregateQuery } from '#model/params/aggregates.js';
import { type OrderTerm, orderKeys } from '#model/params/order-by.js';
import { type OutputFields, resolveOutputFields } from '#model/params/output-fields.js';
import { parseQueryParams } from '#model/params/search-params.js';
import { primaryField } from '#model/schema/field.js';
import type { TimePart } from '#model/time/time-parts.js';
import type { Workers } from '#platform/workers.js';
import type { OrderKey } from '#proto/elanus/roles.js';
import type { QueryRequest } from '#proto/milvus/milvus.js';
import { checkSameCollection, type ReadScope } from '#roles/proxy/reads/read-scope.js';
import { guaranteeTimestampOf } from '#roles/proxy/reads/read-timestamps.js';
import { type RequestFilter, requestFilter } from '#roles/proxy/reads/request-filter.js';
import { type QueryOrder, queryOrder } from '#segment/row-order.js';

export interface CheckedQuery {
  readonly scope: ReadScope;
  readonly filter: RequestFilter;
  readonly output: OutputFields;
  /** Groups are asked for, not rows. */
  readonly aggregates: AggregateQuery | undefined;
  readonly orderTerms: readonly OrderTerm[];
  /** The order as shards get it; empty: key order. */
  readonly orderBy: OrderKey[];
  readonly order: QueryOrder | undefined;
  /** Rows, in the order, that the page leaves out before it. */
  readonly offset: number;
  /** With an `element_filter`: the page in elements, which is cut when their rows are there. */
  readonly elements: { readonly offset: number; readonly limit: number } | undefined;
  /** Offset plus limit; undefined: every row that passes. */
  readonly rowsMax: number | undefined;
  /** The rows before the page are found by their keys, and what they hold is not read. */
  readonly isPaged: boolean;
  readonly ignoreGrowing: boolean;
  /** Time zone of the times in the answer; undefined: UTC. */
  readonly zone: string | undefined;
  /** Points in time are answered as arrays of these parts; empty: as texts. */
  readonly timeParts: readonly TimePart[];
  /** 0n: none is asked for. */
  readonly guaranteeTimestamp: bigint;
  /** A page of an iterator: the rows as they were at the guarantee timestamp, or now if it names none. */
  readonly isIterator: boolean;
  /** The plan of each segment is answered too. */
  readonly explain: boolean;
}

/** @throws invalid_parameter, unsupported */
export async function checkQuery(
  request: QueryRequest,
  scope: ReadScope,
  workers: Workers,
): Promise<CheckedQuery> {
  const { schema } = scope.collection;
  const params = parseQueryParams(request.queryParams);
  checkSameCollection(params.collectionId, scope.collection.record.id);
  const aggregates = aggregateQuery(schema, request.outputFields, params.groupBy);
  const output =
    aggregates === undefined
      ? resolveOutputFields(schema, request.outputFields, { call: 'query' })
      : aggregateOutput(aggregates);
  const asked = {
    text: request.expr,
    templates: request.exprTemplateValues,
    zone: params.zone,
    namespaceKey: scope.namespaceKey,
  };
  const read = requestFilter(scope.collection, asked, workers);
  const filter = read instanceof Promise ? await read : read;
  if (output.isCount && params.limit !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      'count entities with pagination is not allowed: invalid parameter',
    );
  if (!output.isCount && aggregates === undefined && filter.isEmpty && params.limit === undefined) {
    throw new ElanusError(
      'invalid_parameter',
      'empty expression should be used with limit: invalid parameter',
    );
  }
  const orderBy =
    output.isCount || aggregates !== undefined ? [] : orderKeys(schema, params.orderBy, readJsonPath);
  if (params.isIterator && (orderBy.length > 0 || aggregates !== undefined))
    throw new ElanusError(
      'invalid_parameter',
      'order by and aggregation are not supported with an iterator: it pages in the order of the primary key',
    );
  const ofElements = filter.predicate?.elements !== undefined && !output.isCount && aggregates === undefined;
  return {
    scope,
    filter,
    output,
    aggregates,
    orderTerms: params.orderBy,
    orderBy,
    order: queryOrder(orderBy, primaryField(schema).fieldID),
    offset: ofElements ? 0 : params.offset,
    elements: ofElements
      ? { offset: params.offset, limit: params.limit ?? Number.MAX_SAFE_INTEGER }
      : undefined,
    rowsMax: params.limit === undefined ? undefined : params.limit + params.offset,
    isPaged: params.offset > 0 && !output.isCount && !ofElements && aggregates === undefined,
    ignoreGrowing: params.ignoreGrowing,
    isIterator: params.isIterator,
    explain: params.explain,
    timeParts: params.timeParts,
    zone: params.zone ?? scope.collection.record.properties.timezone,
    guaranteeTimestamp: guaranteeTimestampOf(request, params.guaranteeTimestamp),
  };
}

const aggregateOutput = ({ outputs }: AggregateQuery): OutputFields => ({
  isCount: false,
  fieldIds: [],
  names: outputs.map(({ name }) => name),
  dynamicKeys: [],
  pickedKeys: undefined,
});
