// Numbers of filters compared by value: 64-bit integers with doubles, without rounding either.

/** Negative, zero or positive; NaN when one of the two is. */
export function compareNumbers(a: bigint | number, b: bigint | number): number {
  // The language itself compares a bigint with a number by value.
  if (a < b) return -1;
  if (a > b) return 1;
  return a >= b ? 0 : Number.NaN;
}
