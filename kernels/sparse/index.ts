// Inverted-index search kernels for sparse vectors over one (shared) linear memory. AssemblyScript, no heap, no globals, no data
// segments: every address comes from the caller, so many threads can run this over one memory at once, each with its own work area.
//
// A posting list is a run of u32 rows, ascending; the f32 value of the row at address p is at p + delta. Every BLOCK postings of a list
// form a block: its last row is in one array, its largest value at the same place of another, `blockDelta` bytes further on.
// Scores are sums of products in f64, rounded to f32 once at the end, so that the order in which terms are added does not show.
// Values and weights are never negative: a bound on some of a row's terms plus a bound on the others bounds the row.
//
// A term (48 bytes) is a cursor over the list of one index of the query:
//   +0 u32 address of the current row   +4 u32 end address   +8 u32 current row, END after the last   +12 u32 address of the current block
//   +16 f64 weight   +24 f64 largest contribution   +32 f64 largest contribution in the current window (BM25: sum of the largest up to and with
//   it)   +40 u32 end address of its blocks
// An order entry (16 bytes): +0 u32 address of a term   +4 u32 its current row (WAND)   +8 f64 sum of bounds up to and with it (MaxScore)
// A top-k state: as in kernels/flat; the key of score s is 0x7fffffff - bits(s), smaller = better, for s > 0.
import {
  accumulate,
  BLOCKS,
  BLOCKS_END,
  END,
  hopeless,
  LOCAL,
  MAX,
  ORDER,
  ROW,
  rowAt,
  seek,
  SUM,
  TERM,
  WEIGHT,
} from './terms';
import { offer } from './top';

export { bm25, clear } from './bm25';
export { finish } from './top';

const WINDOW: u32 = 4096;
/** Postings that can be added up in the time of finding one by `seek`, about. */
const PROBE_COST: f64 = 24;

/** Term at a time, a window of rows at a time so that the sums stay in the cache. `sums`: WINDOW f64 of zero, zero again afterwards. */
export function taat(
  terms: usize,
  count: u32,
  rows: u32,
  sums: usize,
  delta: u32,
  top: usize,
  low: f64,
  high: f64,
  excluded: usize,
): void {
  const termsEnd = terms + <usize>count * TERM;
  let threshold = low;
  let base: u32 = 0;
  while (base < rows) {
    const end = rows - base < WINDOW ? rows : base + WINDOW;
    let next = END;
    for (let term = terms; term < termsEnd; term += TERM) {
      accumulate(term, sums, base, end, delta);
      const row = load<u32>(term, ROW);
      if (row < next) next = row;
    }
    let cut = f64x2.splat(threshold);
    const sumsEnd = sums + ((<usize>(end - base)) << 3);
    for (let at = sums; at < sumsEnd; at += 16) {
      if (!v128.any_true(f64x2.gt(v128.load(at), cut))) continue;
      const row = base + <u32>((at - sums) >> 3);
      threshold = offer(top, load<f64>(at), row, threshold, high, excluded);
      threshold = offer(top, load<f64>(at, 8), row + 1, threshold, high, excluded);
      cut = f64x2.splat(threshold);
    }
    memory.fill(sums, 0, (<usize>WINDOW) << 3);
    base = next == END ? rows : next & ~(WINDOW - 1);
  }
}

/** The largest contribution of a term to rows [base, end), from its blocks. */
@inline function localMax(term: usize, base: u32, end: u32, blockDelta: u32): f64 {
  let block = load<u32>(term, BLOCKS);
  const last = load<u32>(term, BLOCKS_END);
  while (block < last && load<u32>(block) < base) block += 4;
  store<u32>(term, block, BLOCKS);
  let most: f32 = 0;
  while (block < last) {
    const value = load<f32>(block + blockDelta);
    if (value > most) most = value;
    if (load<u32>(block) >= end - 1) break;
    block += 4;
  }
  return <f64>most * load<f64>(term, WEIGHT);
}

