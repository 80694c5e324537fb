// The last step of a search: hits and their output fields in the message that clients read.
import { bytesView } from '#base/bytes.js';
import { columnFieldFromBatch, idsFromColumn, joinStructs } from '#model/columns/field-data-out.js';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { answeredRows } from '#model/params/output-fields.js';
import type { Pace } from '#platform/pace.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { HighlightResult } from '#proto/milvus/common.js';
import type { SearchResults } from '#proto/milvus/milvus.js';
import type { FieldData, LongArray } from '#proto/milvus/schema.js';
import { newestRead } from '#roles/proxy/reads/read-timestamps.js';
import { withTimeParts } from '#roles/proxy/reads/time-part-fields.js';
import { whole } from '#rpc/service.js';
import { successStatus } from '#rpc/wire-status.js';
import type { Hits } from '#segment/search/hits.js';
import type { AnswerForm, Ranked } from './ranked.js';
import type { SearchExtras } from './search-extras.js';

export interface FoundHits extends Ranked {
  /** Output fields of the hits, row for row; undefined: there are no hits, or no fields were asked for. */
  readonly rows: ColumnBatch | undefined;
  /** Where hits are elements of rows, the place of each in its row. */
  readonly offsets: Uint32Array | undefined;
  readonly extras: SearchExtras;
  /** By field, the fragments of each hit. */
  readonly highlights: HighlightResult[];
}

/** Known at once where no fields were asked for. @throws cancelled, deadline_exceeded */
export function encodeAnswer(
  found: FoundHits,
  form: AnswerForm,
  pace: Pace,
): SearchResults | Promise<SearchResults> {
  if (found.rows === undefined && !pace.isDue) return answerOf(found, [], form);
  return withFields(found, form, pace);
}

async function withFields(found: FoundHits, form: AnswerForm, pace: Pace): Promise<SearchResults> {
  const fieldsData = found.rows === undefined ? [] : await encodeFields(found.rows, form, pace);
  if (pace.isDue) await pace.rest();
  return answerOf(found, fieldsData, form);
}

function answerOf(
  {
    answers,
    hits,
    offsets,
    groupValues = [],
    iterator,
    buckets = [],
    bucketCounts = [],
    extras,
    highlights,
  }: FoundHits,
  fieldsData: FieldData[],
  { collection, output, primary, limit, queryCount }: AnswerForm,
): SearchResults {
  return whole<SearchResults>({
    status: extras.status ?? successStatus(),
    collectionName: collection.schema.name,
    sessionTs: newestRead(answers),
    results: {
      numQueries: BigInt(queryCount),
      topK: BigInt(limit),
      fieldsData,
      scores: bytesView(hits.scores),
      ids: idsFromColumn(hits.keys),
      topks: topksOf(hits),
      outputFields: output.names,
      groupByFieldValue: groupValues[0],
      allSearchCount: BigInt(hits.rows.length),
      distances: [],
      searchIteratorV2Results: iterator,
      recalls: extras.recalls,
      primaryFieldName: primary.name,
      highlightResults: highlights,
      elementIndices: offsets && indicesOf(offsets),
      groupByFieldValues: [...groupValues],
      aggBuckets: buckets,
      aggTopks: bucketCounts,
    },
  });
}

function topksOf({ counts }: Hits): bigint[] {
  const topks: bigint[] = [];
  for (let query = 0; query < counts.length; query++) topks.push(BigInt(counts[query] ?? 0));
  return topks;
}

const indicesOf = (offsets: Uint32Array): LongArray => ({
  data: encodeInt64s(bytesView(BigInt64Array.from(offsets, BigInt))),
});

async function encodeFields(
  rows: ColumnBatch,
  { collection: { schema, record }, output, zone: asked, timeParts }: AnswerForm,
  pace: Pace,
): Promise<FieldData[]> {
  const zone = asked ?? record.properties.timezone;
  const answered = answeredRows(schema, rows, output);
  const fieldsData: FieldData[] = [];
  for (const fieldId of output.fieldIds) {
    if (pace.isDue) await pace.rest();
    fieldsData.push(columnFieldFromBatch(schema, answered, fieldId, zone));
  }
  return joinStructs(schema, withTimeParts(fieldsData, answered, { zone, parts: timeParts }));
}
