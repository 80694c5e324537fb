// A query over all places of a shard: its growing part and each node that holds sealed segments. With a filter of columns a row may pass whose key has
// a newer row at another place that does not, and an order by values may bring an older row to the front: such rows are left out. Where a place had
// more to give than it was asked for and lost rows that way, all are asked again for more.

import { must } from '#base/assert.js';
import { type AskedExpiry, type ReadTime, readTimeOf } from '#base/read-time.js';
import { gatherBatch, int64Values } from '#model/columns/column.js';
import { primaryField } from '#model/schema/field.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import {
  type SegmentRetrieveRequest,
  type ShardRetrieveRequest,
  ShardRetrieveResponse,
} from '#proto/elanus/roles.js';
import { whole } from '#rpc/service.js';
import { mergeGroups } from '#segment/aggregate/aggregate-segments.js';
import { mergeBatchesByKey } from '#segment/merge-keys.js';
import { mergeBatchesInOrder, queryOrder } from '#segment/row-order.js';
import { addressesOf, hasNewerRow, retrieveFromSegments, withoutAddresses } from '#segment/segment-reads.js';
import { readSent } from '#segment/sent-filter.js';
import { contextAt, type HeldPart, sealedPartsOf } from './holder.js';
import { bothOf, newerInSealed, type TimedKeys } from './newer-rows.js';
import type { ShardReadParts, ShardView } from './shard-view.js';

/** Rows looked at between two looks at the clock. */
const ROWS_BETWEEN_LOOKS = 512;
/** An id above every other: a row in a growing segment that has the same time as a sealed row does not count as newer. */
const NEWEST_SEGMENT = 2n ** 62n;
const noRows: ColumnBatch = { rowCount: 0, columns: [] };
const noSegments = new BigInt64Array(0);

export class ShardRetrieve {
  readonly #parts: ShardReadParts;

  constructor(parts: ShardReadParts) {
    this.#parts = parts;
  }

