// Exact-scan kernels over one (shared) linear memory. AssemblyScript, no heap, no globals, no data segments: every address comes
// from the caller, so many threads can run this over the same memory at once, each with its own scratch.
//
// Every distance becomes an order-preserving u32 key, smaller = better: key(d) for L2, key(-s) for IP and COSINE. A candidate is
// the u64 (key << 32 | row), so one unsigned comparison orders by score and then by the smaller row. Keys of NaN lie outside
// [key(-Infinity), key(Infinity)], so the key bounds that implement range search also keep NaN out.
//
// A top-k state in memory (8-byte aligned):
//   +0 u32 size   +4 f32 inverse norm of the query (COSINE)   +8 u32 k   +12 unused   +16 u64 entries[k], a max-heap (worst first)

const L2: u32 = 0, COSINE: u32 = 2;

@inline function keys(v: v128): v128 { return v128.xor(v, v128.or(i32x4.shr_s(v, 31), i32x4.splat(0x80000000))); }
// -x + 0: smaller becomes better, and -0 becomes +0, so that both zeros tie.
@inline function negate(v: v128): v128 { return f32x4.sub(f32x4.splat(0), v); }
/** Horizontal sums of four vectors, in four lanes. */
@inline function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const t0 = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const t1 = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(t0, t1, 0, 1, 4, 5), v128.shuffle<f32>(t0, t1, 2, 3, 6, 7));
}
@inline function mulAdd(a: v128, b: v128, c: v128): v128 { return f32x4.add(f32x4.mul(a, b), c); }
@inline function squareAdd(a: v128, b: v128, c: v128): v128 { const t = f32x4.sub(a, b); return f32x4.add(f32x4.mul(t, t), c); }

