// Cursors over posting lists, and where things are in a term; see index.ts for the layout.

export const END: u32 = 0xffffffff;
export const TERM: usize = 48,
  ORDER: usize = 16;
export const ROW: usize = 8,
  BLOCKS: usize = 12,
  WEIGHT: usize = 16,
  MAX: usize = 24,
  LOCAL: usize = 32,
  BLOCKS_END: usize = 40,
  SUM: usize = 8,
  SUM_OF_MAXIMA: usize = 32;

/** Whether no row with at most this score gets in. A little slack: sums in another order differ in their last bits. */
@inline export function hopeless(bound: f64, threshold: f64): bool {
  return <f64>(<f32>(bound * 1.000000001)) <= threshold;
}

@inline export function rowAt(cursor: u32, end: u32): u32 {
  return cursor < end ? load<u32>(cursor) : END;
}

/** Moves a term to its first row at or after the target, in growing steps and then by halves. Returns that row. */
export function seek(term: usize, target: u32): u32 {
  let low = load<u32>(term);
  const end = load<u32>(term, 4),
    row = load<u32>(term, ROW);
  if (row >= target) return row;
  let step: u32 = 4;
  while (step < end - low && load<u32>(low + step) < target) {
    low += step;
    step <<= 1;
  }
  let high = step < end - low ? low + step : end;
  low += 4;
  while (low < high) {
    const middle = low + (((high - low) >> 3) << 2);
    if (load<u32>(middle) < target) low = middle + 4;
    else high = middle;
  }
  const found = rowAt(low, end);
  store<u32>(term, low);
  store<u32>(term, found, ROW);
  return found;
}

/** Adds the term's products of rows [base, end) to the window's sums. */
@inline export function accumulate(term: usize, sums: usize, base: u32, end: u32, delta: u32): void {
  let cursor = load<u32>(term);
  const last = load<u32>(term, 4),
    weight = load<f64>(term, WEIGHT);
  let row = load<u32>(term, ROW);
  while (row < end) {
    const at = sums + ((<usize>(row - base)) << 3);
    store<f64>(at, load<f64>(at) + weight * <f64>load<f32>(cursor + delta));
    cursor += 4;
    row = rowAt(cursor, last);
  }
  store<u32>(term, cursor);
  store<u32>(term, row, ROW);
}
