// What a segment whose rows are complete knows beside them: its scalar indexes, what is known of whole blocks of its columns of numbers, and
// what its files say of their row groups. None of it is needed for an answer; indexes and ranges may come and go while the segment serves.
import type { ColumnView } from '#expr/evaluate/column-view.js';
import type { ScalarIndex } from '#index/scalar/scalar-index.js';
import { type BlockRanges, blockRanges } from '#index/scalar/statistics/block-ranges.js';
import type { SegmentStatistics } from './segment-statistics.js';

export interface LoadedScalarIndex {
  readonly indexId: bigint;
  /** Key of its file. */
  readonly key: string;
  /** As clients named it. */
  readonly indexType: string;
  readonly bytes: number;
  readonly index: ScalarIndex;
}

export class SealedParts {
  /** Rows that are complete. */
  readonly rowCount: number;
  /** What its files say of it; undefined: no row of it came from a file. */
  readonly statistics: SegmentStatistics | undefined;
  readonly #indexes = new Map<bigint, LoadedScalarIndex>();
  readonly #ranges = new Map<bigint, BlockRanges>();

  constructor(rowCount: number, statistics?: SegmentStatistics) {
    this.rowCount = rowCount;
    this.statistics = statistics;
  }

  get indexes(): readonly LoadedScalarIndex[] {
    return [...this.#indexes.values()];
  }

  get indexBytes(): number {
    let bytes = 0;
    for (const index of this.#indexes.values()) bytes += index.bytes;
    return bytes;
  }

  /** Takes the place of an older file of the same index. */
  attach(loaded: LoadedScalarIndex): void {
    this.#indexes.set(loaded.indexId, loaded);
  }

  detach(indexId: bigint): void {
    this.#indexes.delete(indexId);
  }

  dropIndexes(): void {
    this.#indexes.clear();
  }

  /** Ranges of a column of numbers, read once when it is first asked for; a column never changes. */
  rangesOf(fieldId: bigint, view: ColumnView): BlockRanges | undefined {
    if (view.kind !== 'fixed') return undefined;
    let ranges = this.#ranges.get(fieldId);
    if (ranges === undefined) {
      ranges = blockRanges(view, this.rowCount);
      this.#ranges.set(fieldId, ranges);
    }
    return ranges;
  }
}
