// Exact-scan kernels over one (shared) linear memory. AssemblyScript, no heap, no globals, no data segments: every address comes
// from the caller, so many threads can run this over the same memory at once, each with its own scratch.
//
// Every distance becomes an order-preserving u32 key, smaller = better: key(d) for distances, key(-s) for IP and COSINE. Keys of NaN lie
// outside [key(-Infinity), key(Infinity)], so the key bounds that implement range search also keep NaN out. Top-k states: lib/top-k.ts.
import { bitsOf, dot1x4, dot4x1, four, ints1x4, ints4x1, square1x4, square4x1 } from '../lib/distances';
import { BFLOAT16, BINARY, FLOAT16, FLOAT32, INT8, loadExact, rowBytes } from '../lib/elements';
import { keys, negate } from '../lib/keys';
import { limitOf, offerQueries, offerRows, siftDown } from '../lib/top-k';

const L2: u32 = 0,
  COSINE: u32 = 2;

/** Raw scores of one query with the rows at a, b, c, d, before norms and sign. */
@inline function raw1x4(
  element: u32,
  metric: u32,
  dim: u32,
  q: usize,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
): v128 {
  if (element == FLOAT32)
    return metric == L2 ? square1x4<f32>(dim, q, a, b, c, d) : dot1x4<f32>(dim, q, a, b, c, d);
  if (element == FLOAT16)
    return metric == L2 ? square1x4<u16>(dim, q, a, b, c, d) : dot1x4<u16>(dim, q, a, b, c, d);
  if (element == BFLOAT16)
    return metric == L2 ? square1x4<i16>(dim, q, a, b, c, d) : dot1x4<i16>(dim, q, a, b, c, d);
  if (element == INT8) return ints1x4(metric == L2, dim, q, a, b, c, d);
  return four(
    bitsOf(metric, dim, q, a),
    bitsOf(metric, dim, q, b),
    bitsOf(metric, dim, q, c),
    bitsOf(metric, dim, q, d),
  );
}

/** Raw scores of four queries with the row at a. */
@inline function raw4x1(
  element: u32,
  metric: u32,
  dim: u32,
  queries: u32,
  q: usize,
  r: usize,
  s: usize,
  t: usize,
  a: usize,
): v128 {
  if (element == FLOAT32)
    return metric == L2
      ? square4x1<f32>(dim, queries, q, r, s, t, a)
      : dot4x1<f32>(dim, queries, q, r, s, t, a);
  if (element == FLOAT16)
    return metric == L2
      ? square4x1<u16>(dim, queries, q, r, s, t, a)
      : dot4x1<u16>(dim, queries, q, r, s, t, a);
  if (element == BFLOAT16)
    return metric == L2
      ? square4x1<i16>(dim, queries, q, r, s, t, a)
      : dot4x1<i16>(dim, queries, q, r, s, t, a);
  if (element == INT8) return ints4x1(metric == L2, dim, q, r, s, t, a);
  return four(
    bitsOf(metric, dim, q, a),
    bitsOf(metric, dim, r, a),
    bitsOf(metric, dim, s, a),
    bitsOf(metric, dim, t, a),
  );
}

@inline function isSimilarity(metric: u32): bool {
  return metric == 1 || metric == COSINE;
}

@inline function gather4(a: usize, b: usize, c: usize, d: usize): v128 {
  let v = v128.load32_zero(a);
  v = v128.load_lane<f32>(b, v, 1);
  v = v128.load_lane<f32>(c, v, 2);
  return v128.load_lane<f32>(d, v, 3);
}

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

@inline function inBlocks(
  base: usize,
  row: u32,
  blockRows: u32,
  blockBytes: usize,
  stride: usize,
): usize {
  if (row < blockRows) return base + <usize>row * stride;
  const block = row / blockRows;
  return base + <usize>block * blockBytes + <usize>(row - block * blockRows) * stride;
}

const LINE: usize = 64,
  TOUCH_BYTES_MAX: usize = 1024;
