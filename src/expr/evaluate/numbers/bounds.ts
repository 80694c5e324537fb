// Comparisons of numbers as bounds that are both included. An int has a next one, and so has a double: a bound that is not included is the
// included one beside it. `!=` is no range: whoever prepares it asks for `==` and turns the answer round.
import type { ComparisonOp, Leaf, Literal } from '#expr/typed.js';
import type { NumberRange, WideRange } from './range-kernels.js';

export const INT64_MIN = -(2n ** 63n);
export const INT64_MAX = 2n ** 63n - 1n;
/** Below it in size every whole number is a double, and no rounded one comes in. */
const EXACT = 2n ** 53n;

export type Bounds =
  | { readonly kind: 'ints'; readonly low: bigint; readonly high: bigint }
  | { readonly kind: 'doubles'; readonly low: number; readonly high: number };

const NOTHING: NumberRange = { low: 1, high: 0 };

type BoundOp = Exclude<ComparisonOp, '!='>;

/** @throws when the literal is no number: the checker hands out none for such an operand */
export function boundsOf(op: BoundOp, value: Literal): Bounds {
  const number = numberOf(value);
  return typeof number === 'bigint' ? intBounds(op, number) : doubleBounds(op, number);
}

export function boundsOfRange(leaf: Leaf & { readonly kind: 'range' }): Bounds {
  const low = numberOf(leaf.lower);
  const high = numberOf(leaf.upper);
  if (typeof low === 'bigint' && typeof high === 'bigint')
    return {
      kind: 'ints',
      low: leaf.lowerInclusive ? low : low + 1n,
      high: leaf.upperInclusive ? high : high - 1n,
    };
  return {
    kind: 'doubles',
    low: leaf.lowerInclusive ? Number(low) : nextUp(Number(low)),
    high: leaf.upperInclusive ? Number(high) : nextDown(Number(high)),
  };
}

function numberOf(value: Literal): number | bigint {
  switch (value.type) {
    case 'int':
    case 'time':
    case 'float':
    case 'double':
      return value.value;
    case 'bool':
      return value.value ? 1n : 0n;
    default:
      throw new TypeError(`a ${value.type} where a number was expected`);
  }
}

function intBounds(op: BoundOp, value: bigint): Bounds {
  switch (op) {
    case '==':
      return { kind: 'ints', low: value, high: value };
    case '<':
      return { kind: 'ints', low: INT64_MIN, high: value - 1n };
    case '<=':
      return { kind: 'ints', low: INT64_MIN, high: value };
    case '>':
      return { kind: 'ints', low: value + 1n, high: INT64_MAX };
    case '>=':
      return { kind: 'ints', low: value, high: INT64_MAX };
  }
}

function doubleBounds(op: BoundOp, value: number): Bounds {
  if (Number.isNaN(value)) return { kind: 'doubles', ...NOTHING };
  switch (op) {
    case '==':
      return { kind: 'doubles', low: value, high: value };
    case '<':
      return { kind: 'doubles', low: -Infinity, high: nextDown(value) };
    case '<=':
      return { kind: 'doubles', low: -Infinity, high: value };
    case '>':
      return { kind: 'doubles', low: nextUp(value), high: Infinity };
    case '>=':
      return { kind: 'doubles', low: value, high: Infinity };
  }
}

const scratch = new DataView(new ArrayBuffer(8));

/** The smallest double above; NaN above infinity, and then nothing is within. */
export function nextUp(value: number): number {
  if (Number.isNaN(value) || value === Infinity) return Number.NaN;
  if (value === 0) return Number.MIN_VALUE;
  scratch.setFloat64(0, value);
  scratch.setBigInt64(0, scratch.getBigInt64(0) + (value > 0 ? 1n : -1n));
  return scratch.getFloat64(0);
}

const nextDown = (value: number): number => -nextUp(-value);

/** What a loop over doubles can take: undefined when the bounds need all 64 bits. An end that no int64 passes is open. */
export function exactRange(bounds: Bounds): NumberRange | undefined {
  if (bounds.kind === 'doubles') return bounds;
  const { low, high } = bounds;
  if (low > high) return NOTHING;
  const isLowOpen = low <= INT64_MIN;
  const isHighOpen = high >= INT64_MAX;
  if (!isLowOpen && (low <= -EXACT || low >= EXACT)) return undefined;
  if (!isHighOpen && (high <= -EXACT || high >= EXACT)) return undefined;
  return { low: isLowOpen ? -Infinity : Number(low), high: isHighOpen ? Infinity : Number(high) };
}

/** The range within 64 bits; undefined: nothing is within. */
export function wideRange(bounds: Bounds & { readonly kind: 'ints' }): WideRange | undefined {
  const low = bounds.low < INT64_MIN ? INT64_MIN : bounds.low;
  const high = bounds.high > INT64_MAX ? INT64_MAX : bounds.high;
  return low > high ? undefined : { low, high };
}

/** The range within 32 bits; undefined: nothing is within. */
export function int32Range({ low, high }: NumberRange): NumberRange | undefined {
  const clipped = { low: Math.max(low, -0x80000000), high: Math.min(high, 0x7fffffff) };
  return clipped.low <= clipped.high ? clipped : undefined;
}
