// The rows that count, out of the bits of those that do not: what a search scores one by one when they are few.

/** Rows below `rowCount` whose bit is clear or behind the last, ascending; the first `most` of them. */
export function countingRows(excluded: Uint8Array, rowCount: number, most: number): Uint32Array {
  const rows = new Uint32Array(most);
  let count = 0;
  // Where few rows count, most of the bits are skipped 32 at a time.
  const words =
    excluded.byteOffset % 4 === 0
      ? new Uint32Array(excluded.buffer, excluded.byteOffset, excluded.length >>> 2)
      : [];
  const add = (first: number, bits: number): void => {
    for (let clear = bits; clear !== 0 && count < most; clear &= clear - 1) {
      const row = first + 31 - Math.clz32(clear & -clear);
      if (row < rowCount) rows[count++] = row;
    }
  };
  for (let at = 0; at < words.length && count < most; at++) {
    const clear = ~(words[at] as number);
    if (clear !== 0) add(at * 32, clear);
  }
  for (let at = words.length * 4; at * 8 < rowCount && count < most; at++)
    add(at * 8, ~(excluded[at] ?? 0) & 0xff);
  return rows.subarray(0, count);
}
