// Candidates of a filter that are whole runs of rows.
import { setRange } from '#expr/evaluate/rows.js';
import type { BlockSource } from './filter-plan.js';

export interface RowRange {
  readonly begin: number;
  readonly count: number;
}

/** @param ranges that do not overlap @param name as explain shows it */
export const rangesSource = (ranges: readonly RowRange[], name: string): BlockSource => ({
  name,
  rows: ranges.reduce((sum, { count }) => sum + count, 0),
  addTo(bits) {
    for (const { begin, count } of ranges) setRange(bits, begin, count);
  },
});
