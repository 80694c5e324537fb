// Search and query: the filter parsed once, one call to each shard, merged; output fields are fetched for the winners only.

import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { type KeyFilter, parseKeyFilter } from '#expr/key-filter.js';
import {
  ANSWER_BYTES_MAX,
  type AnswerKind,
  answerTooLarge,
  checkResultEntries,
} from '#model/answer-bounds.js';
import { batchBytes, bytesView, concatBatches, gatherBatch } from '#model/columns/column.js';
import { countFieldData, fieldsFromBatch, idsFromColumn } from '#model/columns/field-data-out.js';
import { shardOfRow } from '#model/columns/row-key.js';
import { parsePlaceholderGroup } from '#model/params/placeholder.js';
import { parseQueryParams } from '#model/params/search-params.js';
import { fixedWidth } from '#model/schema/data-type.js';
import { fieldById, primaryField } from '#model/schema/field.js';
import { answeredRows, resolveOutputFields } from '#model/schema/output-fields.js';
import { Pace } from '#platform/pace.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { ShardSearchRequest, StreamingNodeDefinition } from '#proto/elanus/roles.js';
import type { QueryRequest, SearchRequest, SearchResults } from '#proto/milvus/milvus.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { type CollectionSchema, type FieldData, SearchResultData } from '#proto/milvus/schema.js';
import {
  type CollectionAccess,
  type OpenCollection,
  refusePartitionNames,
} from '#roles/proxy/collection-access.js';
import { type Client, whole } from '#rpc/service.js';
import { mergeBatchesByKey } from '#segment/merge-keys.js';
import { decodeHits, type Hits } from '#segment/search/hits.js';
import { mergeHitsPaced, skipHits } from '#segment/search/merge-hits.js';
import { addressesOf, isLargerBetter } from '#segment/segment-reads.js';
import { SearchPlans } from './search-plan.js';
import { tell } from './search-told.js';

export interface ReadServiceParts {
  readonly platform: Platform;
  readonly access: CollectionAccess;
  readonly rootCoord: Client<typeof RootCoordDefinition>;
  readonly streamingNode: Client<typeof StreamingNodeDefinition>;
  readonly callDeadlineMs: number;
}

type Addresses = Pick<Hits, 'segmentIds' | 'rows' | 'keys'>;
const emptyResults = SearchResultData.create({});
const QUERY_COUNT_MAX = 16_384;
/** What a read meets while segments move or are loaded again. */
const movedKeys: ReadonlySet<string> = new Set([
  'segment_not_found',
  'collection_not_fully_loaded',
  'channel_not_available',
]);

/** Longest pause between two attempts, in ms. */
const RETRY_MS_MAX = 100;

export class ReadService {
  readonly #parts: ReadServiceParts;
  readonly #plans = new SearchPlans();

  constructor(parts: ReadServiceParts) {
    this.#parts = parts;
  }

