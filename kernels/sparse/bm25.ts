// BM25 over the lists of a sparse index: values are how often a row has a word, `lengths` has the number of words of each row (u32). A word
// adds weight * n / (n + base + slope * length) to the score of a row. Term at a time, in windows of rows, as `taat`, and as `maxScore` it
// leaves out the lists that cannot bring a row among the best, but for completing the rows that the others find.
import { END, hopeless, MAX, ROW, rowAt, SUM_OF_MAXIMA, seek, TERM, WEIGHT } from './terms';
import { offer } from './top';

const WINDOW: u32 = 4096;
/** A window with fewer postings than one in so many rows is gone through by its rows, not by its sums. */
const FEW: f64 = 6;
/** Postings that can be added up in the time of finding one by `seek`, about. */
const PROBE_COST: f64 = 16;

@inline function gain(term: usize, cursor: u32, row: u32, delta: u32, lengths: usize, base: f64, slope: f64): f64 {
  const found = <f64>load<f32>(cursor + delta),
    length = <f64>load<u32>(lengths + ((<usize>row) << 2));
  return (load<f64>(term, WEIGHT) * found) / (found + base + slope * length);
}

/** Adds what the term gains in rows [begin, end) to the sums; with `marks`, bit row - begin of each is set there. */
@inline function accumulate(
  term: usize,
  sums: usize,
  marks: usize,
  begin: u32,
  end: u32,
  delta: u32,
  lengths: usize,
  base: f64,
  slope: f64,
): void {
  let cursor = load<u32>(term),
    row = load<u32>(term, ROW);
  const last = load<u32>(term, 4);
  while (row < end) {
    const place = row - begin,
      at = sums + ((<usize>place) << 3);
    store<f64>(at, load<f64>(at) + gain(term, cursor, row, delta, lengths, base, slope));
    if (marks != 0) {
      const word = marks + ((<usize>(place >> 6)) << 3);
      store<u64>(word, load<u64>(word) | (<u64>1 << <u64>(place & 63)));
    }
    cursor += 4;
    row = rowAt(cursor, last);
  }
  store<u32>(term, cursor);
  store<u32>(term, row, ROW);
}

/** Postings of the terms [from, to) that fall into a window, about. */
@inline function expected(from: usize, to: usize, window: u32, left: u32): f64 {
  let postings: u32 = 0;
  for (let term = from; term < to; term += TERM) postings += (load<u32>(term, 4) - load<u32>(term)) >> 2;
  return (<f64>postings * <f64>window) / <f64>left;
}

/** What a row may have without the terms [terms, first) and still get in with them: the least that is looked at. */
@inline function leastOf(threshold: f64, terms: usize, first: usize): f64 {
  const rest = first > terms ? load<f64>(first - TERM, SUM_OF_MAXIMA) : 0,
    least = threshold * 0.999999999 - rest;
  return least > 0 ? least : 0;
}

/** `terms`: by ascending bound. `marks`: a bit a row of a window, zero, and zero again afterwards, as `sums`. */
export function bm25(
  terms: usize,
  count: u32,
  rows: u32,
  sums: usize,
  marks: usize,
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
  let all: f64 = 0;
  for (let term = terms; term < termsEnd; term += TERM) {
    all += load<f64>(term, MAX);
    store<f64>(term, all, SUM_OF_MAXIMA);
  }
  let threshold = low,
    begin: u32 = 0,
    essential = terms;
  while (begin < rows) {
    while (essential < termsEnd && hopeless(load<f64>(essential, SUM_OF_MAXIMA), threshold)) essential += TERM;
    if (essential == termsEnd) return;
    const window = rows - begin < WINDOW ? rows - begin : WINDOW,
      end = begin + window;
    const marked = expected(essential, termsEnd, window, rows - begin) * FEW < <f64>window ? marks : 0;
    let next = END;
    for (let term = essential; term < termsEnd; term += TERM) {
      accumulate(term, sums, marked, begin, end, delta, lengths, base, slope);
      const row = load<u32>(term, ROW);
      if (row < next) next = row;
    }
    let first = essential,
      least = leastOf(threshold, terms, first);
    const sumsEnd = sums + ((<usize>window) << 3);
    if (first > terms && marked == 0) {
      // Looking up every candidate in a list costs more than adding up the list's part of the window, unless they are few.
      let candidates: u32 = 0;
      const cut = f64x2.splat(least);
      for (let at = sums; at < sumsEnd; at += 16) candidates += popcnt(i64x2.bitmask(f64x2.gt(v128.load(at), cut)));
      while (first > terms) {
        const term = first - TERM;
        seek(term, begin);
        if (<f64>candidates * PROBE_COST <= expected(term, first, window, rows - begin)) break;
        accumulate(term, sums, 0, begin, end, delta, lengths, base, slope);
        first = term;
      }
      least = leastOf(threshold, terms, first);
    }
    let cut = f64x2.splat(least);
    for (let at = sums, word = marks; at < sumsEnd; at += marked == 0 ? 16 : 512, word += 8) {
      let bits: u64 = marked == 0 ? 0 : load<u64>(word);
      if (marked == 0) bits = <u64>i64x2.bitmask(f64x2.gt(v128.load(at), cut));
      else if (bits != 0) store<u64>(word, 0);
      while (bits != 0) {
        const place = at + ((<usize>ctz(bits)) << 3),
          row = begin + <u32>((place - sums) >> 3);
        bits &= bits - 1;
        let score = load<f64>(place);
        if (marked != 0) store<f64>(place, 0);
        if (!(score > least)) continue;
        for (let term = first; term > terms; ) {
          if (hopeless(score + load<f64>(term - TERM, SUM_OF_MAXIMA), threshold)) {
            score = 0;
            break;
          }
          term -= TERM;
          if (seek(term, row) == row) score += gain(term, load<u32>(term), row, delta, lengths, base, slope);
        }
        const before = threshold;
        if (score > 0) threshold = offer(top, score, row, threshold, high, excluded);
        if (threshold == before) continue;
        least = leastOf(threshold, terms, first);
        cut = f64x2.splat(least);
      }
    }
    if (marked == 0) memory.fill(sums, 0, (<usize>WINDOW) << 3);
    // Terms that are not essential now will not be later.
    begin = next == END ? rows : next & ~(WINDOW - 1);
  }
}

/** Zeroes, in the time of a call of the machine: filling shared memory from JavaScript goes byte by byte. */
export function clear(at: usize, bytes: usize): void {
  memory.fill(at, 0, bytes);
}
