// Scans of rows that lie side by side, for one query or for up to four in one pass.
import { rowBytes } from '../lib/elements';
import { keys, negate } from '../lib/keys';
import { limitOf, offerQueries, offerRows } from '../lib/top-k';
import { COSINE, gather4, isSimilarity, raw1x4, raw4x1 } from './scores';

/** Scores four rows (numbers within this call's vectors) against one query and offers those in `lanes`. */
function one(
  element: u32,
  metric: u32,
  dim: u32,
  vectors: usize,
  norms: usize,
  firstRow: u32,
  q: usize,
  top: usize,
  scale: v128,
  low: u32,
  limit: u32,
  high: u32,
  lanes: u32,
  r0: u32,
  r1: u32,
  r2: u32,
  r3: u32,
): u32 {
  const stride = rowBytes(element, dim);
  let v = raw1x4(
    element,
    metric,
    dim,
    q,
    vectors + <usize>r0 * stride,
    vectors + <usize>r1 * stride,
    vectors + <usize>r2 * stride,
    vectors + <usize>r3 * stride,
  );
  if (isSimilarity(metric)) {
    if (metric == COSINE)
      v = f32x4.mul(
        f32x4.mul(
          v,
          gather4(
            norms + ((<usize>r0) << 2),
            norms + ((<usize>r1) << 2),
            norms + ((<usize>r2) << 2),
            norms + ((<usize>r3) << 2),
          ),
        ),
        scale,
      );
    v = negate(v);
  }
  const k = keys(v);
  if (v128.any_true(i32x4.lt_u(k, i32x4.splat(limit))))
    return offerRows(
      top,
      k,
      low,
      limit,
      high,
      0,
      lanes,
      firstRow + r0,
      firstRow + r1,
      firstRow + r2,
      firstRow + r3,
    );
  return limit;
}

/**
 * One query against rows [0, count) at `vectors`, whose numbers start at `firstRow`, into the top-k state `top`.
 * Keys must lie in [low, high). `excluded` is 0 or an array of u64 words covering count rows, bit set = skip; bits past count must be set.
 */
export function scanOne(
  element: u32,
  metric: u32,
  dim: u32,
  vectors: usize,
  norms: usize,
  firstRow: u32,
  count: u32,
  q: usize,
  top: usize,
  excluded: usize,
  low: u32,
  high: u32,
): void {
  let limit = limitOf(top, high, 0);
  const scale = f32x4.splat(load<f32>(top, 4));
  const last = count - 1;
  if (excluded == 0) {
    const whole = count & ~3;
    let r: u32 = 0;
    for (; r < whole; r += 4)
      limit = one(
        element,
        metric,
        dim,
        vectors,
        norms,
        firstRow,
        q,
        top,
        scale,
        low,
        limit,
        high,
        15,
        r,
        r + 1,
        r + 2,
        r + 3,
      );
    if (r < count)
      one(
        element,
        metric,
        dim,
        vectors,
        norms,
        firstRow,
        q,
        top,
        scale,
        low,
        limit,
        high,
        (1 << (count - r)) - 1,
        r,
        min(r + 1, last),
        min(r + 2, last),
        last,
      );
    return;
  }
  // Jumping to a row costs about as much as reading 4,000 bytes in order (measured), so where enough of 64 rows
  // are wanted, all are read, without gaps.
  const bytes = <u64>rowBytes(element, dim),
    dense = max<u64>(8, (bytes << 6) / (4000 + bytes));
  let n: u32 = 0,
    r0: u32 = 0,
    r1: u32 = 0,
    r2: u32 = 0;
  for (let base: u32 = 0; base < count; base += 64, excluded += 8) {
    let open = ~load<u64>(excluded);
    if (open == 0) continue;
    if (<u64>popcnt(open) >= dense) {
      for (let r = base; open != 0; r += 4, open >>= 4) {
        if ((open & 15) == 0) continue;
        limit = one(
          element,
          metric,
          dim,
          vectors,
          norms,
          firstRow,
          q,
          top,
          scale,
          low,
          limit,
          high,
          <u32>open & 15,
          r,
          min(r + 1, last),
          min(r + 2, last),
          min(r + 3, last),
        );
      }
      continue;
    }
    while (open != 0) {
      const row = base + <u32>ctz(open);
      open &= open - 1;
      if (n == 0) {
        r0 = row;
        n = 1;
      } else if (n == 1) {
        r1 = row;
        n = 2;
      } else if (n == 2) {
        r2 = row;
        n = 3;
      } else {
        limit = one(
          element,
          metric,
          dim,
          vectors,
          norms,
          firstRow,
          q,
          top,
          scale,
          low,
          limit,
          high,
          15,
          r0,
          r1,
          r2,
          row,
        );
        n = 0;
      }
    }
    // Left-over rows go now: rows must be offered in order, and the next word may be a dense one.
    if (n != 0) {
      limit = one(
        element,
        metric,
        dim,
        vectors,
        norms,
        firstRow,
        q,
        top,
        scale,
        low,
        limit,
        high,
        (1 << n) - 1,
        r0,
        n > 1 ? r1 : r0,
        n > 2 ? r2 : r0,
        r0,
      );
      n = 0;
    }
  }
}

