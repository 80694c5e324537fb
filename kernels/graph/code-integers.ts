// Distances by codes of 8, 4 and 6 bits. The query is int16 in the unit of the codes.
import { dim } from './code-place';
import { sumsI } from './code-sums';

@inline function squareI(s: v128, code: v128, q: v128): v128 {
  const t = i16x8.sub(code, q);
  return i32x4.add(s, i32x4.dot_i16x8_s(t, t));
}

@inline function dotI(s: v128, code: v128, q: v128): v128 {
  return i32x4.add(s, i32x4.dot_i16x8_s(code, q));
}

// --- 8 bits: int8 codes, the query in int16 of the same unit -------------------------------------------------------------------
export function sq8L2(q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let s0 = i32x4.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0;
  const end = a + dim;
  while (a < end) {
    const q0 = v128.load(q),
      q1 = v128.load(q, 16);
    s0 = squareI(squareI(s0, v128.load_ext<i8>(a), q0), v128.load_ext<i8>(a, 8), q1);
    s1 = squareI(squareI(s1, v128.load_ext<i8>(b), q0), v128.load_ext<i8>(b, 8), q1);
    s2 = squareI(squareI(s2, v128.load_ext<i8>(c), q0), v128.load_ext<i8>(c, 8), q1);
    s3 = squareI(squareI(s3, v128.load_ext<i8>(d), q0), v128.load_ext<i8>(d, 8), q1);
    q += 32;
    a += 16;
    b += 16;
    c += 16;
    d += 16;
  }
  return sumsI(s0, s1, s2, s3);
}

export function sq8Ip(q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let s0 = i32x4.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0;
  const end = a + dim;
  while (a < end) {
    const q0 = v128.load(q),
      q1 = v128.load(q, 16);
    s0 = dotI(dotI(s0, v128.load_ext<i8>(a), q0), v128.load_ext<i8>(a, 8), q1);
    s1 = dotI(dotI(s1, v128.load_ext<i8>(b), q0), v128.load_ext<i8>(b, 8), q1);
    s2 = dotI(dotI(s2, v128.load_ext<i8>(c), q0), v128.load_ext<i8>(c, 8), q1);
    s3 = dotI(dotI(s3, v128.load_ext<i8>(d), q0), v128.load_ext<i8>(d, 8), q1);
    q += 32;
    a += 16;
    b += 16;
    c += 16;
    d += 16;
  }
  return sumsI(s0, s1, s2, s3);
}

// --- 4 bits: 32 dims in 16 bytes, dims 0-15 in the low nibbles. A code counts in sixteenths of its step (code * 16), which is what
// masking gives for free; the query is int16 in the same unit, so it keeps 4 more bits than the codes. -------------------------------
@inline function low4(x: v128): v128 {
  return v128.and(i16x8.shl(x, 4), i8x16.splat(<i8>0xf0));
}

@inline function high4(x: v128): v128 {
  return v128.and(x, i8x16.splat(<i8>0xf0));
}

@inline function square4(s: v128, p: usize, q0: v128, q1: v128, q2: v128, q3: v128): v128 {
  const x = v128.load(p),
    lo = low4(x),
    hi = high4(x);
  s = squareI(squareI(s, i16x8.extend_low_i8x16_u(lo), q0), i16x8.extend_high_i8x16_u(lo), q1);
  return squareI(squareI(s, i16x8.extend_low_i8x16_u(hi), q2), i16x8.extend_high_i8x16_u(hi), q3);
}

@inline function dot4(s: v128, p: usize, q0: v128, q1: v128, q2: v128, q3: v128): v128 {
  const x = v128.load(p),
    lo = low4(x),
    hi = high4(x);
  s = dotI(dotI(s, i16x8.extend_low_i8x16_u(lo), q0), i16x8.extend_high_i8x16_u(lo), q1);
  return dotI(dotI(s, i16x8.extend_low_i8x16_u(hi), q2), i16x8.extend_high_i8x16_u(hi), q3);
}

