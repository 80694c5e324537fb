// A search whose hits become buckets: candidates by all keys of all levels at once, then what was found, level by level. The ordinary hits are none.
import { must } from '#base/assert.js';
import { findColumn, type Key, keyAt } from '#model/columns/column.js';
import { DataType, plainTypes } from '#model/schema/data-type.js';
import { fieldById } from '#model/schema/field.js';
import { formatTimestamp } from '#model/time/timestamptz.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import {
  AggBucket,
  type AggHit,
  AggHitField,
  BucketKeyEntry,
  type FieldSchema,
  MetricValue,
} from '#proto/milvus/schema.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { fetchRows } from '#roles/proxy/reads/fetch-rows.js';
import { findGroups } from '#roles/proxy/search/group/find-groups.js';
import type { GroupValue } from '#roles/proxy/search/group/group-values.js';
import type { GroupKey } from '#roles/proxy/search/group/grouping.js';
import type { AnswerForm, Ranked } from '#roles/proxy/search/ranked.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import { withRowKeys } from '#segment/search/element-keys.js';
import type { Hits } from '#segment/search/hits.js';
import { pageOfHits, pickHits } from '#segment/search/merge-hits.js';
import type { BucketMetric, BucketsRequest } from './aggregation-request.js';
import { type Bucket, type BucketHit, bucketsOf, type ValueOf } from './buckets.js';
import { type RowValue, rowValues } from './row-values.js';

type AggregateParts = Pick<ProxyParts, 'streamingNode' | 'platform'>;

/** @throws cancelled, deadline_exceeded, segment_not_found, invalid_parameter */
export async function aggregateHits(
  parts: AggregateParts,
  {
    search,
    request,
    form,
  }: { readonly search: CheckedSearch; readonly request: BucketsRequest; readonly form: AnswerForm },
  pace: Pace,
  context: CallContext,
): Promise<Ranked> {
  const { levels, hitsPerKey, keysMax } = request;
  const keys = levels.flatMap((level) => level.keys);
  const grouping = { keys, size: hitsPerKey, isStrict: true, scorer: 'max' as const };
  const { answers, hits, groups } = await findGroups(
    parts,
    { search, grouping, limit: keysMax },
    pace,
    context,
  );
  const chosen = groups.map((of) =>
    of.flatMap((group) => group.hits.map((hit) => ({ hit, values: group.values }))),
  );
  const numbers = Uint32Array.from(chosen.flatMap((all) => all.map(({ hit }) => hit.number)));
  const picked = pickHits(
    hits,
    numbers,
    Uint32Array.from(chosen, ({ length }) => length),
  );
  const { batch, fields } = await fetchValues(parts, { picked, request, form }, pace, context);
  const fieldValue = valuesIn(batch);
  const buckets: AggBucket[] = [];
  const bucketCounts: bigint[] = [];
  let row = 0;
  for (const all of chosen) {
    const own = all.map(
      ({ hit, values }): BucketHit => ({
        key: keyAt(picked.keys, row),
        score: hit.score,
        row: row++,
        keyValues: new Map(keys.map(({ name }, at) => [name, values[at] ?? null])),
      }),
    );
    const found = bucketsOf(own, levels, fieldValue);
    const zone = form.zone ?? form.collection.record.properties.timezone ?? 'UTC';
    const answer = new BucketAnswer(fields, fieldValue, zone);
    for (const bucket of found) buckets.push(answer.bucket(bucket));
    bucketCounts.push(BigInt(found.length));
    if (pace.isDue) await pace.rest();
  }
  return { answers, hits: pageOfHits(picked, 0, 0), buckets, bucketCounts };
}

/** Fields that metrics, orders and the hits of the answer need. */
async function fetchValues(
  parts: AggregateParts,
  {
    picked,
    request,
    form,
  }: { readonly picked: Hits; readonly request: BucketsRequest; readonly form: AnswerForm },
  pace: Pace,
  context: CallContext,
): Promise<{ readonly batch: ColumnBatch; readonly fields: readonly FieldSchema[] }> {
  const { collection, output, primary } = form;
  const fields = output.fieldIds
    .map((id) => must(fieldById(collection.schema, id), `field ${id}`))
    .filter(({ isDynamic, dataType }) => !isDynamic && isAnswered(dataType));
  const hasHits = request.levels.some(({ topHits }) => topHits !== undefined);
  const fieldIds = new Set(hasHits ? fields.map(({ fieldID }) => fieldID) : []);
  for (const { metrics, topHits } of request.levels) {
    for (const { source } of metrics) if (typeof source !== 'string') fieldIds.add(source.fieldID);
    for (const { by } of topHits?.sort ?? []) if (by !== 'score') fieldIds.add(by.fieldID);
  }
  if (fieldIds.size === 0 || picked.rows.length === 0)
    return { batch: { rowCount: picked.rows.length, columns: [] }, fields };
  const { vchannels } = collection.record;
  const addresses = withRowKeys(picked, { fieldId: primary.fieldID, dataType: primary.dataType });
  const asked = { vchannels, addresses, fieldIds: [...fieldIds], kind: 'search' as const };
  return { batch: await fetchRows(parts, asked, pace, context), fields };
}

