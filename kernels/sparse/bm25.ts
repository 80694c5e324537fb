// BM25 over the lists of a sparse index: values are how often a row has a word, `lengths` has the number of words of each row (u32). A word
// adds weight * n / (n + base + slope * length) to the score of a row. Term at a time, in windows of rows, as `taat`.
import { END, ROW, rowAt, TERM, WEIGHT } from './terms';
import { offer } from './top';

const WINDOW: u32 = 4096;

export function bm25(
  terms: usize,
  count: u32,
  rows: u32,
  sums: usize,
  delta: u32,
  lengths: usize,
  base: f64,
  slope: f64,
  top: usize,
  low: f64,
  high: f64,
  excluded: usize,
): void {
  const termsEnd = terms + <usize>count * TERM;
  let threshold = low;
  let begin: u32 = 0;
  while (begin < rows) {
    const end = rows - begin < WINDOW ? rows : begin + WINDOW;
    let next = END;
    for (let term = terms; term < termsEnd; term += TERM) {
      let cursor = load<u32>(term),
        row = load<u32>(term, ROW);
      const last = load<u32>(term, 4),
        weight = load<f64>(term, WEIGHT);
      while (row < end) {
        const at = sums + ((<usize>(row - begin)) << 3);
        const found = <f64>load<f32>(cursor + delta);
        const length = <f64>load<u32>(lengths + ((<usize>row) << 2));
        store<f64>(at, load<f64>(at) + (weight * found) / (found + base + slope * length));
        cursor += 4;
        row = rowAt(cursor, last);
      }
      store<u32>(term, cursor);
      store<u32>(term, row, ROW);
      if (row < next) next = row;
    }
    let cut = f64x2.splat(threshold);
    const sumsEnd = sums + ((<usize>(end - begin)) << 3);
    for (let at = sums; at < sumsEnd; at += 16) {
      if (!v128.any_true(f64x2.gt(v128.load(at), cut))) continue;
      const row = begin + <u32>((at - sums) >> 3);
      threshold = offer(top, load<f64>(at), row, threshold, high, excluded);
      threshold = offer(top, load<f64>(at, 8), row + 1, threshold, high, excluded);
      cut = f64x2.splat(threshold);
    }
    memory.fill(sums, 0, (<usize>WINDOW) << 3);
    begin = next == END ? rows : next & ~(WINDOW - 1);
  }
}
