// What the steps of a search hand on to each other behind the check of the request.

import type { OutputFields } from '#model/params/output-fields.js';
import type { TimePart } from '#model/time/time-parts.js';
import type { ShardSearchResponse } from '#proto/elanus/roles.js';
import type { AggBucket, FieldData, FieldSchema, SearchIteratorV2Results } from '#proto/milvus/schema.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import type { Highlighting } from '#roles/proxy/search/highlight/highlighter-request.js';
import type { Hits } from '#segment/search/hits.js';

/** What an answer says beside its hits. */
export interface AnswerForm {
  readonly collection: OpenCollection;
  readonly primary: FieldSchema;
  readonly output: OutputFields;
  /** Hits, or groups of hits, for each query. */
  readonly limit: number;
  readonly queryCount: number;
  /** Time zone of the times in the answer; undefined: the collection's. */
  readonly zone: string | undefined;
  /** Points in time are answered as arrays of these parts; empty: as texts. */
  readonly timeParts: readonly TimePart[];
  /** Words that are marked in the texts of the hits; undefined: none are. */
  readonly highlighting?: Highlighting | undefined;
}

/** Candidates: the hits of all shards, best first, one per key. */
export interface Found {
  readonly answers: readonly ShardSearchResponse[];
  readonly hits: Hits;
}

/** The hits of the answer, in its order, and with its scores. */
export interface Ranked extends Found {
  /** By hit, the values that it is grouped by. */
  readonly groupValues?: readonly FieldData[];
  readonly iterator?: SearchIteratorV2Results;
  /** Instead of hits, query for query: `bucketCounts` cuts them. */
  readonly buckets?: AggBucket[];
  readonly bucketCounts?: bigint[];
}
