// The smallest and the largest value, and how many rows are null, of every block of rows of a column of numbers: with them a filter knows of
// most blocks of sorted or clustered data that no row passes, or that all do, and reads none of them. Ends are doubles; those of ints beyond
// 2^53 are rounded outwards, so that they may promise less than they know and never more.
import type { FixedView } from '#expr/evaluate/column-view.js';
import { type Bounds, nextUp } from '#expr/evaluate/numbers/bounds.js';
import { BLOCK_ROWS } from '#expr/evaluate/rows.js';

/** What is known of the rows of a block before one is read. */
export type BlockAnswer = 'none' | 'all' | 'some';

export interface BlockRanges {
  readonly rowCount: number;
  /** By block; without a number in the block infinite, the wrong way round. */
  readonly least: Float64Array;
  readonly most: Float64Array;
  /** Rows that are null, and those of them that are NaN, which no comparison finds. */
  readonly nulls: Uint32Array;
  readonly unordered: Uint32Array;
}

export function blockRanges(view: FixedView, rowCount: number): BlockRanges {
  const blocks = Math.ceil(rowCount / BLOCK_ROWS);
  const ranges = {
    rowCount,
    least: new Float64Array(blocks).fill(Infinity),
    most: new Float64Array(blocks).fill(-Infinity),
    nulls: new Uint32Array(blocks),
    unordered: new Uint32Array(blocks),
  };
  for (let block = 0; block < blocks; block++) measure(view, block, rowCount, ranges);
  return ranges;
}

function measure(
  { form, values, valid }: FixedView,
  block: number,
  rowCount: number,
  ranges: BlockRanges,
): void {
  const end = Math.min(rowCount, (block + 1) * BLOCK_ROWS);
  let least = Infinity;
  let most = -Infinity;
  for (let row = block * BLOCK_ROWS; row < end; row++) {
    if (valid.length > 0 && valid[row] === 0) {
      ranges.nulls[block] = (ranges.nulls[block] as number) + 1;
      continue;
    }
    const value =
      form === 'int64'
        ? (values[row * 2 + 1] as number) * 4294967296 + ((values[row * 2] as number) >>> 0)
        : (values[row] as number);
    if (Number.isNaN(value)) ranges.unordered[block] = (ranges.unordered[block] as number) + 1;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const isRounded = form === 'int64';
  ranges.least[block] = isRounded && !isExact(least) ? -nextUp(-least) : least;
  ranges.most[block] = isRounded && !isExact(most) ? nextUp(most) : most;
}

const isExact = (value: number): boolean => Math.abs(value) < 2 ** 53 || !Number.isFinite(value);

/** Whether a value of the block may lie between two bounds that are both included. NaN in a bound is met by nothing. */
export function mayHold(
  ranges: BlockRanges,
  block: number,
  { low, high }: { readonly low: number | bigint; readonly high: number | bigint },
): boolean {
  // JavaScript compares an int of any size with a double by value.
  return (ranges.least[block] as number) <= high && (ranges.most[block] as number) >= low && low <= high;
}

/** What `bounds` say of a block. Null rows pass nothing, so a block that has one is never `all`. */
export function answerOf(ranges: BlockRanges, block: number, bounds: Bounds): BlockAnswer {
  const { low, high } = bounds;
  const [least, most] = [ranges.least[block] as number, ranges.most[block] as number];
  if (!mayHold(ranges, block, bounds)) return 'none';
  if ((ranges.nulls[block] as number) + (ranges.unordered[block] as number) > 0) return 'some';
  return least >= low && most <= high ? 'all' : 'some';
}