/** Sorts order entries by their terms' bounds in the window, ascending. Nearly sorted already. */
@inline function sortByLocal(order: usize, orderEnd: usize): void {
  for (let at = order + ORDER; at < orderEnd; at += ORDER) {
    const term = load<u32>(at),
      bound = load<f64>(term, LOCAL);
    let to = at;
    while (to > order && load<f64>(load<u32>(to - ORDER), LOCAL) > bound) {
      store<u32>(to, load<u32>(to - ORDER));
      to -= ORDER;
    }
    store<u32>(to, term);
  }
}

/**
 * MaxScore: terms whose bounds together cannot reach the threshold only complete the rows that the others find. Decided for a window
 * of rows at a time, by the maxima of the lists or, with `byBlock`, by those of the blocks that touch the window.
 * `order`: an entry per term, by ascending bound.
 */
export function maxScore(
  order: usize,
  count: u32,
  rows: u32,
  sums: usize,
  delta: u32,
  blockDelta: u32,
  byBlock: bool,
  top: usize,
  low: f64,
  high: f64,
  excluded: usize,
): void {
  const orderEnd = order + <usize>count * ORDER;
  let threshold = low;
  let base: u32 = 0;
  while (base < rows) {
    const end = rows - base < WINDOW ? rows : base + WINDOW;
    if (byBlock) {
      let all: f64 = 0;
      for (let at = order; at < orderEnd; at += ORDER) {
        const term = load<u32>(at),
          bound = localMax(term, base, end, blockDelta);
        store<f64>(term, bound, LOCAL);
        all += bound;
      }
      if (hopeless(all, threshold)) {
        base = end;
        continue;
      }
      sortByLocal(order, orderEnd);
    }
    // `first`: the first entry whose term is essential; `rest`: what the terms before it can add.
    let first = order,
      sum: f64 = 0,
      rest: f64 = 0;
    while (first < orderEnd) {
      sum += byBlock ? load<f64>(load<u32>(first), LOCAL) : load<f64>(load<u32>(first), MAX);
      if (!hopeless(sum, threshold)) break;
      store<f64>(first, sum, SUM);
      rest = sum;
      first += ORDER;
    }
    if (first == orderEnd) {
      if (byBlock) {
        base = end;
        continue;
      }
      return;
    }
    let next = END;
    for (let at = first; at < orderEnd; at += ORDER) {
      const term = load<u32>(at);
      seek(term, base);
      accumulate(term, sums, base, end, delta);
      const row = load<u32>(term, ROW);
      if (row < next) next = row;
    }
    let least = threshold * 0.999999999 - rest;
    if (!(least > 0)) least = 0;
    let cut = f64x2.splat(least);
    const sumsEnd = sums + ((<usize>(end - base)) << 3);
    if (first > order) {
      // Looking up every candidate in a list costs more than adding up the list's part of the window, unless they are few.
      let candidates: u32 = 0;
      for (let at = sums; at < sumsEnd; at += 16)
        candidates += popcnt(i64x2.bitmask(f64x2.gt(v128.load(at), cut)));
      while (first > order) {
        const term = load<u32>(first - ORDER);
        seek(term, base);
        const left = <f64>((load<u32>(term, 4) - load<u32>(term)) >> 2);
        if (<f64>candidates * PROBE_COST <= (left * <f64>WINDOW) / <f64>(rows - base)) break;
        accumulate(term, sums, base, end, delta);
        first -= ORDER;
      }
      rest = first > order ? load<f64>(first - ORDER, SUM) : 0;
      least = threshold * 0.999999999 - rest;
      if (!(least > 0)) least = 0;
      cut = f64x2.splat(least);
    }
    for (let at = sums; at < sumsEnd; at += 16) {
      if (!v128.any_true(f64x2.gt(v128.load(at), cut))) continue;
      for (let lane: usize = 0; lane < 2; lane++) {
        let score = load<f64>(at + (lane << 3));
        if (!(score > least)) continue;
        const row = base + <u32>((at - sums) >> 3) + <u32>lane;
        let entry = first;
        while (entry > order) {
          entry -= ORDER;
          if (hopeless(score + load<f64>(entry, SUM), threshold)) {
            score = 0;
            break;
          }
          const term = load<u32>(entry);
          if (seek(term, row) == row)
            score += load<f64>(term, WEIGHT) * <f64>load<f32>(load<u32>(term) + delta);
        }
        const before = threshold;
        if (score > 0) threshold = offer(top, score, row, threshold, high, excluded);
        if (threshold != before) {
          least = threshold * 0.999999999 - rest;
          if (!(least > 0)) least = 0;
          cut = f64x2.splat(least);
        }
      }
    }
    memory.fill(sums, 0, (<usize>WINDOW) << 3);
    // Terms that are not essential now will not be later, unless bounds change from window to window.
    base = byBlock ? end : next == END ? rows : next & ~(WINDOW - 1);
  }
}

