// BM25 over the lists of a sparse index: values are how often a row has a word, `lengths` has the number of words of each row (u32). A word
// adds weight * n / (n + base + slope * length) to the score of a row. Term at a time, in windows of rows, as `taat`, and as `maxScore` it
// leaves out the lists that cannot bring a row among the best, but for completing the rows that the others find. A row is marked when its
// sum becomes large enough to get in, so that no window's sums are gone through: most have few postings, and fewer candidates.
import { BLOCKS as BEGAN, END, hopeless, MAX, ROW, rowAt, SUM_OF_MAXIMA, seek, TERM, WEIGHT } from './terms';
import { offer } from './top';

const WINDOW: u32 = 4096;
/** The first ones are smaller: until the best are known, every row is looked at. */
const FIRST_WINDOW: u32 = 512;
/** Postings that can be added up in the time of finding one by `seek`, about. */
const PROBE_COST: f64 = 16;

@inline function gain(term: usize, cursor: u32, row: u32, delta: u32, lengths: usize, base: f64, slope: f64): f64 {
  const found = <f64>load<f32>(cursor + delta),
    length = <f64>load<u32>(lengths + ((<usize>row) << 2));
  return (load<f64>(term, WEIGHT) * found) / (found + base + slope * length);
}

/** Adds a gain to the sum of a row; a bit of the row's, and one of the word that has it, are set where the sum is above `least`. */
@inline function add(sums: usize, marks: usize, place: u32, value: f64, least: f64): void {
  const at = sums + ((<usize>place) << 3),
    sum = load<f64>(at) + value;
  store<f64>(at, sum);
  if (sum > least) mark(marks, place);
}

function mark(marks: usize, place: u32): void {
  const word = marks + 8 + ((<usize>(place >> 6)) << 3);
  store<u64>(word, load<u64>(word) | (<u64>1 << <u64>(place & 63)));
  store<u64>(marks, load<u64>(marks) | (<u64>1 << <u64>(place >> 6)));
}

/** Adds what the term gains in rows [begin, end) to the sums, and marks the rows that are above `least` then. Remembers where it began. */
function accumulate(
  term: usize,
  sums: usize,
  marks: usize,
  begin: u32,
  end: u32,
  delta: u32,
  lengths: usize,
  base: f64,
  slope: f64,
  least: f64,
): void {
  let cursor = load<u32>(term);
  const last = load<u32>(term, 4),
    weight = load<f64>(term, WEIGHT);
  const weights = f64x2.splat(weight),
    bases = f64x2.splat(base),
    slopes = f64x2.splat(slope);
  store<u32>(term, cursor, BEGAN);
  // Two at a time: division is most of the work.
  while (cursor + 4 < last) {
    const next = load<u32>(cursor, 4);
    if (next >= end) break;
    const row = load<u32>(cursor),
      found = f64x2.promote_low_f32x4(v128.load64_zero(cursor + delta)),
      pair = v128.load32_lane(lengths + ((<usize>next) << 2), v128.load32_zero(lengths + ((<usize>row) << 2)), 1),
      length = f64x2.convert_low_i32x4_u(pair),
      gains = f64x2.div(f64x2.mul(weights, found), f64x2.add(f64x2.add(found, bases), f64x2.mul(slopes, length)));
    add(sums, marks, row - begin, f64x2.extract_lane(gains, 0), least);
    add(sums, marks, next - begin, f64x2.extract_lane(gains, 1), least);
    cursor += 8;
  }
  let row = rowAt(cursor, last);
  if (row < end) {
    add(sums, marks, row - begin, gain(term, cursor, row, delta, lengths, base, slope), least);
    cursor += 4;
    row = rowAt(cursor, last);
  }
  store<u32>(term, cursor);
  store<u32>(term, row, ROW);
}

/** Puts the sums back to zero that the term was added to. */
@inline function forget(term: usize, sums: usize, begin: u32): void {
  const end = load<u32>(term);
  for (let cursor = load<u32>(term, BEGAN); cursor < end; cursor += 4)
    store<f64>(sums + ((<usize>(load<u32>(cursor) - begin)) << 3), 0);
}

/** Postings of the term that fall into a window, about. */
@inline function expected(term: usize, window: u32, left: u32): f64 {
  return (<f64>((load<u32>(term, 4) - load<u32>(term)) >> 2) * <f64>window) / <f64>left;
}

/** What a row may have without the terms [terms, first) and still get in with them: the least that is looked at. */
@inline function leastOf(threshold: f64, terms: usize, first: usize): f64 {
  const rest = first > terms ? load<f64>(first - TERM, SUM_OF_MAXIMA) : 0,
    least = threshold * 0.999999999 - rest;
  return least > 0 ? least : 0;
}

/** `terms`: by ascending bound. `marks`: a bit for each word that follows, then a bit for each row of a window; zero, as `sums`, and zero again afterwards. */
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
    essential = terms,
    size: u32 = FIRST_WINDOW;
  while (begin < rows) {
    while (essential < termsEnd && hopeless(load<f64>(essential, SUM_OF_MAXIMA), threshold)) essential += TERM;
    if (essential == termsEnd) return;
    const window = rows - begin < size ? rows - begin : size,
      end = begin + window;
    let first = essential,
      least = leastOf(threshold, terms, first);
    for (let term = essential; term < termsEnd; term += TERM)
      accumulate(term, sums, marks, begin, end, delta, lengths, base, slope, least);
    const words = load<u64>(marks);
    if (first > terms && words != 0) {
      // Looking up every candidate in a list costs more than adding up the list's part of the window, unless they are few.
      let candidates: u32 = 0;
      for (let left = words; left != 0; left &= left - 1) candidates += <u32>popcnt(load<u64>(marks + 8 + ((<usize>ctz(left)) << 3)));
      while (first > terms) {
        const term = first - TERM;
        if (<f64>candidates * PROBE_COST <= expected(term, window, rows - begin)) break;
        seek(term, begin);
        accumulate(term, sums, marks, begin, end, delta, lengths, base, slope, Infinity);
        first = term;
      }
      least = leastOf(threshold, terms, first);
    }
    store<u64>(marks, 0);
    for (let left = words; left != 0; left &= left - 1) {
      const index = <u32>ctz(left),
        word = marks + 8 + ((<usize>index) << 3);
      let bits = load<u64>(word);
      store<u64>(word, 0);
      for (; bits != 0; bits &= bits - 1) {
        const place = (index << 6) + <u32>ctz(bits),
          row = begin + place;
        let score = load<f64>(sums + ((<usize>place) << 3));
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
        if (threshold != before) least = leastOf(threshold, terms, first);
      }
    }
    let next = END;
    for (let term = first; term < termsEnd; term += TERM) {
      forget(term, sums, begin);
      // Terms that are not essential now will not be later.
      const row = load<u32>(term, ROW);
      if (term >= essential && row < next) next = row;
    }
    begin = next;
    if (size < WINDOW) size <<= 1;
  }
}

/** Zeroes, in the time of a call of the machine: filling shared memory from JavaScript goes byte by byte. */
export function clear(at: usize, bytes: usize): void {
  memory.fill(at, 0, bytes);
}
