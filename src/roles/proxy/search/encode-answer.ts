// The last step of a search: hits and their output fields in the message that clients read.
import { bytesView } from '#base/bytes.js';
import { columnFieldFromBatch, idsFromColumn, joinStructs } from '#model/columns/field-data-out.js';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { answeredRows } from '#model/params/output-fields.js';
import type { Pace } from '#platform/pace.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { ShardSearchResponse } from '#proto/elanus/roles.js';
import type { SearchResults } from '#proto/milvus/milvus.js';
import type { FieldData, LongArray } from '#proto/milvus/schema.js';
import { newestRead } from '#roles/proxy/reads/read-timestamps.js';
import { whole } from '#rpc/service.js';
import { successStatus } from '#rpc/wire-status.js';
import type { Hits } from '#segment/search/hits.js';
import { searchExtras } from './search-extras.js';
import type { CheckedSearch } from './search-request.js';

export interface FoundHits {
  readonly answers: readonly ShardSearchResponse[];
  readonly hits: Hits;
  /** Output fields of the hits, row for row; undefined: there are no hits, or no fields were asked for. */
  readonly rows: ColumnBatch | undefined;
  /** Where hits are elements of rows, the place of each in its row. */
  readonly offsets: Uint32Array | undefined;
}

/** @throws cancelled, deadline_exceeded */
export async function encodeAnswer(
  { answers, hits, rows, offsets }: FoundHits,
  search: CheckedSearch,
  pace: Pace,
): Promise<SearchResults> {
  const { params, output, primary, usedParams, builtAs } = search.plan;
  const fieldsData = rows === undefined ? [] : await encodeFields(rows, search, pace);
  const ids = idsFromColumn(hits.keys);
  if (pace.isDue) await pace.rest();
  const { queryCount } = search;
  const extras = searchExtras(answers, {
    explain: params.explain,
    sent: params.vector,
    usedParams,
    builtAs,
    queryCount,
  });
  return whole<SearchResults>({
    status: extras.status ?? successStatus(),
    collectionName: search.scope.collection.schema.name,
    sessionTs: newestRead(answers),
    results: {
      numQueries: BigInt(queryCount),
      topK: BigInt(params.topK),
      fieldsData,
      scores: bytesView(hits.scores),
      ids,
      topks: topksOf(hits),
      outputFields: output.names,
      groupByFieldValue: undefined,
      allSearchCount: BigInt(hits.rows.length),
      distances: [],
      recalls: extras.recalls,
      primaryFieldName: primary.name,
      highlightResults: [],
      elementIndices: offsets && indicesOf(offsets),
      groupByFieldValues: [],
      aggBuckets: [],
      aggTopks: [],
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

async function encodeFields(rows: ColumnBatch, search: CheckedSearch, pace: Pace): Promise<FieldData[]> {
  const { schema, record } = search.scope.collection;
  const { output, params } = search.plan;
  const zone = params.zone ?? record.properties.timezone;
  const answered = answeredRows(schema, rows, output);
  const fieldsData: FieldData[] = [];
  for (const fieldId of output.fieldIds) {
    if (pace.isDue) await pace.rest();
    fieldsData.push(columnFieldFromBatch(schema, answered, fieldId, zone));
  }
  return joinStructs(schema, fieldsData);
}