const answeredTypes: ReadonlySet<number> = new Set([
  ...plainTypes,
  DataType.Text,
  DataType.JSON,
  DataType.Timestamptz,
]);
const isAnswered = (type: number): boolean => answeredTypes.has(type);

function valuesIn(batch: ColumnBatch): ValueOf {
  const readers = new Map(
    batch.columns.map((column) => [
      column.fieldId,
      rowValues(must(findColumn(batch, column.fieldId), 'column')),
    ]),
  );
  return (fieldId, row) => readers.get(fieldId)?.(row) ?? null;
}

/** Buckets in the message that clients read. */
class BucketAnswer {
  readonly #fields: readonly FieldSchema[];
  readonly #fieldValue: ValueOf;
  readonly #zone: string;

  constructor(fields: readonly FieldSchema[], fieldValue: ValueOf, zone: string) {
    this.#fields = fields;
    this.#fieldValue = fieldValue;
    this.#zone = zone;
  }

  bucket({ level, values, count, metrics, hits, subGroups }: Bucket): AggBucket {
    return AggBucket.fromPartial({
      key: level.keys.map((key, at) => this.#key(key, values[at] ?? null)),
      count: BigInt(count),
      metrics: Object.fromEntries(
        [...metrics].map(([metric, value]) => [metric.alias, this.#metric(metric, value)]),
      ),
      hits: hits.map((hit) => this.#hit(hit)),
      subGroups: subGroups.map((bucket) => this.bucket(bucket)),
    });
  }

  #key({ field, name, type }: GroupKey, value: GroupValue): BucketKeyEntry {
    const entry = BucketKeyEntry.create({ fieldId: field.fieldID, fieldName: name });
    if (typeof value === 'bigint' && type === DataType.Timestamptz)
      entry.value = { $case: 'stringVal', value: formatTimestamp(value, this.#zone) };
    else if (typeof value === 'bigint') entry.value = { $case: 'intVal', value };
    else if (typeof value === 'string') entry.value = { $case: 'stringVal', value };
    else if (typeof value === 'boolean') entry.value = { $case: 'boolVal', value };
    return entry;
  }

  #metric({ op, source }: BucketMetric, value: RowValue): MetricValue {
    const answer = MetricValue.create({});
    const isTime = typeof source !== 'string' && source.dataType === DataType.Timestamptz && op !== 'count';
    if (typeof value === 'bigint' && isTime)
      answer.value = { $case: 'stringVal', value: formatTimestamp(value, this.#zone) };
    else if (typeof value === 'bigint') answer.value = { $case: 'intVal', value };
    else if (typeof value === 'number') answer.value = { $case: 'doubleVal', value };
    else if (typeof value === 'string') answer.value = { $case: 'stringVal', value };
    return answer;
  }

  #hit({ key, score, row }: BucketHit): AggHit {
    return {
      pk: pkOf(key),
      score,
      fields: this.#fields.map((field) => this.#field(field, this.#fieldValue(field.fieldID, row))),
    };
  }

  #field({ fieldID, name, dataType }: FieldSchema, value: RowValue): AggHitField {
    const answer = AggHitField.create({ fieldId: fieldID, fieldName: name });
    if (typeof value === 'bigint' && dataType === DataType.Timestamptz)
      answer.value = { $case: 'stringVal', value: formatTimestamp(value, this.#zone) };
    else if (typeof value === 'bigint') answer.value = { $case: 'intVal', value };
    else if (typeof value === 'boolean') answer.value = { $case: 'boolVal', value };
    else if (typeof value === 'string') answer.value = { $case: 'stringVal', value };
    else if (typeof value === 'number')
      answer.value =
        dataType === DataType.Float ? { $case: 'floatVal', value } : { $case: 'doubleVal', value };
    else if (value !== null) answer.value = { $case: 'bytesVal', value };
    return answer;
  }
}

const pkOf = (key: Key): AggHit['pk'] =>
  typeof key === 'bigint' ? { $case: 'intPk', value: key } : { $case: 'strPk', value: key };