  #deadline(context: CallContext): number {
    return context.deadlineMs ?? this.#parts.platform.clock.now() + this.#parts.callDeadlineMs;
  }

  async #prepare(request: SearchRequest | QueryRequest, context: CallContext) {
    const collection = await this.#parts.access.open(request, context);
    refusePartitionNames(collection, request.partitionNames);
    const named = this.#parts.access.partitionIds(collection, request.partitionNames);
    const nowMs = () => this.#parts.platform.clock.now();
    const loaded = await this.#parts.access.requireLoaded(
      collection,
      context,
      this.#deadline(context),
      nowMs,
    );
    for (const id of named) {
      if (!loaded.includes(id))
        throw new ElanusError(
          'collection_not_loaded',
          `partition not loaded[partition=${id}]; load it first`,
        );
    }
    const partitions =
      named.length > 0
        ? { partitionIds: named, loadedOnly: false }
        : { partitionIds: [...loaded], loadedOnly: true };
    return { collection, partitions };
  }

  /**
   * A segment may move from the growing to the sealed side, or a node may restart and load what it served, between two steps: then the
   * read starts over, until its deadline.
   */
  async #retrying<T>(context: CallContext, run: () => Promise<T>): Promise<T> {
    const { clock, timers } = this.#parts.platform;
    const deadlineMs = this.#deadline(context);
    for (let attempt = 1; ; attempt++) {
      try {
        return await run();
      } catch (error) {
        const isMoved = error instanceof ElanusError && movedKeys.has(error.key);
        const pauseMs = Math.min(RETRY_MS_MAX, 5 * attempt);
        if (!isMoved || clock.now() + pauseMs >= deadlineMs) throw error;
        await timers.sleep(pauseMs, context.signal);
      }
    }
  }

  #guarantee(request: { readonly guaranteeTimestamp: bigint }, fromParams: bigint | undefined): bigint {
    const given = fromParams ?? request.guaranteeTimestamp;
    // 0, 1 and 2 stand for Strong, Eventually and Bounded. The shard's owner serves every acknowledged write, so none of them waits.
    return given <= 2n ? 0n : given;
  }

  async search(request: SearchRequest, context: CallContext) {
    if (request.functionScore !== undefined)
      throw new ElanusError(
        'unsupported',
        'function rerankers come in a later version; search without function_score',
      );
    if (request.searchInput?.$case === 'ids')
      throw new ElanusError('unsupported', 'search by primary keys comes in a later version; send vectors');
    const { collection, partitions } = await this.#prepare(request, context);
    const { schema } = collection;
    const plan = this.#plans.of(collection, request);
    const { params, primary, metric, topK, output } = plan;
    const placeholder =
      request.searchInput?.$case === 'placeholderGroup' ? request.searchInput.value : new Uint8Array(0);
    const { queries, nq } = parsePlaceholderGroup(placeholder, params.annsField);
    if (nq < 1 || nq > QUERY_COUNT_MAX)
      throw new ElanusError(
        'invalid_parameter',
        `nq [${nq}] is invalid, it should be in range [1, ${QUERY_COUNT_MAX}]: invalid parameter`,
      );
    checkResultEntries(nq, topK);
    const filter = parseKeyFilter(schema, request.dsl, request.exprTemplateValues);
    const guaranteeTimestamp = this.#guarantee(request, params.guaranteeTimestamp);
    return this.#retrying(context, async () => {
      const answers = await Promise.all(
        collection.record.vchannels.map((vchannel) =>
          this.#parts.streamingNode.search(
            whole<ShardSearchRequest>({
              vchannel,
              partitionIds: partitions.partitionIds,
              fieldId: params.annsField.fieldID,
              metric,
              queries,
              queryCount: nq,
              topK,
              guaranteeTimestamp,
              ignoreGrowing: params.ignoreGrowing,
              radius: params.radius,
              rangeFilter: params.rangeFilter,
              filter: wireFilter(filter),
              params: plan.shardParams,
              explain: params.explain,
              loadedOnly: partitions.loadedOnly,
            }),
            context,
          ),
        ),
      );
      // A shard's answer is merged already.
      const [first] = answers;
      const only = answers.length === 1 && first !== undefined ? decodeHits(first) : undefined;
      const pace = new Pace(this.#parts.platform, context);
      const keyField = { fieldId: primary.fieldID, dataType: primary.dataType };
      const merged =
        only ??
        (await mergeHitsPaced(answers.map(decodeHits), nq, topK, isLargerBetter(metric), keyField, pace));
      const hits = skipHits(merged, params.offset);
      if (pace.isDue) await pace.rest();
      const rows =
        output.fieldIds.length === 0 || hits.rows.length === 0
          ? undefined
          : await this.#fetch(collection, hits, output.fieldIds, 'search', pace, context);
      const fieldsData: FieldData[] = [];
      const answered = rows && answeredRows(schema, rows, output);
      for (const fieldId of rows === undefined ? [] : output.fieldIds) {
        if (pace.isDue) await pace.rest();
        fieldsData.push(
          ...fieldsFromBatch(
            schema,
            must(answered, 'rows'),
            [fieldId],
            collection.record.properties.timezone,
          ),
        );
      }
      const ids = idsFromColumn(hits.keys);
      if (pace.isDue) await pace.rest();
      const scores =
        params.roundDecimal < 0
          ? hits.scores
          : hits.scores.map((score) => roundTo(score, params.roundDecimal));
      const { explain, vector: sent } = params;
      const told = tell(answers, {
        explain,
        sent,
        heeded: plan.heeded,
        builtAs: plan.builtAs,
        queryCount: nq,
      });
      return whole<SearchResults>({
        status: told.status,
        collectionName: schema.name,
        sessionTs: answers.reduce(
          (newest, { readTimestamp }) => (readTimestamp > newest ? readTimestamp : newest),
          0n,
        ),
        results: {
          ...emptyResults,
          numQueries: BigInt(nq),
          topK: BigInt(params.topK),
          fieldsData,
          scores: bytesView(scores),
          ids,
          topks: Array.from(hits.counts, BigInt),
          outputFields: output.names,
          primaryFieldName: primary.name,
          allSearchCount: BigInt(hits.rows.length),
          recalls: told.recalls,
        },
      });
    });
  }

  async #fetch(
    collection: OpenCollection,
    hits: Addresses,
    fieldIds: readonly bigint[],
    kind: AnswerKind,
    pace: Pace,
    context: CallContext,
  ): Promise<ColumnBatch> {
    // The keys are here already.
    if (fieldIds.length === 1 && fieldIds[0] === hits.keys.fieldId) {
      return notTooLarge({ rowCount: hits.rows.length, columns: [hits.keys] }, kind);
    }
    const { vchannels } = collection.record;
    const [only] = vchannels;
    if (only !== undefined && vchannels.length === 1) {
      const addresses = { segmentIds: bytesView(hits.segmentIds), rows: bytesView(hits.rows) };
      const answer = await this.#parts.streamingNode.fetchRows(
        { vchannel: only, ...addresses, fieldIds: [...fieldIds], isQuery: kind === 'query' },
        context,
      );
      return notTooLarge(must(answer.rows, 'rows'), kind);
    }
    const shardOf = Array.from({ length: hits.rows.length }, (_, row) =>
      shardOfRow(hits.keys, row, vchannels.length),
    );
    const batches: ColumnBatch[] = [];
    const order = new Uint32Array(hits.rows.length);
    const placesOf: number[][] = vchannels.map(() => []);
    for (const [place, shard] of shardOf.entries()) placesOf[shard]?.push(place);
    let base = 0;
    let bytes = 0;
    for (const [shard, vchannel] of vchannels.entries()) {
      const places = placesOf[shard] ?? [];
      if (places.length === 0) continue;
      const segmentIds = BigInt64Array.from(places, (place) => hits.segmentIds[place] ?? 0n);
      const rows = Uint32Array.from(places, (place) => hits.rows[place] ?? 0);
      const answer = await this.#parts.streamingNode.fetchRows(
        {
          vchannel,
          segmentIds: new Uint8Array(segmentIds.buffer),
          rows: new Uint8Array(rows.buffer),
          fieldIds: [...fieldIds],
          isQuery: kind === 'query',
        },
        context,
      );
      const fetched = must(answer.rows, 'rows');
      bytes += batchBytes(fetched);
      if (bytes > ANSWER_BYTES_MAX) throw answerTooLarge(kind);
      batches.push(fetched);
      if (pace.isDue) await pace.rest();
      for (const [index, place] of places.entries()) order[place] = base + index;
      base += places.length;
    }
    const [first] = batches;
    return batches.length === 1 && first !== undefined ? first : gatherBatch(concatBatches(batches), order);
  }

  #fetchPage(
    collection: OpenCollection,
    found: ColumnBatch,
    fieldIds: readonly bigint[],
    pace: Pace,
    context: CallContext,
  ) {
    const keys = must(found.columns[0], 'key column');
    return this.#fetch(collection, { ...addressesOf(found), keys }, fieldIds, 'query', pace, context);
  }

  async query(request: QueryRequest, context: CallContext) {
    const { collection, partitions } = await this.#prepare(request, context);
    const { schema } = collection;
    const params = parseQueryParams(request.queryParams);
    const output = resolveOutputFields(schema, request.outputFields, { call: 'query' });
    const filter = parseKeyFilter(schema, request.expr, request.exprTemplateValues);
    if (output.isCount && params.limit !== undefined)
      throw new ElanusError(
        'invalid_parameter',
        'count entities with pagination is not allowed: invalid parameter',
      );
    if (!output.isCount && filter.kind === 'all' && params.limit === undefined) {
      throw new ElanusError(
        'invalid_parameter',
        'empty expression should be used with limit: invalid parameter',
      );
    }
    const limit = params.limit === undefined ? 0 : params.limit + params.offset;
    // Rows before the page are found by their keys; what they hold is not read.
    const isPaged = params.offset > 0 && !output.isCount;
    const guaranteeTimestamp = this.#guarantee(request, params.guaranteeTimestamp);
    return this.#retrying(context, async () => {
      const answers = await Promise.all(
        collection.record.vchannels.map((vchannel) =>
          this.#parts.streamingNode.retrieve(
            {
              vchannel,
              ...partitions,
              filter: wireFilter(filter),
              guaranteeTimestamp,
              countOnly: output.isCount,
              limit: BigInt(limit),
              fieldIds: isPaged ? [] : output.fieldIds,
              withAddresses: isPaged,
              ignoreGrowing: params.ignoreGrowing,
            },
            context,
          ),
        ),
      );
      const common = {
        collectionName: schema.name,
        outputFields: output.names,
        sessionTs: answers.reduce(
          (newest, { readTimestamp }) => (readTimestamp > newest ? readTimestamp : newest),
          0n,
        ),
        primaryFieldName: primaryField(schema).name,
      };
      if (output.isCount)
        return {
          ...common,
          fieldsData: [countFieldData(answers.reduce((sum, { count }) => sum + count, 0n))],
        };
      const batches = answers.flatMap(({ rows }) => (rows === undefined ? [] : [rows]));
      const pace = new Pace(this.#parts.platform, context);
      const found = await mergeBatchesByKey(
        batches,
        limit === 0 ? Number.MAX_SAFE_INTEGER : limit,
        pace,
        params.offset,
      );
      const page =
        isPaged && found.rowCount > 0
          ? await this.#fetchPage(collection, found, output.fieldIds, pace, context)
          : found;
      if (batchBytes(page) > ANSWER_BYTES_MAX) throw answerTooLarge('query');
      if (pace.isDue) await pace.rest();
      return {
        ...common,
        fieldsData: fieldsFromBatch(
          schema,
          page.rowCount === 0 ? emptyBatch(schema, output.fieldIds) : answeredRows(schema, page, output),
          output.fieldIds,
          collection.record.properties.timezone,
        ),
      };
    });
  }
}

function notTooLarge(rows: ColumnBatch, kind: AnswerKind): ColumnBatch {
  if (batchBytes(rows) > ANSWER_BYTES_MAX) throw answerTooLarge(kind);
  return rows;
}

const wireFilter = (filter: KeyFilter) =>
  filter.kind === 'all'
    ? undefined
    : { keys: filter.keys, keyCount: filter.keyCount, negated: filter.negated };
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

const roundTo = (score: number, decimals: number): number =>
  Math.round(score * 10 ** decimals) / 10 ** decimals;
