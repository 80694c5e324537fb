// AUTOINDEX's `level` as widths of a search, in one place. Level 1 is fast and finds 9 of 10 true neighbours, level 10 finds 99 of 100.
// Measured on 60,000 clustered vectors of 128 numbers (bench/ann, set `small`), HNSW M 16, efConstruction 200, as AUTOINDEX builds it:
//            k = 1         k = 10        k = 50        k = 100
//   level 1  ef 15  0.984  ef 25  0.963  ef 71  0.943  ef 128 0.940
//   level 10 ef 93  1.000  ef 112 0.999  ef 200 0.999  ef 310 0.999
// The margin is for data that is harder than this set, and for segments with more rows.

interface Widths {
  readonly ef: number;
}

export const LEVEL_MAX = 10;
const slopes = { low: 1.15, high: 2.2 } as const;
const bases = { low: 13, high: 90 } as const;

/** The level that finds about this part of the true neighbours, for indexes of which nothing is measured. May lie between two, or beyond. */
export const levelOfRecall = (recall: number): number =>
  1 + Math.max(0, -Math.log10(1 - recall) - 1) * (LEVEL_MAX - 1);

/** @param level 1 to 10. @param k hits that the search collects. @returns widths of at least k, rising with level and k. */
export function widthsOfLevel(level: number, k: number): Widths {
  const part = (level - 1) / (LEVEL_MAX - 1);
  const slope = slopes.low + (slopes.high - slopes.low) * part;
  const base = bases.low * (bases.high / bases.low) ** part;
  return { ef: Math.ceil(k * slope + base) };
}
