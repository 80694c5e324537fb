// BM25: how much a word that is in a row adds to its score. A word counts by how rare it is among all rows, by how often the row has it,
// and less in a row that is longer than others.

export interface Bm25 {
  readonly k1: number;
  readonly b: number;
  /** Mean number of words of all rows. */
  readonly meanLength: number;
}

/** n occurrences in a row of length L count n / (n + base + slope * L) of the word's weight. */
export interface Bm25Norm {
  readonly base: number;
  readonly slope: number;
}

export const bm25Norm = ({ k1, b, meanLength }: Bm25): Bm25Norm => ({
  base: k1 * (1 - b),
  slope: meanLength > 0 ? (k1 * b) / meanLength : 0,
});

/** What a word of a query weighs that is in `frequency` of `rows` rows, and `count` times in the query. Always above 0. */
export function bm25Weight(
  { rows, frequency, count }: { readonly rows: number; readonly frequency: number; readonly count: number },
  k1: number,
): number {
  return count * (k1 + 1) * Math.log(1 + (rows - frequency + 0.5) / (frequency + 0.5));
}

/** Words of a row: its values, in pairs behind their indices, added up. */
export function rowLength(floats: Float32Array, begin: number, end: number): number {
  let sum = 0;
  for (let at = begin; at < end; at += 2) sum += floats[at + 1] as number;
  return sum;
}