/** Entries from `order` to `moved` have new rows, those after them are in the order of theirs: puts the former in their places. */
@inline function settle(order: usize, moved: usize, orderEnd: usize): void {
  for (let at = moved; at > order; ) {
    at -= ORDER;
    const term = load<u32>(at),
      row = load<u32>(term, ROW);
    let to = at;
    while (to + ORDER < orderEnd && load<u32>(to + ORDER, 4) < row) {
      store<u64>(to, load<u64>(to + ORDER));
      to += ORDER;
    }
    store<u32>(to, term);
    store<u32>(to, row, 4);
  }
}

/**
 * WAND: of the terms in the order of their current rows, the first ones cannot reach the threshold together; the row of the term that
 * tips the balance (the pivot) is the next that can. With `byBlock` the blocks at the pivot must reach it, too (Block-Max WAND).
 */
export function wand(
  order: usize,
  count: u32,
  delta: u32,
  blockDelta: u32,
  byBlock: bool,
  top: usize,
  low: f64,
  high: f64,
  excluded: usize,
): void {
  const orderEnd = order + <usize>count * ORDER;
  let threshold = low;
  let moved = orderEnd;
  while (true) {
    settle(order, moved, orderEnd);
    let pivot = order,
      sum: f64 = 0,
      row = END;
    for (; pivot < orderEnd; pivot += ORDER) {
      row = load<u32>(pivot, 4);
      if (row == END) return;
      sum += load<f64>(load<u32>(pivot), MAX);
      if (!hopeless(sum, threshold)) break;
    }
    if (pivot == orderEnd) return;
    let after = pivot + ORDER;
    while (after < orderEnd && load<u32>(after, 4) == row) after += ORDER;
    moved = after;
    if (byBlock) {
      let bound: f64 = 0,
        target = after < orderEnd ? load<u32>(after, 4) : END;
      for (let at = order; at < after; at += ORDER) {
        const term = load<u32>(at),
          last = load<u32>(term, BLOCKS_END);
        let block = load<u32>(term, BLOCKS);
        while (block < last && load<u32>(block) < row) block += 4;
        store<u32>(term, block, BLOCKS);
        if (block == last) continue;
        bound += load<f64>(term, WEIGHT) * <f64>load<f32>(block + blockDelta);
        const past = load<u32>(block) + 1;
        if (past < target) target = past;
      }
      if (hopeless(bound, threshold)) {
        for (let at = order; at < after; at += ORDER) seek(load<u32>(at), target);
        continue;
      }
    }
    if (load<u32>(order, 4) != row) {
      moved = pivot;
      for (let at = order; at < pivot; at += ORDER) seek(load<u32>(at), row);
      continue;
    }
    let score: f64 = 0;
    for (let at = order; at < after; at += ORDER) {
      const term = load<u32>(at),
        cursor = load<u32>(term);
      score += load<f64>(term, WEIGHT) * <f64>load<f32>(cursor + delta);
      store<u32>(term, cursor + 4);
      store<u32>(term, rowAt(cursor + 4, load<u32>(term, 4)), ROW);
    }
    threshold = offer(top, score, row, threshold, high, excluded);
  }
}