// One row is read to its end before the next: four rows side by side need fewer query loads, but half of the memory rate is lost,
// because hardware prefetchers follow one stream best. Kept as functions: inlined four times, the loops run up to a third slower.
/** Four partial sums of the inner product of two vectors. */
function dotOf(dim: u32, q: usize, a: usize): v128 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const end16 = q + (<usize>(dim & ~15) << 2), end4 = q + (<usize>(dim & ~3) << 2), end = q + (<usize>dim << 2);
  while (q < end16) {
    s0 = mulAdd(v128.load(a), v128.load(q), s0); s1 = mulAdd(v128.load(a, 16), v128.load(q, 16), s1);
    s2 = mulAdd(v128.load(a, 32), v128.load(q, 32), s2); s3 = mulAdd(v128.load(a, 48), v128.load(q, 48), s3);
    q += 64; a += 64;
  }
  while (q < end4) { s0 = mulAdd(v128.load(a), v128.load(q), s0); q += 16; a += 16; }
  // Up to three floats, one at a time: a row is never read past its end.
  while (q < end) { s1 = mulAdd(v128.load32_zero(a), v128.load32_zero(q), s1); q += 4; a += 4; }
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}
/** Four partial sums of the squared Euclidean distance of two vectors. */
function squareOf(dim: u32, q: usize, a: usize): v128 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const end16 = q + (<usize>(dim & ~15) << 2), end4 = q + (<usize>(dim & ~3) << 2), end = q + (<usize>dim << 2);
  while (q < end16) {
    s0 = squareAdd(v128.load(a), v128.load(q), s0); s1 = squareAdd(v128.load(a, 16), v128.load(q, 16), s1);
    s2 = squareAdd(v128.load(a, 32), v128.load(q, 32), s2); s3 = squareAdd(v128.load(a, 48), v128.load(q, 48), s3);
    q += 64; a += 64;
  }
  while (q < end4) { s0 = squareAdd(v128.load(a), v128.load(q), s0); q += 16; a += 16; }
  while (q < end) { s1 = squareAdd(v128.load32_zero(a), v128.load32_zero(q), s1); q += 4; a += 4; }
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}
/** Inner products of one query with four rows. */
function dot1x4(dim: u32, q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  return sums(dotOf(dim, q, a), dotOf(dim, q, b), dotOf(dim, q, c), dotOf(dim, q, d));
}
/** Squared Euclidean distances of one query to four rows. */
function square1x4(dim: u32, q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  return sums(squareOf(dim, q, a), squareOf(dim, q, b), squareOf(dim, q, c), squareOf(dim, q, d));
}
/** Inner products of four queries with two rows: row a to `out`, row b to `out + 16`, a lane per query. */
function dot4x2(dim: u32, q: usize, r: usize, s: usize, t: usize, a: usize, b: usize, out: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const end4 = q + (<usize>(dim & ~3) << 2), end = q + (<usize>dim << 2);
  while (q < end4) {
    const x = v128.load(a), y = v128.load(b);
    let v = v128.load(q); a0 = mulAdd(x, v, a0); b0 = mulAdd(y, v, b0);
    v = v128.load(r); a1 = mulAdd(x, v, a1); b1 = mulAdd(y, v, b1);
    v = v128.load(s); a2 = mulAdd(x, v, a2); b2 = mulAdd(y, v, b2);
    v = v128.load(t); a3 = mulAdd(x, v, a3); b3 = mulAdd(y, v, b3);
    q += 16; r += 16; s += 16; t += 16; a += 16; b += 16;
  }
  while (q < end) {
    const x = v128.load32_zero(a), y = v128.load32_zero(b);
    let v = v128.load32_zero(q); a0 = mulAdd(x, v, a0); b0 = mulAdd(y, v, b0);
    v = v128.load32_zero(r); a1 = mulAdd(x, v, a1); b1 = mulAdd(y, v, b1);
    v = v128.load32_zero(s); a2 = mulAdd(x, v, a2); b2 = mulAdd(y, v, b2);
    v = v128.load32_zero(t); a3 = mulAdd(x, v, a3); b3 = mulAdd(y, v, b3);
    q += 4; r += 4; s += 4; t += 4; a += 4; b += 4;
  }
  v128.store(out, sums(a0, a1, a2, a3));
  v128.store(out, sums(b0, b1, b2, b3), 16);
}
/** Squared Euclidean distances of four queries to two rows, laid out as dot4x2 does. */
function square4x2(dim: u32, q: usize, r: usize, s: usize, t: usize, a: usize, b: usize, out: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const end4 = q + (<usize>(dim & ~3) << 2), end = q + (<usize>dim << 2);
  while (q < end4) {
    const x = v128.load(a), y = v128.load(b);
    let v = v128.load(q); a0 = squareAdd(x, v, a0); b0 = squareAdd(y, v, b0);
    v = v128.load(r); a1 = squareAdd(x, v, a1); b1 = squareAdd(y, v, b1);
    v = v128.load(s); a2 = squareAdd(x, v, a2); b2 = squareAdd(y, v, b2);
    v = v128.load(t); a3 = squareAdd(x, v, a3); b3 = squareAdd(y, v, b3);
    q += 16; r += 16; s += 16; t += 16; a += 16; b += 16;
  }
  while (q < end) {
    const x = v128.load32_zero(a), y = v128.load32_zero(b);
    let v = v128.load32_zero(q); a0 = squareAdd(x, v, a0); b0 = squareAdd(y, v, b0);
    v = v128.load32_zero(r); a1 = squareAdd(x, v, a1); b1 = squareAdd(y, v, b1);
    v = v128.load32_zero(s); a2 = squareAdd(x, v, a2); b2 = squareAdd(y, v, b2);
    v = v128.load32_zero(t); a3 = squareAdd(x, v, a3); b3 = squareAdd(y, v, b3);
    q += 4; r += 4; s += 4; t += 4; a += 4; b += 4;
  }
  v128.store(out, sums(a0, a1, a2, a3));
  v128.store(out, sums(b0, b1, b2, b3), 16);
}

function siftDown(entries: usize, size: u32, start: u32): void {
  const value = load<u64>(entries + (<usize>start << 3));
  let at = start;
  while (true) {
    let child = (at << 1) + 1;
    if (child >= size) break;
    if (child + 1 < size && load<u64>(entries + (<usize>(child + 1) << 3)) > load<u64>(entries + (<usize>child << 3))) child++;
    const c = load<u64>(entries + (<usize>child << 3));
    if (c <= value) break;
    store<u64>(entries + (<usize>at << 3), c);
    at = child;
  }
  store<u64>(entries + (<usize>at << 3), value);
}
/** Offers a candidate; returns the exclusive key bound that the next one must beat. */
function push(top: usize, key: u32, row: u32, high: u32): u32 {
  const k = load<u32>(top, 8), entries = top + 16;
  let size = load<u32>(top);
  const entry = (<u64>key << 32) | row;
  if (size < k) {
    let at = size++;
    store<u32>(top, size);
    while (at > 0) {
      const parent = (at - 1) >> 1, p = load<u64>(entries + (<usize>parent << 3));
      if (p >= entry) break;
      store<u64>(entries + (<usize>at << 3), p);
      at = parent;
    }
    store<u64>(entries + (<usize>at << 3), entry);
  } else if (entry < load<u64>(entries)) {
    store<u64>(entries, entry);
    siftDown(entries, size, 0);
  }
  return limitOf(top, high);
}
// Rows are offered in ascending order, so an equal key of a later row never wins: the bound is exclusive.
@inline function limitOf(top: usize, high: u32): u32 {
  const k = load<u32>(top, 8);
  if (k == 0) return 0;
  if (load<u32>(top) < k) return high;
  const worst = load<u32>(top + 16, 4);
  return worst < high ? worst : high;
}