/**
 * scanOne for two to four queries in one pass: query i at q + i * qStride, its top-k state at top + i * topStride.
 */
export function scanMany(
  element: u32,
  metric: u32,
  dim: u32,
  vectors: usize,
  norms: usize,
  firstRow: u32,
  count: u32,
  queryCount: u32,
  q: usize,
  qStride: usize,
  top: usize,
  topStride: usize,
  excluded: usize,
  low: u32,
  high: u32,
): void {
  const stride = rowBytes(element, dim);
  // Absent queries repeat another one and have the bound 0, which nothing beats.
  const q1 = q + qStride,
    q2 = queryCount > 2 ? q1 + qStride : q,
    q3 = queryCount > 3 ? q2 + qStride : q1;
  let limits = i32x4.splat(limitOf(top, high, 0));
  limits = i32x4.replace_lane(limits, 1, limitOf(top + topStride, high, 0));
  limits = i32x4.replace_lane(limits, 2, queryCount > 2 ? limitOf(top + 2 * topStride, high, 0) : 0);
  limits = i32x4.replace_lane(limits, 3, queryCount > 3 ? limitOf(top + 3 * topStride, high, 0) : 0);
  let scales = f32x4.splat(load<f32>(top, 4));
  scales = f32x4.replace_lane(scales, 1, load<f32>(top + topStride, 4));
  if (queryCount > 2) scales = f32x4.replace_lane(scales, 2, load<f32>(top + 2 * topStride, 4));
  if (queryCount > 3) scales = f32x4.replace_lane(scales, 3, load<f32>(top + 3 * topStride, 4));
  let base: u32 = 0,
    open: u64 = 0,
    next: u32 = 0;
  while (true) {
    // The next row that is not excluded.
    let row: u32;
    if (excluded == 0) {
      row = next++;
      if (row >= count) break;
    } else {
      while (open == 0 && base < count) {
        open = ~load<u64>(excluded);
        excluded += 8;
        base += 64;
      }
      if (open == 0) break;
      row = base - 64 + <u32>ctz(open);
      open &= open - 1;
    }
    let v = raw4x1(element, metric, dim, queryCount, q, q1, q2, q3, vectors + <usize>row * stride);
    if (isSimilarity(metric)) {
      if (metric == COSINE)
        v = f32x4.mul(f32x4.mul(v, v128.load32_splat(norms + ((<usize>row) << 2))), scales);
      v = negate(v);
    }
    const k = keys(v);
    if (v128.any_true(i32x4.lt_u(k, limits)))
      limits = offerQueries(top, topStride, k, low, limits, high, firstRow + row);
  }
}
