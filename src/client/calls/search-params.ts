// Parameters of a search as the protocol has them. Most searches ask for what the one before them asked for, so the latest list is kept: it
// is written to by nobody.

import type { Fields, Name } from '#client/schema/row-types.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import { type Order, orderText, paramsOf } from './read-options.js';

/** What of the index a search may say: `ef`, `nprobe`, `level`, `target_recall`, as docs/compat.md lists them. */
export type IndexParams = Readonly<Record<string, string | number | boolean>>;

/** Hits in groups of equal values. */
export interface GroupBy<F extends Fields> {
  readonly field: Name<F> | (string & {});
  /** Hits of a group; 1 when not given. `limit` counts groups. */
  readonly size?: number | undefined;
  /** Groups are filled as long as there are rows. */
  readonly isStrict?: boolean | undefined;
}

/** How near hits have to be, in the scores of the metric: `radius` is the far end and `nearest` the near one. */
export interface ScoreRange {
  readonly radius?: number | undefined;
  readonly nearest?: number | undefined;
}

export const LIMIT_DEFAULT = 10;

/** What becomes parameters. */
interface Given {
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly params?: IndexParams | undefined;
  readonly range?: ScoreRange | undefined;
  readonly groupBy?: GroupBy<Fields> | undefined;
  readonly orderBy?: Order<Fields> | undefined;
}

interface Known {
  readonly field: string;
  readonly limit: number | undefined;
  readonly offset: number | undefined;
  /** A copy: its caller may change its own. */
  readonly params: IndexParams | undefined;
  readonly list: KeyValuePair[];
}

export class SearchParams {
  #latest: Known | undefined;

  paramsOf(field: string, given: Given): KeyValuePair[] {
    const { limit, offset, params } = given;
    const isPlain = given.range === undefined && given.groupBy === undefined && given.orderBy === undefined;
    if (!isPlain || !areNumbersAndTexts(params)) return listOf(field, given);
    const latest = this.#latest;
    if (
      latest !== undefined &&
      latest.field === field &&
      latest.limit === limit &&
      latest.offset === offset &&
      isSame(latest.params, params)
    )
      return latest.list;
    const list = listOf(field, given);
    this.#latest = { field, limit, offset, params: params && { ...params }, list };
    return list;
  }
}

const listOf = (
  field: string,
  { limit = LIMIT_DEFAULT, offset, params, range, groupBy, orderBy }: Given,
): KeyValuePair[] =>
  paramsOf({
    anns_field: field,
    topk: limit,
    offset,
    params: innerParams(params, range),
    order_by_fields: orderBy === undefined ? undefined : orderText(orderBy),
    ...groupParams(groupBy),
  });

function innerParams(params: IndexParams | undefined, range: ScoreRange | undefined): string | undefined {
  if (params === undefined && range === undefined) return undefined;
  const { radius, nearest } = range ?? {};
  return JSON.stringify({ ...params, radius, range_filter: nearest });
}

export const groupParams = <F extends Fields>(groupBy: GroupBy<F> | undefined) => ({
  group_by_field: groupBy?.field,
  group_size: groupBy?.size,
  strict_group_size: groupBy?.isStrict,
});

/** Programs without types may give what changes inside. */
function areNumbersAndTexts(params: IndexParams | undefined): boolean {
  for (const name in params) if (typeof params[name] === 'object') return false;
  return true;
}

function isSame(one: IndexParams | undefined, other: IndexParams | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  for (const name in one) if (one[name] !== other[name]) return false;
  for (const name in other) if (!Object.hasOwn(one, name)) return false;
  return true;
}