  async run(
    request: ShardRetrieveRequest,
    view: ShardView,
    context: CallContext,
  ): Promise<ShardRetrieveResponse> {
    const { readTimestamp } = view;
    const { platform, shard } = this.#parts;
    const reading = readSent(platform.workers, request.textFilter, shard.schema, context.signal);
    if (reading !== undefined) await reading;
    const pace = new Pace(platform, context);
    const limit = request.limit === 0n ? Number.MAX_SAFE_INTEGER : Number(request.limit);
    const order = queryOrder(request.orderBy, primaryField(this.#parts.shard.schema).fieldID);
    const nodes = sealedPartsOf(view);
    // Rows of one time at two nodes are distinguished by their segments.
    const isSpread = nodes.length > 1;
    const more = isSpread ? { ...request, withAddresses: true } : request;
    for (let wanted = limit; ; wanted = Math.min(wanted * 4, Number.MAX_SAFE_INTEGER)) {
      const asked = wanted === limit ? more : { ...more, limit: BigInt(wanted) };
      const found = await this.#ask(asked, view, nodes, pace, context);
      const plans = found.flatMap((one) => one.plans);
      if (request.countOnly) {
        const count = found.reduce((sum, one) => sum + one.count, 0n);
        return answer({ count, rows: undefined, readTimestamp, plans });
      }
      if (request.aggregation !== undefined) {
        const batches = found.flatMap((one) => one.groups ?? []);
        const groups = await mergeGroups(batches, request.aggregation, pace);
        return answer({ count: BigInt(groups.rowCount), rows: undefined, groups, readTimestamp, plans });
      }
      const sides = found.map((one) => one.rows ?? noRows);
      const isNewest = request.textFilter === undefined && order === undefined;
      const newest = isNewest ? sides : await this.#newestOf(sides, request, view, nodes, { pace, context });
      const isCutShort = sides.some(
        ({ rowCount }, side) => rowCount >= wanted && rowCount > (newest[side]?.rowCount ?? 0),
      );
      if (isCutShort) {
        await pace.rest();
        continue;
      }
      const merged =
        order === undefined
          ? await mergeBatchesByKey(newest, limit, pace)
          : await mergeBatchesInOrder(newest, order, { limit, skip: 0 }, pace);
      const rows = isSpread && !request.withAddresses ? withoutAddresses(merged) : merged;
      return answer({ count: BigInt(rows.rowCount), rows, readTimestamp, plans });
    }
  }

  /** The growing part first, then the nodes. */
  #ask(
    request: ShardRetrieveRequest,
    { growing, readTimestamp }: ShardView,
    nodes: readonly HeldPart[],
    pace: Pace,
    context: CallContext,
  ): Promise<readonly SideAnswer[]> {
    const { served, queryNode, shard } = this.#parts;
    const remote = nodes.map(({ holder, segmentIds }) => {
      const asked = whole<SegmentRetrieveRequest>({ segmentIds, retrieve: request, readTimestamp });
      return served.remote(holder, segmentIds, queryNode.retrieveSegments(asked, contextAt(holder, context)));
    });
    return Promise.all([
      retrieveFromSegments(growing, request, readTimestamp, shard.schema, pace),
      ...remote,
    ]);
  }

  /** Without the rows whose key has a newer row at another place. */
  #newestOf(
    sides: readonly ColumnBatch[],
    expiry: AskedExpiry,
    view: ShardView,
    nodes: readonly HeldPart[],
    { pace, context }: { readonly pace: Pace; readonly context: CallContext },
  ): Promise<readonly ColumnBatch[]> {
    const readTime = readTimeOf(view.readTimestamp, expiry);
    const newest = sides.map(async (rows, side) => {
      if (rows.rowCount === 0) return rows;
      const own = nodes[side - 1];
      const here = own === undefined ? [] : await newerInGrowing(view, readTime, rows, pace);
      const isAlone = own !== undefined && view.sealedParts === undefined;
      const there = isAlone
        ? []
        : await newerInSealed(this.#parts, view, timedKeys(rows, own), expiry, context, own);
      return withoutRows(rows, bothOf(here, there));
    });
    return Promise.all(newest);
  }
}

/** What a place answers; one without rows may leave them out. */
type SideAnswer = Pick<ShardRetrieveResponse, 'count' | 'rows' | 'plans'> &
  Partial<Pick<ShardRetrieveResponse, 'groups'>>;

const emptyAnswer = ShardRetrieveResponse.create({});
const answer = (
  found: Pick<ShardRetrieveResponse, 'count' | 'rows' | 'readTimestamp'> & Partial<ShardRetrieveResponse>,
): ShardRetrieveResponse => whole<ShardRetrieveResponse>({ ...emptyAnswer, ...found });

/** @param own the node that they are from; those that grow here are distinguished by their times alone */
function timedKeys(batch: ColumnBatch, own: HeldPart | undefined): TimedKeys {
  const [keys, timeColumn] = batch.columns;
  const times = int64Values(must(timeColumn, 'time column'));
  return {
    keys: must(keys, 'key column'),
    timestamps: new BigUint64Array(times.buffer, times.byteOffset, times.length),
    segmentIds: own === undefined ? noSegments : addressesOf(batch).segmentIds,
  };
}

async function newerInGrowing(
  { growing }: ShardView,
  readTime: ReadTime,
  sealed: ColumnBatch,
  pace: Pace,
): Promise<number[]> {
  if (sealed.rowCount === 0 || growing.length === 0) return [];
  const { keys, timestamps } = timedKeys(sealed, undefined);
  const numbers: number[] = [];
  for (let row = 0; row < sealed.rowCount; row++) {
    const found = { keys, row, time: timestamps[row] ?? 0n, id: NEWEST_SEGMENT };
    if (growing.some((segment) => hasNewerRow(segment, found, readTime))) numbers.push(row);
    if (row % ROWS_BETWEEN_LOOKS === ROWS_BETWEEN_LOOKS - 1 && pace.isDue) await pace.rest();
  }
  return numbers;
}

/** @param numbers ascending */
function withoutRows(batch: ColumnBatch, numbers: readonly number[]): ColumnBatch {
  if (numbers.length === 0) return batch;
  const left = new Set(numbers);
  const kept = Array.from({ length: batch.rowCount }, (_, row) => row).filter((row) => !left.has(row));
  return gatherBatch(batch, Uint32Array.from(kept));
}
