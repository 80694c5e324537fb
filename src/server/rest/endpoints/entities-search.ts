// Endpoints below entities/ that search. The hits of all queries are one list; `topks` says how many of them are of which query.
import { z } from 'zod';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { valueEnd, walkElements } from '#model/json/json-bytes.js';
import { primaryField } from '#model/schema/field.js';
import { DslType, HighlightType } from '#proto/milvus/common.js';
import { SearchRequest } from '#proto/milvus/milvus.js';
import type { CollectionSchema, SearchResultData } from '#proto/milvus/schema.js';
import { whole } from '#rpc/service.js';
import { float32Text } from '#server/rest/answers/float32-text.js';
import { JsonText } from '#server/rest/answers/json-text.js';
import { readObject } from '#server/rest/body.js';
import { type Endpoint, endpoint, Whole } from '#server/rest/endpoint.js';
import { rawJson } from '#server/rest/raw-json.js';
import type { Request, RestCall } from '#server/rest/rest-calls.js';
import { missing } from '#server/rest/rest-failure.js';
import { aggregationOf, aggregationShape, bucketsAnswer } from '#server/rest/rows/aggregation.js';
import { int64s } from '#server/rest/rows/cells.js';
import { templateValues } from '#server/rest/rows/expr-params.js';
import { chainsOf, chainsShape } from '#server/rest/rows/function-chains.js';
import { queryVectors, searchedField } from '#server/rest/rows/query-vectors.js';
import { rowColumns, rowText } from '#server/rest/rows/rows-out.js';
import { orderFields, orderText, readParts } from './entities-read.js';
import { keyList, keyShape } from './keys.js';
import { functionOf, functionShape } from './schemas.js';
import { consistencyLevel, namespace, ofCollection, pairsOf, texts, values } from './shapes.js';

const vectors = rawJson({
  type: 'array',
  minItems: 1,
  items: {},
  description:
    'A vector for each query: a list of numbers, base64 of its bytes, or {"index": value} for sparse ones.',
});

/** One vector of float32, as v1 has it. */
export const vectorShape = rawJson({
  type: 'array',
  minItems: 1,
  items: { type: 'number' },
  description: 'The vector of the query.',
});

const functionScore = z.strictObject({
  functions: z.array(functionShape),
  params: values.nullish(),
});

const highlighter = z.strictObject({
  type: z.enum(['Lexical', 'Semantic']).default('Lexical'),
  preTags: texts.optional(),
  postTags: texts.optional(),
  highlightSearchText: z.boolean().optional(),
  highlightQuery: z.array(z.record(z.string(), z.unknown())).optional(),
  fragmentOffset: z.int().optional(),
  fragmentSize: z.int().optional(),
  numOfFragments: z.int().optional(),
});

const groups = z.strictObject({
  groupingField: z.string().optional(),
  groupSize: z.int().optional(),
  strictGroupSize: z.boolean().optional(),
});

const searches = ofCollection.extend({
  ...groups.shape,
  limit: z.int().default(100),
  offset: z.int().optional(),
  outputFields: texts.default([]),
  partitionNames: texts.default([]),
  consistencyLevel: consistencyLevel.optional(),
  namespace,
  functionScore: functionScore.optional(),
  functionChains: chainsShape.optional(),
  orderByFields: orderFields.optional(),
});

const searchBody = searches.extend({
  data: vectors.optional(),
  ids: keyShape.optional(),
  annsField: z.string().default(''),
  filter: z.string().default(''),
  exprParams: values.optional(),
  searchParams: values.optional(),
  searchAggregation: aggregationShape.optional(),
  highlighter: highlighter.optional(),
});

const subSearch = z.strictObject({
  data: vectors,
  annsField: z.string().default(''),
  filter: z.string().default(''),
  exprParams: values.optional(),
  metricType: z.string().optional(),
  limit: z.int().default(100),
  offset: z.int().optional(),
  params: values.optional(),
  searchParams: values.optional(),
  ignoreGrowing: z.boolean().optional(),
  groupingField: z.string().optional(),
  // What is answered is named beside the searches; as in Milvus it changes nothing here.
  outputFields: texts.optional(),
});

const hybridBody = searches.extend({
  search: rawJson({
    type: 'array',
    minItems: 1,
    items: { type: 'object' },
    description: 'The searches whose hits are joined.',
  }),
  rerank: z.strictObject({ strategy: z.string().optional(), params: values.optional() }).optional(),
});

