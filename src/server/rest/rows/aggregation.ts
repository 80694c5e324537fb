// Search aggregation over REST: levels of buckets in a body, and buckets in an answer. Both are the messages of the protocol in their own JSON
// form: names in camel case, what a value may be of several types under the name of its type.
import { z } from 'zod';
import { base64FromBytes } from '#base/base64.js';
import type { SearchAggregationSpec } from '#proto/milvus/common.js';
import type {
  AggBucket,
  AggHit,
  AggHitField,
  BucketKeyEntry,
  MetricValue,
  SearchResultData,
} from '#proto/milvus/schema.js';
import { float32Text } from '#server/rest/answers/float32-text.js';
import { type Answer, JsonText } from '#server/rest/answers/json-text.js';

const sort = z.strictObject({
  fieldName: z.string(),
  direction: z.string().default(''),
  nullFirst: z.boolean().default(false),
});

const order = z.strictObject({
  key: z.string(),
  direction: z.string().default(''),
  nullFirst: z.boolean().default(false),
});

const innermost = z.strictObject({
  fields: z.array(z.string()),
  size: z.int(),
  searchSize: z.int().default(0),
  metrics: z
    .record(z.string(), z.strictObject({ op: z.string(), fieldName: z.string().default('') }))
    .default({}),
  order: z.array(order).default([]),
  topHits: z.strictObject({ size: z.int().default(0), sort: z.array(sort).default([]) }).optional(),
});

type Level = z.output<typeof innermost> & { readonly subAggregation?: Level | undefined };

const third = innermost.extend({ subAggregation: innermost.optional() });
const second = innermost.extend({ subAggregation: third.optional() });
/** Four levels, as many as a search takes: a schema that contains itself has no place in the OpenAPI document. */
export const aggregationShape = innermost.extend({ subAggregation: second.optional() });

export const aggregationOf = (level: Level): SearchAggregationSpec => ({
  fields: level.fields,
  size: BigInt(level.size),
  searchSize: BigInt(level.searchSize),
  metrics: level.metrics,
  order: level.order,
  topHits: level.topHits === undefined ? undefined : { ...level.topHits, size: BigInt(level.topHits.size) },
  subAggregation: level.subAggregation === undefined ? undefined : aggregationOf(level.subAggregation),
});

/** Buckets of all queries in one list; `aggTopks` says how many are of which. */
export const bucketsAnswer = ({ aggBuckets, aggTopks }: SearchResultData) => ({
  aggBuckets: aggBuckets.map(bucketAnswer),
  aggTopks: aggTopks.map(Number),
});

const bucketAnswer = ({ key, count, metrics, hits, subGroups }: AggBucket): Answer => ({
  key: key.map((one) => ({ fieldName: one.fieldName, ...valueAnswer(one.value) })),
  count: Number(count),
  metrics: Object.fromEntries(
    Object.entries(metrics).map(([alias, { value }]) => [alias, valueAnswer(value)]),
  ),
  hits: hits.map(hitAnswer),
  subGroups: subGroups.map(bucketAnswer),
});

const hitAnswer = ({ pk, score, fields }: AggHit): Answer => ({
  ...(pk === undefined ? {} : { [pk.$case]: pk.value }),
  score: numberAnswer(score, float32Text),
  fields: fields.map(({ fieldName, value }) => ({ fieldName, ...valueAnswer(value) })),
});

type Value = BucketKeyEntry['value'] | MetricValue['value'] | AggHitField['value'];

/** Nothing at all stands for null. */
function valueAnswer(value: Value): { readonly [name: string]: Answer } {
  if (value === undefined) return {};
  switch (value.$case) {
    case 'floatVal':
      return { floatVal: numberAnswer(value.value, float32Text) };
    case 'doubleVal':
      return { doubleVal: numberAnswer(value.value, String) };
    case 'bytesVal':
      return { bytesVal: base64FromBytes(value.value) };
    default:
      return { [value.$case]: value.value };
  }
}

/** JSON has no numbers but finite ones. */
const numberAnswer = (value: number, textOf: (value: number) => string): Answer =>
  Number.isFinite(value) ? new JsonText(textOf(value)) : null;