/** Offers those of four keyed rows that are in `lanes` and beat the bound; returns the new bound. */
function offerRows(top: usize, k: v128, low: u32, limit: u32, high: u32, lanes: u32, r0: u32, r1: u32, r2: u32, r3: u32): u32 {
  let mask: u32 = i32x4.bitmask(v128.and(i32x4.lt_u(k, i32x4.splat(limit)), i32x4.ge_u(k, i32x4.splat(low)))) & lanes;
  while (mask) {
    const lane = ctz(mask);
    mask &= mask - 1;
    let key: u32, row: u32;
    if (lane == 0) { key = i32x4.extract_lane(k, 0); row = r0; }
    else if (lane == 1) { key = i32x4.extract_lane(k, 1); row = r1; }
    else if (lane == 2) { key = i32x4.extract_lane(k, 2); row = r2; }
    else { key = i32x4.extract_lane(k, 3); row = r3; }
    if (key < limit) limit = push(top, key, row, high);
  }
  return limit;
}
@inline function scale4(norms: usize, r0: u32, r1: u32, r2: u32, r3: u32): v128 {
  let v = v128.load32_zero(norms + (<usize>r0 << 2));
  v = v128.load_lane<f32>(norms + (<usize>r1 << 2), v, 1);
  v = v128.load_lane<f32>(norms + (<usize>r2 << 2), v, 2);
  return v128.load_lane<f32>(norms + (<usize>r3 << 2), v, 3);
}
/** Scores four rows (numbers within this call's vectors) against one query and offers those in `lanes`. */
function one(metric: u32, dim: u32, vectors: usize, norms: usize, firstRow: u32, q: usize, top: usize, scale: v128, low: u32, limit: u32, high: u32, lanes: u32, r0: u32, r1: u32, r2: u32, r3: u32): u32 {
  const stride = <usize>dim << 2;
  const a = vectors + <usize>r0 * stride, b = vectors + <usize>r1 * stride, c = vectors + <usize>r2 * stride, d = vectors + <usize>r3 * stride;
  let v: v128;
  if (metric == L2) v = square1x4(dim, q, a, b, c, d);
  else {
    v = dot1x4(dim, q, a, b, c, d);
    if (metric == COSINE) v = f32x4.mul(f32x4.mul(v, scale4(norms, r0, r1, r2, r3)), scale);
    v = negate(v);
  }
  const k = keys(v);
  if (v128.any_true(i32x4.lt_u(k, i32x4.splat(limit)))) return offerRows(top, k, low, limit, high, lanes, firstRow + r0, firstRow + r1, firstRow + r2, firstRow + r3);
  return limit;
}
/**
 * One query against rows [0, count) at `vectors`, whose numbers start at `firstRow`, into the top-k state `top`.
 * Keys must lie in [low, high). `excluded` is 0 or an array of u64 words covering count rows, bit set = skip; bits past count must be set.
 */