const hybrid = {
  summary: 'Several searches at once, with their hits in one order.',
  body: hybridBody,
  calls: ['hybridSearch'],
  answer: async (body: z.output<typeof hybridBody>, call: RestCall) => {
    const { schema } = await call.collection(body.collectionName, 'hybridSearch');
    const requests: Request<'search'>[] = [];
    const { source, begin } = body.search;
    const end = walkElements(source.bytes, begin, (at) => {
      const subEnd = valueEnd(source.bytes, at);
      if (subEnd < 0) return subEnd;
      const sub = readObject(source, at, subEnd, subSearch).body as z.output<typeof subSearch>;
      requests.push(subRequest(schema, sub, body, call));
      return subEnd;
    });
    if (end < 0 || requests.length === 0) return missing('search is required: a list of searches');
    const { results } = await call.rpc('hybridSearch', {
      ...readParts(body, call),
      requests,
      outputFields: body.outputFields,
      rankParams: pairsOf({
        strategy: body.rerank?.strategy,
        params: body.rerank?.params,
        limit: body.limit,
        offset: body.offset,
        order_by_fields: body.orderByFields && orderText(body.orderByFields),
        ...groupParams(body),
      }),
      ...scoreOf(body),
    });
    return hitsAnswer(results, schema, body.outputFields, call);
  },
} as const;

export const searchEndpoints: readonly Endpoint[] = [
  endpoint({
    path: 'entities/search',
    summary:
      'The rows whose vectors are nearest to those that are sent, or to those of rows with the given keys.',
    body: searchBody,
    calls: ['search'],
    answer: async (body, call) => {
      const { schema } = await call.collection(body.collectionName, 'search');
      const { results } = await call.rpc('search', searchRequest(schema, body, call));
      const answer = hitsAnswer(results, schema, body.outputFields, call);
      if (body.searchAggregation === undefined || results === undefined) return answer;
      return new Whole({ ...answer.members, ...bucketsAnswer(results) });
    },
  }),
  endpoint({ path: 'entities/hybrid_search', ...hybrid }),
  endpoint({ path: 'entities/advanced_search', ...hybrid }),
];

/** With every field, so that it goes on as it is. */
const searchRequest = (
  schema: CollectionSchema,
  body: z.output<typeof searchBody>,
  call: RestCall,
): SearchRequest =>
  whole<SearchRequest>({
    ...noSearch,
    ...readParts(body, call),
    ...searchInput(schema, body),
    ...scoreOf(body),
    dsl: body.filter,
    exprTemplateValues: templateValues(body.exprParams),
    outputFields: body.outputFields,
    searchParams: pairsOf({
      anns_field: body.annsField === '' ? undefined : body.annsField,
      topk: body.limit,
      offset: body.offset,
      ...groupParams(body),
      order_by_fields: body.orderByFields && orderText(body.orderByFields),
      ...snakeParams(body.searchParams),
    }),
    ...highlighterOf(body.highlighter),
    searchAggregation: body.searchAggregation && aggregationOf(body.searchAggregation),
  });

const noSearch = SearchRequest.fromPartial({ dslType: DslType.BoolExprV1 });

function searchInput(
  schema: CollectionSchema,
  body: z.output<typeof searchBody>,
): Pick<SearchRequest, 'searchInput' | 'nq'> {
  if (body.ids !== undefined && body.data === undefined) {
    const keys = keyList(primaryField(schema), body.ids);
    const longs = keys.every((key) => typeof key === 'bigint') ? BigInt64Array.from(keys) : undefined;
    const idField =
      longs === undefined
        ? ({ $case: 'strId', value: { data: keys.map(String) } } as const)
        : ({ $case: 'intId', value: { data: encodeInt64s(new Uint8Array(longs.buffer)) } } as const);
    return { searchInput: { $case: 'ids', value: { idField } }, nq: BigInt(keys.length) };
  }
  if (body.data === undefined || body.ids !== undefined)
    return missing('data is required: a list of vectors, or ids in its place');
  const { group, nq } = queryVectors(searchedField(schema, body.annsField), body.data);
  return { searchInput: { $case: 'placeholderGroup', value: group }, nq: BigInt(nq) };
}

