// A query over both parts of a shard. With a filter of columns a row may pass whose key has a newer row on the other side that does not, and
// an order by values may bring an older row to the front: such rows are left out. Where a side had more to give than it was asked for and lost rows that way, both are asked again for more.

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
import { hasNewerRow, retrieveFromSegments } from '#segment/segment-reads.js';
import { readSent } from '#segment/sent-filter.js';
import { newerInSealed, type TimedKeys } from './newer-rows.js';
import type { ShardReadParts, ShardView } from './shard-view.js';

/** Rows looked at between two looks at the clock. */
const ROWS_BETWEEN_LOOKS = 512;
/** An id above every other: a row in a growing segment that has the same time as a sealed row does not count as newer. */
const NEWEST_SEGMENT = 2n ** 62n;
const noRows: ColumnBatch = { rowCount: 0, columns: [] };

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
    for (let wanted = limit; ; wanted = Math.min(wanted * 4, Number.MAX_SAFE_INTEGER)) {
      const asked = wanted === limit ? request : { ...request, limit: BigInt(wanted) };
      const [local, sealed] = await this.#ask(asked, view, pace, context);
      const plans = [...local.plans, ...(sealed?.plans ?? [])];
      if (request.countOnly)
        return answer({ count: local.count + (sealed?.count ?? 0n), rows: undefined, readTimestamp, plans });
      if (request.aggregation !== undefined) {
        const batches = [local.groups, sealed?.groups].filter((groups) => groups !== undefined);
        const groups = await mergeGroups(batches, request.aggregation, pace);
        return answer({ count: BigInt(groups.rowCount), rows: undefined, groups, readTimestamp, plans });
      }
      const sides = [local.rows, sealed?.rows ?? noRows] as const;
      const isNewest = request.textFilter === undefined && order === undefined;
      const newest = isNewest ? sides : await this.#newestOf(sides, request, view, { pace, context });
      const isCutShort = sides.some(
        ({ rowCount }, side) => rowCount >= wanted && rowCount > (newest[side]?.rowCount ?? 0),
      );
      if (isCutShort) {
        await pace.rest();
        continue;
      }
      const rows =
        order === undefined
          ? await mergeBatchesByKey(newest, limit, pace)
          : await mergeBatchesInOrder(newest, order, { limit, skip: 0 }, pace);
      return answer({ count: BigInt(rows.rowCount), rows, readTimestamp, plans });
    }
  }

  #ask(request: ShardRetrieveRequest, view: ShardView, pace: Pace, context: CallContext) {
    const { served, queryNode, shard } = this.#parts;
    const { growing, sealedIds, readTimestamp } = view;
    const remote =
      sealedIds.length === 0
        ? undefined
        : served.remote(
            sealedIds,
            queryNode.retrieveSegments(
              whole<SegmentRetrieveRequest>({ segmentIds: [...sealedIds], retrieve: request, readTimestamp }),
              context,
            ),
          );
    return Promise.all([retrieveFromSegments(growing, request, readTimestamp, shard.schema, pace), remote]);
  }

  /** Without the rows whose key has a newer row on the other side. */
  async #newestOf(
    [local, sealed]: readonly [ColumnBatch, ColumnBatch],
    expiry: AskedExpiry,
    view: ShardView,
    { pace, context }: { readonly pace: Pace; readonly context: CallContext },
  ): Promise<readonly ColumnBatch[]> {
    const newerThere =
      local.rowCount === 0 ? [] : await newerInSealed(this.#parts, view, timedKeys(local), expiry, context);
    const newerHere = await newerInGrowing(view, readTimeOf(view.readTimestamp, expiry), sealed, pace);
    return [withoutRows(local, newerThere), withoutRows(sealed, newerHere)];
  }
}

const emptyAnswer = ShardRetrieveResponse.create({});
const answer = (
  found: Pick<ShardRetrieveResponse, 'count' | 'rows' | 'readTimestamp'> & Partial<ShardRetrieveResponse>,
): ShardRetrieveResponse => whole<ShardRetrieveResponse>({ ...emptyAnswer, ...found });

function timedKeys({ columns }: ColumnBatch): TimedKeys {
  const times = int64Values(must(columns[1], 'time column'));
  return {
    keys: must(columns[0], 'key column'),
    timestamps: new BigUint64Array(times.buffer, times.byteOffset, times.length),
  };
}

async function newerInGrowing(
  { growing }: ShardView,
  readTime: ReadTime,
  sealed: ColumnBatch,
  pace: Pace,
): Promise<number[]> {
  if (sealed.rowCount === 0 || growing.length === 0) return [];
  const { keys, timestamps } = timedKeys(sealed);
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
