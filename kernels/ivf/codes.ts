// Scans of the codes of one list. A row's score is base + bias[row] + f(code), smaller = better, whatever the metric; `bias` may be 0
// (none). Row numbers of the list are at `rows`; rows of `excluded` are left out when they would become candidates.
import { limitOf, offer4 } from './topk';

@inline function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const t0 = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const t1 = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i32>(t0, t1, 0, 1, 4, 5), v128.shuffle<i32>(t0, t1, 2, 3, 6, 7));
}

@inline function lanesOf(left: u32): u32 {
  return left >= 4 ? 15 : (1 << left) - 1;
}

/** Codes of one byte per dimension, `width` bytes a row (a multiple of 16), against an i16 query of as many values: f = scale * dot. */
export function scanBytes(
  codes: usize,
  width: u32,
  count: u32,
  rows: usize,
  bias: usize,
  query: usize,
  scale: f32,
  base: f32,
  excluded: usize,
  top: usize,
): void {
  let limit = limitOf(top);
  const scales = f32x4.splat(scale),
    bases = f32x4.splat(base);
  for (let i: u32 = 0; i < count; i += 4) {
    const left = count - i;
    let a = codes + <usize>i * width,
      b = left > 1 ? a + width : a,
      c = left > 2 ? b + width : b,
      d = left > 3 ? c + width : c;
    let s0 = i32x4.splat(0),
      s1 = s0,
      s2 = s0,
      s3 = s0;
    for (let q = query, end = query + ((<usize>width) << 1); q < end; q += 32) {
      const low = v128.load(q),
        high = v128.load(q, 16);
      let v = v128.load(a);
      s0 = i32x4.add(
        s0,
        i32x4.add(
          i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(v), low),
          i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(v), high),
        ),
      );
      v = v128.load(b);
      s1 = i32x4.add(
        s1,
        i32x4.add(
          i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(v), low),
          i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(v), high),
        ),
      );
      v = v128.load(c);
      s2 = i32x4.add(
        s2,
        i32x4.add(
          i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(v), low),
          i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(v), high),
        ),
      );
      v = v128.load(d);
      s3 = i32x4.add(
        s3,
        i32x4.add(
          i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(v), low),
          i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(v), high),
        ),
      );
      a += 16;
      b += 16;
      c += 16;
      d += 16;
    }
    let scores = f32x4.add(bases, f32x4.mul(scales, f32x4.convert_i32x4_s(sums(s0, s1, s2, s3))));
    if (bias != 0) scores = f32x4.add(scores, v128.load(bias + ((<usize>i) << 2)));
    if (v128.any_true(f32x4.le(scores, f32x4.splat(limit))))
      limit = offer4(top, scores, limit, rows + ((<usize>i) << 2), lanesOf(left), excluded);
  }
}

@inline function entry<T>(codes: usize, j: u32, table: usize): f32 {
  return load<f32>(table + ((<usize>load<T>(codes + <usize>j * sizeof<T>())) << 2));
}

@inline function scanTables<T>(
  codes: usize,
  width: u32,
  count: u32,
  rows: usize,
  bias: usize,
  tables: usize,
  entries: u32,
  base: f32,
  excluded: usize,
  top: usize,
): void {
  let limit = limitOf(top);
  const tableBytes = (<usize>entries) << 2,
    stride = <usize>width * sizeof<T>();
  for (let i: u32 = 0; i < count; i += 4) {
    const left = count - i;
    const a = codes + <usize>i * stride,
      b = left > 1 ? a + stride : a,
      c = left > 2 ? b + stride : b,
      d = left > 3 ? c + stride : c;
    let s0: f32 = base,
      s1 = base,
      s2 = base,
      s3 = base;
    for (let j: u32 = 0, t = tables; j < width; j++, t += tableBytes) {
      s0 += entry<T>(a, j, t);
      s1 += entry<T>(b, j, t);
      s2 += entry<T>(c, j, t);
      s3 += entry<T>(d, j, t);
    }
    let scores = f32x4.replace_lane(
      f32x4.replace_lane(f32x4.replace_lane(f32x4.splat(s0), 1, s1), 2, s2),
      3,
      s3,
    );
    if (bias != 0) scores = f32x4.add(scores, v128.load(bias + ((<usize>i) << 2)));
    if (v128.any_true(f32x4.le(scores, f32x4.splat(limit))))
      limit = offer4(top, scores, limit, rows + ((<usize>i) << 2), lanesOf(left), excluded);
  }
}

/** Codes of `width` bytes, each an index into its table of `entries` floats: f = the sum of the entries. */
export function scanTables8(
  codes: usize,
  width: u32,
  count: u32,
  rows: usize,
  bias: usize,
  tables: usize,
  entries: u32,
  base: f32,
  excluded: usize,
  top: usize,
): void {
  scanTables<u8>(codes, width, count, rows, bias, tables, entries, base, excluded, top);
}