/** Loads a byte of each of a row's first cache lines, so that they are under way when the row's turn comes. */
@inline function touch(p: usize, bytes: usize): u32 {
  let seen: u32 = 0;
  for (const end = p + min(bytes, TOUCH_BYTES_MAX); p < end; p += LINE) seen |= <u32>load<u8>(p);
  return seen;
}

/**
 * One query against the rows whose numbers are the `count` u32 at `ids`, in any order, each once. Row r is at
 * vectors + floor(r / blockRows) * blockBytes + (r % blockRows) * row bytes, its inverse norm likewise from `norms` on.
 * `excluded` is 0 or a bitset over row numbers (bit r & 7 of byte r >> 3 set: skip) that covers all of them.
 * Returns something that depends on what was touched, so that no compiler leaves it out.
 */
export function scanIds(
  element: u32,
  metric: u32,
  dim: u32,
  vectors: usize,
  norms: usize,
  blockRows: u32,
  blockBytes: usize,
  ids: usize,
  count: u32,
  q: usize,
  top: usize,
  excluded: usize,
  low: u32,
  high: u32,
): u32 {
  const stride = rowBytes(element, dim),
    scale = f32x4.splat(load<f32>(top, 4));
  let limit = limitOf(top, high, 1),
    seen: u32 = 0;
  const end = ids + ((<usize>count) << 2);
  for (let p = ids; p < min(ids + 16, end); p += 4)
    seen |= touch(inBlocks(vectors, load<u32>(p), blockRows, blockBytes, stride), stride);
  for (; ids < end; ids += 16) {
    for (let p = ids + 16; p < min(ids + 32, end); p += 4)
      seen |= touch(inBlocks(vectors, load<u32>(p), blockRows, blockBytes, stride), stride);
    // Past the end the last row stands in; its lanes do not count.
    const last = end - 4;
    const r0 = load<u32>(ids),
      r1 = load<u32>(min(ids + 4, last)),
      r2 = load<u32>(min(ids + 8, last)),
      r3 = load<u32>(min(ids + 12, last));
    let lanes: u32 = ids + 16 <= end ? 15 : (1 << (<u32>((end - ids) >> 2))) - 1;
    if (excluded != 0) {
      lanes &= ~(
        bit(excluded, r0) |
        (bit(excluded, r1) << 1) |
        (bit(excluded, r2) << 2) |
        (bit(excluded, r3) << 3)
      );
      if (lanes == 0) continue;
    }
    let v = raw1x4(
      element,
      metric,
      dim,
      q,
      inBlocks(vectors, r0, blockRows, blockBytes, stride),
      inBlocks(vectors, r1, blockRows, blockBytes, stride),
      inBlocks(vectors, r2, blockRows, blockBytes, stride),
      inBlocks(vectors, r3, blockRows, blockBytes, stride),
    );
    if (isSimilarity(metric)) {
      if (metric == COSINE)
        v = f32x4.mul(
          f32x4.mul(
            v,
            gather4(
              inBlocks(norms, r0, blockRows, blockBytes, 4),
              inBlocks(norms, r1, blockRows, blockBytes, 4),
              inBlocks(norms, r2, blockRows, blockBytes, 4),
              inBlocks(norms, r3, blockRows, blockBytes, 4),
            ),
          ),
          scale,
        );
      v = negate(v);
    }
    const k = keys(v);
    if (v128.any_true(i32x4.lt_u(k, i32x4.splat(limit))))
      limit = offerRows(top, k, low, limit, high, 1, lanes, r0, r1, r2, r3);
  }
  return seen;
}

@inline function bit(bits: usize, row: u32): u32 {
  return (<u32>load<u8>(bits + (row >> 3)) >> (row & 7)) & 1;
}

/** Orders a top-k state's entries best first (in place; it takes no more candidates after this). Returns how many there are. */
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

