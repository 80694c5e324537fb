// Which numbers of a run lie between two bounds, both included. Every comparison of numbers comes down to this, so it is what most filters
// spend their time in. A block that is asked in many places goes through a kernel; where few words have a row that is still alive, a loop
// leaves out the others: one for each type in memory (one loop over several types of array would be slower for all of them), without a
// branch on a value, 32 rows to a word.
import { filterKernel } from '#expr/evaluate/filter-kernel.js';
import { isSpread, type RowBits, type Rows } from '#expr/evaluate/rows.js';

/** `low` above `high`, or NaN in one of them: nothing lies between. */
export interface NumberRange {
  readonly low: number;
  readonly high: number;
}

const within = (value: number, low: number, high: number): number =>
  Number(value >= low) & Number(value <= high);

export function doublesWithin(
  values: Float64Array,
  rows: Rows,
  { low, high }: NumberRange,
  alive: RowBits,
  out: RowBits,
): void {
  if (isSpread(alive, rows.count)) {
    filterKernel().doublesWithin(values, rows, low, high, out);
    return;
  }
  const { begin, count } = rows;
  const end = begin + count;
  for (let word = 0, row = begin; row < end; word++) {
    const stop = Math.min(row + 32, end);
    let bits = 0;
    if (alive[word] === 0) row = stop;
    for (let bit = 0; row + 4 <= stop; row += 4, bit += 4) {
      const first = within(values[row] as number, low, high);
      const second = within(values[row + 1] as number, low, high) << 1;
      const third = within(values[row + 2] as number, low, high) << 2;
      bits |= (first | second | third | (within(values[row + 3] as number, low, high) << 3)) << bit;
    }
    for (; row < stop; row++) bits |= within(values[row] as number, low, high) << (row - begin);
    out[word] = bits;
  }
}

export function floatsWithin(
  values: Float32Array,
  rows: Rows,
  { low, high }: NumberRange,
  alive: RowBits,
  out: RowBits,
): void {
  if (isSpread(alive, rows.count)) {
    filterKernel().floatsWithin(values, rows, low, high, out);
    return;
  }
  const { begin, count } = rows;
  const end = begin + count;
  for (let word = 0, row = begin; row < end; word++) {
    const stop = Math.min(row + 32, end);
    let bits = 0;
    if (alive[word] === 0) row = stop;
    for (let bit = 0; row + 4 <= stop; row += 4, bit += 4) {
      const first = within(values[row] as number, low, high);
      const second = within(values[row + 1] as number, low, high) << 1;
      const third = within(values[row + 2] as number, low, high) << 2;
      bits |= (first | second | third | (within(values[row + 3] as number, low, high) << 3)) << bit;
    }
    for (; row < stop; row++) bits |= within(values[row] as number, low, high) << (row - begin);
    out[word] = bits;
  }
}

/** The distance from `low` as an unsigned number is at most `span`: one comparison. */
const near = (value: number, low: number, span: number): number => Number((value - low) >>> 0 <= span);

/** @param range of whole numbers within 32 bits, `low` at most `high` */
export function int32sWithin(
  values: Int32Array,
  rows: Rows,
  { low, high }: NumberRange,
  alive: RowBits,
  out: RowBits,
): void {
  if (isSpread(alive, rows.count)) {
    filterKernel().int32sWithin(values, rows, low, high, out);
    return;
  }
  const { begin, count } = rows;
  const span = high - low;
  const end = begin + count;
  for (let word = 0, row = begin; row < end; word++) {
    const stop = Math.min(row + 32, end);
    let bits = 0;
    if (alive[word] === 0) row = stop;
    for (let bit = 0; row + 4 <= stop; row += 4, bit += 4) {
      const first = near(values[row] as number, low, span);
      const second = near(values[row + 1] as number, low, span) << 1;
      const third = near(values[row + 2] as number, low, span) << 2;
      bits |= (first | second | third | (near(values[row + 3] as number, low, span) << 3)) << bit;
    }
    for (; row < stop; row++) bits |= near(values[row] as number, low, span) << (row - begin);
    out[word] = bits;
  }
}

const TWO_32 = 4294967296;

/**
 * Words of int64 as doubles. A value that a double does not hold is rounded to one that is not smaller than 2^53, so the answer is exact for
 * bounds below that.
 * @param range below 2^53 in size, or infinite
 */
export function int64sWithin(
  words: Int32Array,
  { begin, count }: Rows,
  { low, high }: NumberRange,
  alive: RowBits,
  out: RowBits,
): void {
  const end = begin + count;
  for (let word = 0, row = begin; row < end; word++) {
    const stop = Math.min(row + 32, end);
    let bits = 0;
    if (alive[word] === 0) row = stop;
    for (let bit = 0; row + 2 <= stop; row += 2, bit += 2) {
      const at = row * 2;
      const first = (words[at + 1] as number) * TWO_32 + ((words[at] as number) >>> 0);
      const second = (words[at + 3] as number) * TWO_32 + ((words[at + 2] as number) >>> 0);
      bits |= (within(first, low, high) | (within(second, low, high) << 1)) << bit;
    }
    for (; row < stop; row++) {
      const value = (words[row * 2 + 1] as number) * TWO_32 + ((words[row * 2] as number) >>> 0);
      bits |= within(value, low, high) << (row - begin);
    }
    out[word] = bits;
  }
}

export interface WideRange {
  readonly low: bigint;
  readonly high: bigint;
}

const highWord = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
const lowWord = (value: bigint): number => Number(BigInt.asUintN(32, value));
/** Times the difference of high words, any difference of low words is smaller. */
const TWO_33 = 8589934592;

/**
 * Words of int64 against bounds of any size: the sign of a difference of high words, and where there is none that of the low words. The sum
 * is rounded, its sign is exact.
 */
export function wideInt64sWithin(
  words: Int32Array,
  rows: Rows,
  range: WideRange,
  alive: RowBits,
  out: RowBits,
): void {
  if (isSpread(alive, rows.count)) {
    filterKernel().int64sWithin(words, rows, range.low, range.high, out);
    return;
  }
  const { begin, count } = rows;
  const [lowHigh, lowLow] = [highWord(range.low), lowWord(range.low)];
  const [highHigh, highLow] = [highWord(range.high), lowWord(range.high)];
  const end = begin + count;
  for (let word = 0, row = begin; row < end; word++) {
    const stop = Math.min(row + 32, end);
    let bits = 0;
    if (alive[word] === 0) row = stop;
    for (; row < stop; row++) {
      const low = (words[row * 2] as number) >>> 0;
      const high = words[row * 2 + 1] as number;
      const fromLow = (high - lowHigh) * TWO_33 + (low - lowLow);
      const toHigh = (highHigh - high) * TWO_33 + (highLow - low);
      bits |= (Number(fromLow >= 0) & Number(toHigh >= 0)) << (row - begin);
    }
    out[word] = bits;
  }
}
