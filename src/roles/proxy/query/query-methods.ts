// Query, as steps in the order in which they run: request, fan-out, merge, fetch (of a page alone), encode.
import { must } from '#base/assert.js';
import { ANSWER_BYTES_MAX, answerTooLarge } from '#model/answer-bounds.js';
import { batchBytes } from '#model/columns/column.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { ShardRetrieveResponse } from '#proto/elanus/roles.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { fetchRows } from '#roles/proxy/reads/fetch-rows.js';
import { checkSamePartitions, readScope } from '#roles/proxy/reads/read-scope.js';
import { retryWhileMoved } from '#roles/proxy/reads/retry-moved.js';
import { mergeGroups } from '#segment/aggregate/aggregate-segments.js';
import { mergeBatchesByKey } from '#segment/merge-keys.js';
import { mergeBatchesInOrder } from '#segment/row-order.js';
import { addressesOf } from '#segment/segment-reads.js';
import { aggregationOf } from './aggregate-answer.js';
import { elementPage } from './element-page.js';
import { encodeCount, encodeGroups, encodeRows } from './encode-answer.js';
import { retrieveFromShards } from './fan-out.js';
import { type CheckedQuery, checkQuery } from './query-request.js';

type QueryParts = Pick<ProxyParts, 'access' | 'platform' | 'rootCoord' | 'settings' | 'streamingNode'>;

export class QueryMethods {
  readonly #parts: QueryParts;

  constructor(parts: QueryParts) {
    this.#parts = parts;
  }

  readonly query: PublicHandler<'query'> = async (request, context) => {
    const scope = await readScope(this.#parts, request, context);
    this.#parts.access.limits.checkRate(scope.collection, 'queryRate', 1);
    const query = await this.#pinned(await checkQuery(request, scope, this.#parts.platform.workers));
    return retryWhileMoved(this.#parts, context, () => this.#run(query, context));
  };

  /** The first page of an iterator reads now, and says when that was; the client sends it along with the others. */
  async #pinned(query: CheckedQuery): Promise<CheckedQuery> {
    if (!query.isIterator) return query;
    checkSamePartitions(query.scope, query.guaranteeTimestamp);
    if (query.guaranteeTimestamp > 0n) return query;
    const { timestamp } = await this.#parts.rootCoord.allocTimestamp({ count: 1 });
    return { ...query, guaranteeTimestamp: timestamp };
  }

  async #run(query: CheckedQuery, context: CallContext) {
    const answers = await retrieveFromShards(this.#parts, query, context);
    if (query.output.isCount) return encodeCount(answers, query);
    const pace = new Pace(this.#parts.platform, context);
    if (query.aggregates !== undefined) {
      const batches = answers.flatMap(({ groups }) => (groups === undefined ? [] : [groups]));
      const groups = await mergeGroups(batches, aggregationOf(query.aggregates), pace);
      return encodeGroups(answers, query, groups);
    }
    const batches = answers.flatMap(({ rows }) => (rows === undefined ? [] : [rows]));
    const rowsMax = query.rowsMax ?? Number.MAX_SAFE_INTEGER;
    const { order, offset } = query;
    const found =
      order === undefined
        ? await mergeBatchesByKey(batches, rowsMax, pace, offset)
        : await mergeBatchesInOrder(batches, order, { limit: rowsMax, skip: offset }, pace);
    if (query.elements !== undefined) return this.#elements(answers, query, found);
    const page = await this.#fetch(found, query, pace, context);
    if (batchBytes(page) > ANSWER_BYTES_MAX) throw answerTooLarge('query');
    if (pace.isDue) await pace.rest();
    return encodeRows(answers, query, page);
  }

  #elements(answers: readonly ShardRetrieveResponse[], query: CheckedQuery, found: ColumnBatch) {
    const { offset, limit } = query.elements ?? { offset: 0, limit: 0 };
    const { rows, places } = elementPage(found, offset, limit);
    if (batchBytes(rows) > ANSWER_BYTES_MAX) throw answerTooLarge('query');
    return encodeRows(answers, query, rows, places);
  }

  /** The fields of a page behind an offset are read now; without one they came with the keys. */
  async #fetch(
    found: ColumnBatch,
    { scope, output, isPaged }: CheckedQuery,
    pace: Pace,
    context: CallContext,
  ): Promise<ColumnBatch> {
    if (!isPaged || found.rowCount === 0) return found;
    const addresses = { ...addressesOf(found), keys: must(found.columns[0], 'key column') };
    const { vchannels } = scope.collection.record;
    return fetchRows(
      this.#parts,
      { vchannels, addresses, fieldIds: output.fieldIds, kind: 'query' },
      pace,
      context,
    );
  }
}