function subRequest(
  schema: CollectionSchema,
  sub: z.output<typeof subSearch>,
  body: z.output<typeof hybridBody>,
  call: RestCall,
): Request<'search'> {
  const field = searchedField(schema, sub.annsField);
  const { group, nq } = queryVectors(field, sub.data);
  return {
    ...readParts(body, call),
    searchInput: { $case: 'placeholderGroup', value: group },
    nq: BigInt(nq),
    dsl: sub.filter,
    dslType: 1,
    exprTemplateValues: templateValues(sub.exprParams),
    searchParams: pairsOf({
      anns_field: field.name,
      topk: sub.limit,
      offset: sub.offset,
      metric_type: sub.metricType,
      params: sub.params,
      ignore_growing: sub.ignoreGrowing,
      group_by_field: sub.groupingField,
      ...snakeParams(sub.searchParams),
    }),
  };
}

const groupParams = (body: z.output<typeof groups>): Readonly<Record<string, unknown>> => ({
  group_by_field: body.groupingField,
  group_size: body.groupSize,
  strict_group_size: body.strictGroupSize,
});

const scoreOf = ({
  functionScore: score,
  functionChains: chains,
}: {
  readonly functionScore?: z.output<typeof functionScore> | undefined;
  readonly functionChains?: z.output<typeof chainsShape> | undefined;
}) => ({
  ...(score === undefined
    ? {}
    : { functionScore: { functions: score.functions.map(functionOf), params: pairsOf(score.params ?? {}) } }),
  ...(chains === undefined ? {} : { functionChains: chainsOf(chains) }),
});

const highlighterOf = (asked: z.output<typeof highlighter> | undefined) => {
  if (asked === undefined) return {};
  const { type, ...params } = asked;
  return { highlighter: { type: HighlightType[type], params: pairsOf(snakeParams(params)) } };
};

/** What is marked in the texts of each hit. */
function highlightTexts(results: SearchResultData): ((hit: number) => string) | undefined {
  const marked = results.highlightResults;
  if (marked.length === 0) return undefined;
  return (hit) =>
    JSON.stringify(
      Object.fromEntries(
        marked.map(({ fieldName, datas }) => [
          fieldName,
          { fragments: datas[hit]?.fragments ?? [], scores: datas[hit]?.scores ?? [] },
        ]),
      ),
    );
}

/** `metricType` as `metric_type`; what is a key of its own already stays. */
function snakeParams(params: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const named: Record<string, unknown> = {};
  for (const key of Object.keys(params)) named[snakeNames.get(key) ?? snakeName(key)] = params[key];
  return named;
}

const snakeName = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** Names that come with most searches. */
const snakeNames = new Map(
  ['params', 'metricType', 'ignoreGrowing', 'consistencyLevel', 'roundDecimal', 'radius', 'rangeFilter'].map(
    (key) => [key, snakeName(key)],
  ),
);

function hitsAnswer(
  results: SearchResultData | undefined,
  schema: CollectionSchema,
  outputFields: readonly string[],
  { int64AsText }: RestCall,
): Whole {
  if (results === undefined) return new Whole({ data: [], topks: [], cost: 0 });
  const primary = results.primaryFieldName || primaryField(schema).name;
  const columns = rowColumns(
    results.fieldsData.filter(({ fieldName }) => fieldName !== primary),
    { int64AsText, outputFields },
  );
  const scores = new DataView(results.scores.buffer, results.scores.byteOffset, results.scores.length);
  const keyAt = keyTexts(results, int64AsText);
  const key = JSON.stringify(primary);
  const offsets = results.elementIndices && int64s(results.elementIndices.data, int64AsText);
  const highlightAt = highlightTexts(results);
  const count = results.scores.length / 4;
  let rows = '';
  for (let hit = 0; hit < count; hit++) {
    const distance = scores.getFloat32(hit * 4, true);
    const shown = Number.isFinite(distance) ? float32Text(distance) : 'null';
    const offset = offsets !== undefined && offsets.count > hit ? `,"offset":${offsets.at(hit)}` : '';
    const marked = highlightAt === undefined ? '' : `,"highlight":${highlightAt(hit)}`;
    const first = `"distance":${shown},${key}:${keyAt(hit)}${offset}${marked}`;
    rows += `${hit === 0 ? '' : ','}${rowText(columns, hit, first)}`;
  }
  return new Whole({
    data: new JsonText(`[${rows}]`),
    topks: results.topks.map(Number),
    ...(results.recalls.length === 0 ? {} : { recalls: results.recalls }),
    cost: 0,
  });
}

function keyTexts({ ids }: SearchResultData, asText: boolean): (hit: number) => string {
  const sent = ids?.idField;
  if (sent?.$case === 'strId') return (hit) => JSON.stringify(sent.value.data[hit] ?? null);
  if (sent === undefined) return () => 'null';
  const cells = int64s(sent.value.data, asText);
  return (hit) => cells.at(hit);
}