export function sq4L2(q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let s0 = i32x4.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0;
  const end = a + (dim >> 1);
  while (a < end) {
    const q0 = v128.load(q),
      q1 = v128.load(q, 16),
      q2 = v128.load(q, 32),
      q3 = v128.load(q, 48);
    s0 = square4(s0, a, q0, q1, q2, q3);
    s1 = square4(s1, b, q0, q1, q2, q3);
    s2 = square4(s2, c, q0, q1, q2, q3);
    s3 = square4(s3, d, q0, q1, q2, q3);
    q += 64;
    a += 16;
    b += 16;
    c += 16;
    d += 16;
  }
  return sumsI(s0, s1, s2, s3);
}

export function sq4Ip(q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let s0 = i32x4.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0;
  const end = a + (dim >> 1);
  while (a < end) {
    const q0 = v128.load(q),
      q1 = v128.load(q, 16),
      q2 = v128.load(q, 32),
      q3 = v128.load(q, 48);
    s0 = dot4(s0, a, q0, q1, q2, q3);
    s1 = dot4(s1, b, q0, q1, q2, q3);
    s2 = dot4(s2, c, q0, q1, q2, q3);
    s3 = dot4(s3, d, q0, q1, q2, q3);
    q += 64;
    a += 16;
    b += 16;
    c += 16;
    d += 16;
  }
  return sumsI(s0, s1, s2, s3);
}

// --- 6 bits: 64 dims in 48 bytes: 32 bytes of low nibbles (as 4 bits, twice) and 16 bytes whose bit pairs are the high bits of dims
// 0-15, 16-31, 32-47, 48-63. A code counts in quarters of its step (code * 4). -------------------------------------------------------
@inline function six(low: v128, high: v128): v128 {
  // low: nibble in bits 4-7; high: pair in bits 6-7. code * 4 = pair in bits 6-7, nibble in bits 2-5.
  return v128.or(v128.and(i16x8.shr_u(low, 2), i8x16.splat(0x3c)), v128.and(high, i8x16.splat(<i8>0xc0)));
}

export function sq6One(q: usize, a: usize, isIp: bool): v128 {
  let s = i32x4.splat(0);
  const end = a + (dim >> 6) * 48;
  while (a < end) {
    const x = v128.load(a),
      y = v128.load(a, 16),
      h = v128.load(a, 32);
    const c0 = six(low4(x), i16x8.shl(h, 6)),
      c1 = six(high4(x), i16x8.shl(h, 4)),
      c2 = six(low4(y), i16x8.shl(h, 2)),
      c3 = six(high4(y), h);
    if (isIp) {
      s = dotI(
        dotI(s, i16x8.extend_low_i8x16_u(c0), v128.load(q)),
        i16x8.extend_high_i8x16_u(c0),
        v128.load(q, 16),
      );
      s = dotI(
        dotI(s, i16x8.extend_low_i8x16_u(c1), v128.load(q, 32)),
        i16x8.extend_high_i8x16_u(c1),
        v128.load(q, 48),
      );
      s = dotI(
        dotI(s, i16x8.extend_low_i8x16_u(c2), v128.load(q, 64)),
        i16x8.extend_high_i8x16_u(c2),
        v128.load(q, 80),
      );
      s = dotI(
        dotI(s, i16x8.extend_low_i8x16_u(c3), v128.load(q, 96)),
        i16x8.extend_high_i8x16_u(c3),
        v128.load(q, 112),
      );
    } else {
      s = squareI(
        squareI(s, i16x8.extend_low_i8x16_u(c0), v128.load(q)),
        i16x8.extend_high_i8x16_u(c0),
        v128.load(q, 16),
      );
      s = squareI(
        squareI(s, i16x8.extend_low_i8x16_u(c1), v128.load(q, 32)),
        i16x8.extend_high_i8x16_u(c1),
        v128.load(q, 48),
      );
      s = squareI(
        squareI(s, i16x8.extend_low_i8x16_u(c2), v128.load(q, 64)),
        i16x8.extend_high_i8x16_u(c2),
        v128.load(q, 80),
      );
      s = squareI(
        squareI(s, i16x8.extend_low_i8x16_u(c3), v128.load(q, 96)),
        i16x8.extend_high_i8x16_u(c3),
        v128.load(q, 112),
      );
    }
    q += 128;
    a += 48;
  }
  return s;
}
