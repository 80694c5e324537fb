// A top-k state in memory (8-byte aligned):
//   +0 u32 size   +4 f32 inverse norm of the query (COSINE)   +8 u32 k   +12 unused   +16 u64 entries[k], a max-heap (worst first)
// A candidate is the u64 (key << 32 | row), so one unsigned comparison orders by score and then by the smaller row.

export function siftDown(entries: usize, size: u32, start: u32): void {
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

/** Offers a candidate; returns the exclusive key bound that the next one must beat (see limitOf). */
export function push(top: usize, key: u32, row: u32, high: u32, tie: u32): u32 {
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
  } else if (entry < load<u64>(entries)) {
    store<u64>(entries, entry);
    siftDown(entries, size, 0);
  }
  return limitOf(top, high, tie);
}

/**
 * The exclusive key bound. `tie` 0: rows are offered in ascending order, so an equal key of a later row never wins.
 * `tie` 1: in any order, so a candidate as good as the worst one is looked at too.
 */
@inline export function limitOf(top: usize, high: u32, tie: u32): u32 {
  const k = load<u32>(top, 8);
  if (k == 0) return 0;
  if (load<u32>(top) < k) return high;
  const worst = load<u32>(top + 16, 4) + tie;
  return worst < high ? worst : high;
}

/** Offers those of four keyed rows that are in `lanes` and beat the bound; returns the new bound. */
export function offerRows(
  top: usize,
  k: v128,
  low: u32,
  limit: u32,
  high: u32,
  tie: u32,
  lanes: u32,
  r0: u32,
  r1: u32,
  r2: u32,
  r3: u32,
): u32 {
  let mask: u32 =
    i32x4.bitmask(v128.and(i32x4.lt_u(k, i32x4.splat(limit)), i32x4.ge_u(k, i32x4.splat(low)))) & lanes;
  while (mask) {
    const lane = ctz(mask);
    mask &= mask - 1;
    let key: u32, row: u32;
    if (lane == 0) {
      key = i32x4.extract_lane(k, 0);
      row = r0;
    } else if (lane == 1) {
      key = i32x4.extract_lane(k, 1);
      row = r1;
    } else if (lane == 2) {
      key = i32x4.extract_lane(k, 2);
      row = r2;
    } else {
      key = i32x4.extract_lane(k, 3);
      row = r3;
    }
    if (key < limit) limit = push(top, key, row, high, tie);
  }
  return limit;
}

/** Offers one row's four keys, a lane per query; returns the new bounds. */
export function offerQueries(
  top: usize,
  topStride: usize,
  k: v128,
  low: u32,
  limits: v128,
  high: u32,
  row: u32,
): v128 {
  const mask = i32x4.bitmask(v128.and(i32x4.lt_u(k, limits), i32x4.ge_u(k, i32x4.splat(low))));
  if (mask & 1) limits = i32x4.replace_lane(limits, 0, push(top, i32x4.extract_lane(k, 0), row, high, 0));
  if (mask & 2)
    limits = i32x4.replace_lane(limits, 1, push(top + topStride, i32x4.extract_lane(k, 1), row, high, 0));
  if (mask & 4)
    limits = i32x4.replace_lane(limits, 2, push(top + 2 * topStride, i32x4.extract_lane(k, 2), row, high, 0));
  if (mask & 8)
    limits = i32x4.replace_lane(limits, 3, push(top + 3 * topStride, i32x4.extract_lane(k, 3), row, high, 0));
  return limits;
}