/** Sum of squares in f64, so that tiny and huge values survive. */
function squares<E>(p: usize, dim: u32): f64 {
  const step = sizeof<E>(),
    end4 = p + <usize>(dim & ~3) * step,
    end = p + <usize>dim * step;
  let s0 = f64x2.splat(0),
    s1 = s0;
  while (p < end4) {
    let a: v128, b: v128;
    if (isFloat<E>()) {
      a = f64x2.promote_low_f32x4(v128.load64_zero(p));
      b = f64x2.promote_low_f32x4(v128.load64_zero(p, 8));
    } else {
      a = f64x2.replace_lane(f64x2.splat(<f64>loadExact<E>(p)), 1, <f64>loadExact<E>(p + step));
      b = f64x2.replace_lane(
        f64x2.splat(<f64>loadExact<E>(p + 2 * step)),
        1,
        <f64>loadExact<E>(p + 3 * step),
      );
    }
    s0 = f64x2.add(s0, f64x2.mul(a, a));
    s1 = f64x2.add(s1, f64x2.mul(b, b));
    p += 4 * step;
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  while (p < end) {
    const x = <f64>loadExact<E>(p);
    sum += x * x;
    p += step;
  }
  return sum;
}

function squaresOfInts(p: usize, dim: u32): f64 {
  let sum = i32x4.splat(0),
    rest: i32 = 0;
  const end8 = p + (dim & ~7),
    end = p + dim;
  while (p < end8) {
    const x = v128.load_ext<i8>(p);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(x, x));
    p += 8;
  }
  while (p < end) {
    const x = <i32>load<i8>(p);
    rest += x * x;
    p++;
  }
  return <f64>(
    (i32x4.extract_lane(sum, 0) +
      i32x4.extract_lane(sum, 1) +
      i32x4.extract_lane(sum, 2) +
      i32x4.extract_lane(sum, 3) +
      rest)
  );
}

/** Inverse Euclidean norms of `rows` vectors, 0 where there is none (zero, or not finite). Not for binary vectors. */
export function norms(element: u32, vectors: usize, dim: u32, rows: u32, out: usize): void {
  const stride = rowBytes(element, dim);
  for (let row: u32 = 0; row < rows; row++) {
    const p = vectors + <usize>row * stride;
    let sum: f64;
    if (element == FLOAT32) sum = squares<f32>(p, dim);
    else if (element == FLOAT16) sum = squares<u16>(p, dim);
    else if (element == BFLOAT16) sum = squares<i16>(p, dim);
    else sum = squaresOfInts(p, dim);
    const inverse = <f32>(1 / sqrt<f64>(sum));
    store<f32>(out + ((<usize>row) << 2), inverse < Infinity ? inverse : 0);
  }
}

/**
 * A query as the scans read it: float32 for the float types, int16 for int8, bytes for binary. `out` has 4 bytes per element (2 for
 * int8, the row's bytes for binary). `query` may lie in the last bytes of `out`: nothing is overwritten before it was read.
 */
export function widen(element: u32, dim: u32, query: usize, out: usize): void {
  if (element == FLOAT32) memory.copy(out, query, (<usize>dim) << 2);
  else if (element == BINARY) memory.copy(out, query, rowBytes(BINARY, dim));
  else if (element == INT8)
    for (let i: usize = 0; i < dim; i++) store<i16>(out + (i << 1), <i16>load<i8>(query + i));
  else if (element == FLOAT16)
    for (let i: usize = 0; i < dim; i++) store<f32>(out + (i << 2), loadExact<u16>(query + (i << 1)));
  else for (let i: usize = 0; i < dim; i++) store<f32>(out + (i << 2), loadExact<i16>(query + (i << 1)));
}

/** Only loads (xors) `bytes` from `from`, both multiples of 128: the memory-read yardstick of bench/scan.mjs. */
export function read(from: usize, bytes: usize): u32 {
  let a = i32x4.splat(0),
    b = a,
    c = a,
    d = a;
  const end = from + bytes;
  for (let p = from; p < end; p += 128) {
    a = v128.xor(a, v128.xor(v128.load(p), v128.load(p, 64)));
    b = v128.xor(b, v128.xor(v128.load(p, 16), v128.load(p, 80)));
    c = v128.xor(c, v128.xor(v128.load(p, 32), v128.load(p, 96)));
    d = v128.xor(d, v128.xor(v128.load(p, 48), v128.load(p, 112)));
  }
  return i32x4.bitmask(v128.xor(v128.xor(a, b), v128.xor(c, d)));
}