export function scanOne(metric: u32, dim: u32, vectors: usize, norms: usize, firstRow: u32, count: u32, q: usize, top: usize, excluded: usize, low: u32, high: u32): void {
  let limit = limitOf(top, high);
  const scale = f32x4.splat(load<f32>(top, 4));
  const last = count - 1;
  if (excluded == 0) {
    const whole = count & ~3;
    let r: u32 = 0;
    for (; r < whole; r += 4) limit = one(metric, dim, vectors, norms, firstRow, q, top, scale, low, limit, high, 15, r, r + 1, r + 2, r + 3);
    if (r < count) one(metric, dim, vectors, norms, firstRow, q, top, scale, low, limit, high, (1 << (count - r)) - 1, r, min(r + 1, last), min(r + 2, last), last);
    return;
  }
  // Jumping to a row costs about as much as reading 4,000 bytes in order (measured), so where enough of 64 rows
  // are wanted, all are read, without gaps.
  const dense = max<u64>(8, (<u64>dim << 8) / (4000 + (<u64>dim << 2)));
  let n: u32 = 0, r0: u32 = 0, r1: u32 = 0, r2: u32 = 0;
  for (let base: u32 = 0; base < count; base += 64, excluded += 8) {
    let open = ~load<u64>(excluded);
    if (open == 0) continue;
    if (<u64>popcnt(open) >= dense) {
      for (let r = base; open != 0; r += 4, open >>= 4) {
        limit = one(metric, dim, vectors, norms, firstRow, q, top, scale, low, limit, high, <u32>open & 15, r, min(r + 1, last), min(r + 2, last), min(r + 3, last));
      }
      continue;
    }
    while (open != 0) {
      const row = base + <u32>ctz(open);
      open &= open - 1;
      if (n == 0) { r0 = row; n = 1; }
      else if (n == 1) { r1 = row; n = 2; }
      else if (n == 2) { r2 = row; n = 3; }
      else { limit = one(metric, dim, vectors, norms, firstRow, q, top, scale, low, limit, high, 15, r0, r1, r2, row); n = 0; }
    }
    // Left-over rows go now: rows must be offered in order, and the next word may be a dense one.
    if (n != 0) {
      limit = one(metric, dim, vectors, norms, firstRow, q, top, scale, low, limit, high, (1 << n) - 1, r0, n > 1 ? r1 : r0, n > 2 ? r2 : r0, r0);
      n = 0;
    }
  }
}

/** Offers one row's four keys, a lane per query; returns the new bounds. */
function offerQueries(top: usize, topStride: usize, k: v128, low: u32, limits: v128, high: u32, row: u32): v128 {
  const mask = i32x4.bitmask(v128.and(i32x4.lt_u(k, limits), i32x4.ge_u(k, i32x4.splat(low))));
  if (mask & 1) limits = i32x4.replace_lane(limits, 0, push(top, i32x4.extract_lane(k, 0), row, high));
  if (mask & 2) limits = i32x4.replace_lane(limits, 1, push(top + topStride, i32x4.extract_lane(k, 1), row, high));
  if (mask & 4) limits = i32x4.replace_lane(limits, 2, push(top + 2 * topStride, i32x4.extract_lane(k, 2), row, high));
  if (mask & 8) limits = i32x4.replace_lane(limits, 3, push(top + 3 * topStride, i32x4.extract_lane(k, 3), row, high));
  return limits;
}
@inline function toKeys(metric: u32, v: v128, norms: usize, row: u32, scales: v128): v128 {
  if (metric == L2) return keys(v);
  if (metric == COSINE) v = f32x4.mul(f32x4.mul(v, v128.load32_splat(norms + (<usize>row << 2))), scales);
  return keys(negate(v));
}
/**
 * scanOne for two to four queries in one pass: query i at q + i * qStride, its top-k state at top + i * topStride.
 * `temp` is 32 bytes of scratch.
 */
