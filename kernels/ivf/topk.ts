// The candidate list of one query: the best k of all that were offered, in any order of rows.
//
// A score becomes an order-preserving u32 key, smaller = better, and a candidate the u64 (key << 32 | row), so one unsigned
// comparison orders by score and then by the smaller row. State in memory, 8-byte aligned:
//   +0 u32 size   +4 unused   +8 u32 k   +16 u64 entries[k], a max-heap until `finish`

@inline export function keyOf(value: f32): u32 {
  const bits = reinterpret<u32>(value + 0);
  return bits ^ (<u32>(<i32>bits >> 31) | 0x80000000);
}

@inline function floatOf(key: u32): f32 {
  return reinterpret<f32>(key & 0x80000000 ? key & 0x7fffffff : ~key);
}

function siftDown(entries: usize, size: u32, start: u32): void {
  const value = load<u64>(entries + ((<usize>start) << 3));
  let at = start;
  while (true) {
    let child = (at << 1) + 1;
    if (child >= size) break;
    if (
      child + 1 < size &&
      load<u64>(entries + ((<usize>(child + 1)) << 3)) > load<u64>(entries + ((<usize>child) << 3))
    )
      child++;
    const c = load<u64>(entries + ((<usize>child) << 3));
    if (c <= value) break;
    store<u64>(entries + ((<usize>at) << 3), c);
    at = child;
  }
  store<u64>(entries + ((<usize>at) << 3), value);
}

export function push(top: usize, key: u32, row: u32): void {
  const k = load<u32>(top, 8),
    entries = top + 16;
  let size = load<u32>(top);
  const entry = ((<u64>key) << 32) | row;
  if (size < k) {
    let at = size++;
    store<u32>(top, size);
    while (at > 0) {
      const parent = (at - 1) >> 1,
        p = load<u64>(entries + ((<usize>parent) << 3));
      if (p >= entry) break;
      store<u64>(entries + ((<usize>at) << 3), p);
      at = parent;
    }
    store<u64>(entries + ((<usize>at) << 3), entry);
  } else if (k != 0 && entry < load<u64>(entries)) {
    store<u64>(entries, entry);
    siftDown(entries, size, 0);
  }
}

/** The score that a candidate may not exceed; NaN (which nothing is at most) when no candidate is wanted. */
export function limitOf(top: usize): f32 {
  const k = load<u32>(top, 8);
  if (k == 0) return NaN;
  if (load<u32>(top) < k) return Infinity;
  return floatOf(load<u32>(top + 16, 4));
}

/**
 * Offers those of four scores (smaller = better) that are in `lanes` and at most `limit`; their row numbers are at `rows`.
 * A row whose bit is set in `excluded` (0: none) is left out. Returns the new limit. NaN is never at most anything.
 */
export function offer4(top: usize, scores: v128, limit: f32, rows: usize, lanes: u32, excluded: usize): f32 {
  let mask: u32 = i32x4.bitmask(f32x4.le(scores, f32x4.splat(limit))) & lanes;
  while (mask) {
    const lane = ctz(mask);
    mask &= mask - 1;
    const row = load<u32>(rows + ((<usize>lane) << 2));
    if (excluded != 0 && (load<u8>(excluded + (row >> 3)) >> <u8>(row & 7)) & 1) continue;
    let score: f32;
    if (lane == 0) score = f32x4.extract_lane(scores, 0);
    else if (lane == 1) score = f32x4.extract_lane(scores, 1);
    else if (lane == 2) score = f32x4.extract_lane(scores, 2);
    else score = f32x4.extract_lane(scores, 3);
    if (score <= limit) {
      push(top, keyOf(score), row);
      limit = limitOf(top);
    }
  }
  return limit;
}

/** Orders the entries best first, in place; no more may be offered. Returns how many there are. */
export function finish(top: usize): u32 {
  const size = load<u32>(top),
    entries = top + 16;
  for (let end = size; end > 1; ) {
    end--;
    const last = entries + ((<usize>end) << 3),
      value = load<u64>(last);
    store<u64>(last, load<u64>(entries));
    store<u64>(entries, value);
    siftDown(entries, end, 0);
  }
  return size;
}