/** As scanTables8, with codes of 16 bits. */
export function scanTables16(
  codes: usize,
  width: u32,
  count: u32,
  rows: usize,
  bias: usize,
  tables: usize,
  entries: u32,
  base: f32,
  excluded: usize,
  top: usize,
): void {
  scanTables<u16>(codes, width, count, rows, bias, tables, entries, base, excluded, top);
}

/** Sixteen bytes of a table, by numbers below 16: there, relaxed SIMD does the same in one instruction. */
@inline function lookUp(table: v128, numbers: v128): v128 {
  if (isDefined(RELAXED)) return i8x16.relaxed_swizzle(table, numbers);
  return i8x16.swizzle(table, numbers);
}

/** Offers eight rows by their 16-bit sums. */
@inline function offerNibbles(
  sum: v128,
  i: u32,
  count: u32,
  rows: usize,
  bias: usize,
  factors: usize,
  scale: v128,
  offset: v128,
  base: v128,
  excluded: usize,
  top: usize,
  limit: f32,
): f32 {
  if (i >= count) return limit;
  const at = (<usize>i) << 2;
  let low = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(sum)), scale), offset);
  let high = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(sum)), scale), offset);
  if (factors != 0) {
    low = f32x4.mul(low, v128.load(factors + at));
    high = f32x4.mul(high, v128.load(factors + at, 16));
  }
  if (bias != 0) {
    low = f32x4.add(low, v128.load(bias + at));
    high = f32x4.add(high, v128.load(bias + at, 16));
  }
  low = f32x4.add(low, base);
  high = f32x4.add(high, base);
  const bound = f32x4.splat(limit);
  if (v128.any_true(v128.or(f32x4.le(low, bound), f32x4.le(high, bound)))) {
    limit = offer4(top, low, limit, rows + at, lanesOf(count - i), excluded);
    if (i + 4 < count) limit = offer4(top, high, limit, rows + at + 16, lanesOf(count - i - 4), excluded);
  }
  return limit;
}

/**
 * Codes of four bits in blocks of 32 rows: for each of `width` tables 16 bytes, byte j holding the codes of rows j (low half) and
 * j + 16 (high half). Tables are 16 bytes each, and their sums stay below 65,536, so one byte shuffle looks up 16 rows.
 * f = scale * sum + offset, times the row's factor where `factors` is not 0. Bias and factors are padded to blocks.
 */
export function scanNibbles(
  codes: usize,
  width: u32,
  count: u32,
  rows: usize,
  bias: usize,
  factors: usize,
  tables: usize,
  scale: f32,
  offset: f32,
  base: f32,
  excluded: usize,
  top: usize,
): void {
  let limit = limitOf(top);
  const scales = f32x4.splat(scale),
    bases = f32x4.splat(base),
    offsets = f32x4.splat(offset),
    low4 = i8x16.splat(15);
  const tablesEnd = tables + ((<usize>width) << 4);
  for (let i: u32 = 0; i < count; i += 32) {
    // Whole 16-bit words are added, and the sums of their upper bytes taken off at the end: an operation less than widening both.
    let s0 = i16x8.splat(0),
      s1 = s0,
      s2 = s0,
      s3 = s0;
    for (let t = tables; t < tablesEnd; t += 16, codes += 16) {
      const table = v128.load(t),
        code = v128.load(codes);
      const a = lookUp(table, v128.and(code, low4)),
        b = lookUp(table, i8x16.shr_u(code, 4));
      s0 = i16x8.add(s0, a);
      s1 = i16x8.add(s1, i16x8.shr_u(a, 8));
      s2 = i16x8.add(s2, b);
      s3 = i16x8.add(s3, i16x8.shr_u(b, 8));
    }
    const even0 = i16x8.sub(s0, i16x8.shl(s1, 8)),
      even1 = i16x8.sub(s2, i16x8.shl(s3, 8));
    limit = offerNibbles(
      v128.shuffle<i16>(even0, s1, 0, 8, 1, 9, 2, 10, 3, 11),
      i,
      count,
      rows,
      bias,
      factors,
      scales,
      offsets,
      bases,
      excluded,
      top,
      limit,
    );
    limit = offerNibbles(
      v128.shuffle<i16>(even0, s1, 4, 12, 5, 13, 6, 14, 7, 15),
      i + 8,
      count,
      rows,
      bias,
      factors,
      scales,
      offsets,
      bases,
      excluded,
      top,
      limit,
    );
    limit = offerNibbles(
      v128.shuffle<i16>(even1, s3, 0, 8, 1, 9, 2, 10, 3, 11),
      i + 16,
      count,
      rows,
      bias,
      factors,
      scales,
      offsets,
      bases,
      excluded,
      top,
      limit,
    );
    limit = offerNibbles(
      v128.shuffle<i16>(even1, s3, 4, 12, 5, 13, 6, 14, 7, 15),
      i + 24,
      count,
      rows,
      bias,
      factors,
      scales,
      offsets,
      bases,
      excluded,
      top,
      limit,
    );
  }
}
