// How a query reads a segment, decided before a row is touched: `segment-reads.ts` does what it says, explain prints it. Counts and aggregates
// look at every row that passes; a page of rows may go by a range of keys.

import type { ReadTime } from '#base/read-time.js';
import { type KeyRange, keyRangeOf } from '#expr/key-range.js';
import type { PredicateFilter } from '#expr/typed.js';
import type { Key } from '#model/columns/column.js';
import type { SegmentPlan } from '#proto/elanus/roles.js';
import { explainedFilter, skippedFilter } from './passing-rows.js';
import { type ReadableSegment, readTsFor } from './readable-segment.js';
import type { SegmentData } from './segment-data.js';

export interface ReadFilter {
  readonly keys: readonly Key[] | undefined;
  readonly negated: boolean;
  readonly predicate: PredicateFilter | undefined;
}

/** A page of rows in the order of their keys. */
export interface KeyPage {
  readonly primary: bigint;
  /** More pages of the same rows will follow. */
  readonly willPage: boolean;
}

export type ReadPlan =
  /** No row can pass, by what the files of the segment say. `filter` is how that was found, JSON. */
  | { readonly kind: 'skipped'; readonly filter: string }
  | { readonly kind: 'key range'; readonly span: KeyRange }
  | { readonly kind: 'keys' | 'all but keys'; readonly keys: readonly Key[] }
  | { readonly kind: 'filter'; readonly predicate: PredicateFilter }
  | { readonly kind: 'all rows' };

/** @param page undefined: rows come in another order, or are counted */
export function readPlan(data: SegmentData, filter: ReadFilter, page: KeyPage | undefined): ReadPlan {
  const { keys, negated, predicate } = filter;
  const span = page && spanOf(filter, page);
  if (span !== undefined) {
    // Before the keys of the segment are put in order, which a page of keys elsewhere has no use for.
    const skipped = predicate && skippedFilter(data, predicate);
    return skipped === undefined ? { kind: 'key range', span } : { kind: 'skipped', filter: skipped };
  }
  if (predicate !== undefined) return { kind: 'filter', predicate };
  return keys === undefined ? { kind: 'all rows' } : { kind: negated ? 'all but keys' : 'keys', keys };
}

/** The keys that a page is about, where the filter bounds them; without a filter the first page of an iterator is about all. */
function spanOf({ keys, predicate }: ReadFilter, { primary, willPage }: KeyPage): KeyRange | undefined {
  if (predicate !== undefined) return keyRangeOf(predicate, primary);
  return willPage && keys === undefined ? { lower: undefined, upper: undefined, rest: undefined } : undefined;
}

/** The plan of a read that is over. @param given rows that came of the segment; undefined: they were counted */
export function describeRead(
  segment: ReadableSegment,
  plan: ReadPlan,
  readTs: ReadTime,
  given: number | undefined,
): SegmentPlan {
  const { id, data } = segment;
  const at = readTsFor(segment, readTs);
  const common = { segmentId: id, growing: data.sealed === undefined, rows: data.rowCount };
  const none = { indexType: '', widthName: '', width: 0, computed: 0n, recall: 0, filter: '' };
  const described = { ...common, ...none, plan: plan.kind, passing: given ?? 0 };
  switch (plan.kind) {
    case 'skipped':
      return { ...described, filter: plan.filter, passing: 0 };
    case 'key range':
      return { ...described, filter: plan.span.rest ? explainedFilter(data, plan.span.rest) : '' };
    case 'all rows':
      return { ...described, passing: data.liveCount(at) };
    case 'keys':
    case 'all but keys': {
      const named = new Set(plan.keys);
      let rows = 0;
      for (const key of named) rows += data.countOf(key, at);
      return { ...described, passing: plan.kind === 'keys' ? rows : data.liveCount(at) - rows };
    }
    case 'filter': {
      const filter = explainedFilter(data, plan.predicate);
      if (filter === '') return described;
      const { passing, tree } = JSON.parse(filter) as { passing: number; tree: { by?: string } };
      const isSkipped = tree.by?.startsWith('skipped by') === true;
      return { ...described, filter, passing, plan: isSkipped ? 'skipped' : 'filter' };
    }
  }
}