export function scanMany(metric: u32, dim: u32, vectors: usize, norms: usize, firstRow: u32, count: u32, queryCount: u32, q: usize, qStride: usize, top: usize, topStride: usize, excluded: usize, low: u32, high: u32, temp: usize): void {
  const stride = <usize>dim << 2;
  // Absent queries repeat the last one and have the bound 0, which nothing beats.
  const q1 = q + qStride, q2 = queryCount > 2 ? q1 + qStride : q1, q3 = queryCount > 3 ? q2 + qStride : q2;
  let limits = i32x4.splat(limitOf(top, high));
  limits = i32x4.replace_lane(limits, 1, limitOf(top + topStride, high));
  limits = i32x4.replace_lane(limits, 2, queryCount > 2 ? limitOf(top + 2 * topStride, high) : 0);
  limits = i32x4.replace_lane(limits, 3, queryCount > 3 ? limitOf(top + 3 * topStride, high) : 0);
  let scales = f32x4.splat(load<f32>(top, 4));
  scales = f32x4.replace_lane(scales, 1, load<f32>(top + topStride, 4));
  if (queryCount > 2) scales = f32x4.replace_lane(scales, 2, load<f32>(top + 2 * topStride, 4));
  if (queryCount > 3) scales = f32x4.replace_lane(scales, 3, load<f32>(top + 3 * topStride, 4));
  let held: bool = false, r0: u32 = 0, base: u32 = 0;
  let open: u64 = 0, next: u32 = 0;
  while (true) {
    // The next row that is not excluded.
    let row: u32;
    if (excluded == 0) { row = next++; if (row >= count) break; }
    else {
      while (open == 0 && base < count) { open = ~load<u64>(excluded); excluded += 8; base += 64; }
      if (open == 0) break;
      row = base - 64 + <u32>ctz(open);
      open &= open - 1;
    }
    if (!held) { r0 = row; held = true; continue; }
    held = false;
    const a = vectors + <usize>r0 * stride, b = vectors + <usize>row * stride;
    if (metric == L2) square4x2(dim, q, q1, q2, q3, a, b, temp); else dot4x2(dim, q, q1, q2, q3, a, b, temp);
    const x = toKeys(metric, v128.load(temp), norms, r0, scales), y = toKeys(metric, v128.load(temp, 16), norms, row, scales);
    if (v128.any_true(i32x4.lt_u(x, limits))) limits = offerQueries(top, topStride, x, low, limits, high, firstRow + r0);
    if (v128.any_true(i32x4.lt_u(y, limits))) limits = offerQueries(top, topStride, y, low, limits, high, firstRow + row);
  }
  if (held) {
    const a = vectors + <usize>r0 * stride;
    if (metric == L2) square4x2(dim, q, q1, q2, q3, a, a, temp); else dot4x2(dim, q, q1, q2, q3, a, a, temp);
    offerQueries(top, topStride, toKeys(metric, v128.load(temp), norms, r0, scales), low, limits, high, firstRow + r0);
  }
}
/** Orders a top-k state's entries best first (in place; it takes no more candidates after this). Returns how many there are. */
export function finish(top: usize): u32 {
  const size = load<u32>(top), entries = top + 16;
  for (let end = size; end > 1; ) {
    end--;
    const last = entries + (<usize>end << 3), value = load<u64>(last);
    store<u64>(last, load<u64>(entries));
    store<u64>(entries, value);
    siftDown(entries, end, 0);
  }
  return size;
}
/** Inverse Euclidean norms of `rows` vectors, 0 where there is none (zero, or not finite). In f64, so that tiny and huge values survive. */
export function norms(vectors: usize, dim: u32, rows: u32, out: usize): void {
  let p = vectors;
  const stride = <usize>dim << 2, whole = <usize>(dim & ~3) << 2;
  for (let row: u32 = 0; row < rows; row++) {
    const end4 = p + whole, end = p + stride;
    let s0 = f64x2.splat(0), s1 = s0;
    while (p < end4) {
      const a = f64x2.promote_low_f32x4(v128.load64_zero(p)), b = f64x2.promote_low_f32x4(v128.load64_zero(p, 8));
      s0 = f64x2.add(s0, f64x2.mul(a, a));
      s1 = f64x2.add(s1, f64x2.mul(b, b));
      p += 16;
    }
    s0 = f64x2.add(s0, s1);
    let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
    while (p < end) { const x = <f64>load<f32>(p); sum += x * x; p += 4; }
    const inverse = <f32>(1 / sqrt<f64>(sum));
    store<f32>(out + (<usize>row << 2), inverse < Infinity ? inverse : 0);
  }
}
/** Only loads (xors) `bytes` from `from`, both multiples of 128: the memory-read yardstick of bench/scan.mjs. */
export function read(from: usize, bytes: usize): u32 {
  let a = i32x4.splat(0), b = a, c = a, d = a;
  const end = from + bytes;
  for (let p = from; p < end; p += 128) {
    a = v128.xor(a, v128.xor(v128.load(p), v128.load(p, 64)));
    b = v128.xor(b, v128.xor(v128.load(p, 16), v128.load(p, 80)));
    c = v128.xor(c, v128.xor(v128.load(p, 32), v128.load(p, 96)));
    d = v128.xor(d, v128.xor(v128.load(p, 48), v128.load(p, 112)));
  }
  return i32x4.bitmask(v128.xor(v128.xor(a, b), v128.xor(c, d)));
}
