// Rows in the order of numbers of 64 bits: a radix sort, whose time is linear in the rows whatever the values are. Rows of one value stay in
// their order. A digit that all values share costs no pass.
const DIGIT_BITS = 16;
const DIGITS = 1 << DIGIT_BITS;

/** 64-bit keys in two halves; their order is that of unsigned numbers. */
export interface SortKeys {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/** Fewer are sorted by comparing them: counting digits would take longer. */
const COUNTED_MIN = 4096;

/** @param rows numbers into the keys, in ascending order; they are moved */
export function sortRows(rows: Uint32Array, { low, high }: SortKeys): Uint32Array {
  if (rows.length < COUNTED_MIN) {
    const order = (keys: Uint32Array, a: number, b: number): number =>
      (keys[a] as number) - (keys[b] as number);
    return rows.sort((a, b) => order(high, a, b) || order(low, a, b) || a - b);
  }
  let from = rows;
  let to: Uint32Array = new Uint32Array(rows.length);
  for (const half of [low, high]) {
    for (const shift of [0, DIGIT_BITS]) {
      const places = placesOf(from, half, shift);
      if (places === undefined) continue;
      for (let at = 0; at < from.length; at++) {
        const row = from[at] as number;
        const digit = ((half[row] as number) >>> shift) & (DIGITS - 1);
        to[places[digit] as number] = row;
        places[digit] = (places[digit] as number) + 1;
      }
      [from, to] = [to, from];
    }
  }
  return from;
}

/** Where the rows of each digit begin; undefined when all have the same. */
function placesOf(rows: Uint32Array, half: Uint32Array, shift: number): Uint32Array | undefined {
  const counts = new Uint32Array(DIGITS);
  for (let at = 0; at < rows.length; at++) {
    const digit = ((half[rows[at] as number] as number) >>> shift) & (DIGITS - 1);
    counts[digit] = (counts[digit] as number) + 1;
  }
  let place = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const count = counts[digit] as number;
    if (count === rows.length) return undefined;
    counts[digit] = place;
    place += count;
  }
  return counts;
}
