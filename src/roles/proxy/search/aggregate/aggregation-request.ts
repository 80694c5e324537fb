// Step 1 of a search whose hits become buckets: the levels of the request, checked against the schema once.
import { ElanusError } from '#base/errors.js';
import { DataType, numberTypes } from '#model/schema/data-type.js';
import { dataTypeName, fieldByName } from '#model/schema/schema-view.js';
import type { OrderSpec, SearchAggregationSpec, SortSpec } from '#proto/milvus/common.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { type GroupKey, groupingOf } from '#roles/proxy/search/group/grouping.js';

const OPS = ['count', 'sum', 'avg', 'min', 'max'] as const;

export interface BucketMetric {
  readonly alias: string;
  readonly op: (typeof OPS)[number];
  /** Scores of the hits, every hit, or the values of a field. */
  readonly source: 'score' | 'all' | FieldSchema;
}

/** How buckets of a level come one after another: the first that distinguishes two decides. */
export interface BucketOrder {
  readonly by: 'key' | 'count' | BucketMetric;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface HitSort {
  readonly by: 'score' | FieldSchema;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface BucketLevel {
  readonly keys: readonly GroupKey[];
  readonly size: number;
  readonly metrics: readonly BucketMetric[];
  readonly order: readonly BucketOrder[];
  readonly topHits: { readonly size: number; readonly sort: readonly HitSort[] } | undefined;
}

export interface BucketsRequest {
  /** From the outermost on. */
  readonly levels: readonly BucketLevel[];
  /** Hits that each combination of all keys may have. */
  readonly hitsPerKey: number;
  /** Combinations of keys that are looked for. */
  readonly keysMax: number;
}

const LEVELS_MAX = 4;
const KEYS_MAX = 10;
const METRICS_MAX = 64;
const ENTRIES_MAX = 10_000;

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', `search_aggregation: ${text}: invalid parameter`);
};

/** @throws invalid_parameter */
export function bucketsRequest(
  schema: CollectionSchema,
  spec: SearchAggregationSpec,
  queryCount: number,
): BucketsRequest {
  const levels: BucketLevel[] = [];
  let keysMax = 1;
  for (let at: SearchAggregationSpec | undefined = spec; at !== undefined; at = at.subAggregation) {
    if (levels.length === LEVELS_MAX) refuse(`more than ${LEVELS_MAX} levels`);
    const level = levelOf(schema, at);
    levels.push(level);
    keysMax *= searchSize(at, level.size);
  }
  const names = levels.flatMap(({ keys }) => keys.map(({ name }) => name));
  if (names.length > KEYS_MAX) refuse(`${names.length} key fields, expected at most ${KEYS_MAX}`);
  if (new Set(names).size < names.length) refuse(`a field is a key twice: ${names.join(', ').slice(0, 200)}`);
  const hitsPerKey = Math.max(1, ...levels.map(({ topHits }) => topHits?.size ?? 1));
  const entries = queryCount * keysMax * hitsPerKey;
  if (entries > ENTRIES_MAX)
    refuse(
      `${queryCount} queries times ${keysMax} buckets times ${hitsPerKey} hits are ${entries} entries, expected at most ${ENTRIES_MAX}`,
    );
  return { levels, hitsPerKey, keysMax };
}

function searchSize({ searchSize: asked }: SearchAggregationSpec, size: number): number {
  const wanted = Number(asked);
  if (wanted < 0) refuse(`search_size is ${wanted}, expected a size from 1`);
  return Math.max(wanted, size);
}

function levelOf(schema: CollectionSchema, spec: SearchAggregationSpec): BucketLevel {
  const size = positive(spec.size, 'size');
  if (spec.fields.length === 0) refuse('a level has no fields; name what makes its buckets');
  const { keys } = groupingOf(schema, {
    names: spec.fields,
    size: 1,
    isStrict: true,
    scorer: 'max',
    jsonPath: undefined,
    jsonType: undefined,
    strictCast: false,
  });
  for (const { path, name } of keys)
    if (path !== undefined) refuse(`${name.slice(0, 200)} is JSON, expected a scalar field of the schema`);
  const metrics = metricsOf(schema, spec);
  const topHits = spec.topHits && {
    size: positive(spec.topHits.size, 'size of top_hits'),
    sort: spec.topHits.sort.map((sort) => sortOf(schema, sort)),
  };
  return { keys, size, metrics, order: spec.order.map((order) => orderOf(metrics, order)), topHits };
}

function positive(size: bigint, what: string): number {
  if (size < 1n || size > BigInt(ENTRIES_MAX)) refuse(`${what} is ${size}, expected 1 to ${ENTRIES_MAX}`);
  return Number(size);
}

const summedTypes: ReadonlySet<number> = new Set(numberTypes);
const orderedTypes: ReadonlySet<number> = new Set([...numberTypes, DataType.VarChar, DataType.Timestamptz]);
const sortedTypes: ReadonlySet<number> = new Set([...orderedTypes, DataType.Bool]);

function metricsOf(schema: CollectionSchema, spec: SearchAggregationSpec): BucketMetric[] {
  const entries = Object.entries(spec.metrics);
  if (entries.length > METRICS_MAX) refuse(`${entries.length} metrics, expected at most ${METRICS_MAX}`);
  return entries.map(([alias, { op: name, fieldName }]) => {
    const op = OPS.find((one) => one === name.toLowerCase());
    if (alias === '' || alias.startsWith('_'))
      refuse(`metric alias "${alias.slice(0, 64)}" is empty or begins with _`);
    if (op === undefined)
      return refuse(`metric ${alias.slice(0, 64)}: op ${name.slice(0, 64)} is none of ${OPS.join(', ')}`);
    return { alias, op, source: sourceOf(schema, op, fieldName) };
  });
}

function sourceOf(schema: CollectionSchema, op: BucketMetric['op'], name: string): BucketMetric['source'] {
  if (name === '_score' && op !== 'count') return 'score';
  if (name === '*') return op === 'count' ? 'all' : refuse(`${op}(*): * is only for count`);
  const field = namedField(schema, name);
  const allowed = op === 'sum' || op === 'avg' ? summedTypes : orderedTypes;
  const isCounted = op === 'count' && field.dataType !== DataType.JSON;
  if (!isCounted && !allowed.has(field.dataType))
    refuse(`${op} of field ${name}, which is of type ${dataTypeName(field.dataType)}`);
  return field;
}

function namedField(schema: CollectionSchema, name: string): FieldSchema {
  const field = fieldByName(schema, name);
  return field === undefined || field.isDynamic ? refuse(`field ${name.slice(0, 200)} not exist`) : field;
}

function isDescending(direction: string): boolean {
  const word = direction.toLowerCase();
  if (word !== '' && word !== 'asc' && word !== 'desc')
    refuse(`direction ${direction.slice(0, 64)}, expected asc or desc`);
  return word === 'desc';
}

function orderOf(metrics: readonly BucketMetric[], { key, direction, nullFirst }: OrderSpec): BucketOrder {
  const rest = { descending: isDescending(direction), nullsFirst: nullFirst };
  if (key === '_key') return { by: 'key', ...rest };
  if (key === '_count') return { by: 'count', ...rest };
  const metric = metrics.find(({ alias }) => alias === key);
  return {
    by: metric ?? refuse(`order key ${key.slice(0, 64)} is no metric of its level, _count or _key`),
    ...rest,
  };
}

function sortOf(schema: CollectionSchema, { fieldName, direction, nullFirst }: SortSpec): HitSort {
  const rest = { descending: isDescending(direction), nullsFirst: nullFirst };
  if (fieldName === '_score') return { by: 'score', ...rest };
  const field = namedField(schema, fieldName);
  if (!sortedTypes.has(field.dataType))
    refuse(
      `top_hits cannot be sorted by field ${fieldName}, which is of type ${dataTypeName(field.dataType)}`,
    );
  return { by: field, ...rest };
}
