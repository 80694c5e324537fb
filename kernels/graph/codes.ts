// Distances of one query to four nodes by their codes. Every distance becomes an order-preserving u32 key (smaller = nearer), so that
// one search loop serves all of them. The configuration lives in globals: an instance belongs to one thread and one memory.

import { mulAdd, squareAdd } from '../lib/keys';

export const SQ8_L2: u32 = 0,
  SQ8_IP: u32 = 1,
  SQ4_L2: u32 = 2,
  SQ4_IP: u32 = 3,
  SQ6_L2: u32 = 4,
  SQ6_IP: u32 = 5;
export const F32_L2: u32 = 6,
  F32_IP: u32 = 7,
  F16_L2: u32 = 8,
  F16_IP: u32 = 9,
  BF16_L2: u32 = 10,
  BF16_IP: u32 = 11,
  PQ: u32 = 12,
  PQ_BIASED: u32 = 13;

let mode: u32 = 0;
let dim: u32 = 0;
let codes: usize = 0;
let stride: usize = 0;
let centroids: u32 = 0;
/** `dims`: padded dims of the SQ forms, dims of the float forms, subquantisers of PQ (`subCentroids` each). */
export function useCodes(codeMode: u32, dims: u32, address: usize, bytes: usize, subCentroids: u32): void {
  mode = codeMode;
  dim = dims;
  codes = address;
  stride = bytes;
  centroids = subCentroids;
  upperCodes = 0;
}

// The same codes of the nodes of upper layers, which come first, side by side; 0: none.
let upperCodes: usize = 0;
let upperStride: usize = 0;
/** After `useCodes`. */
export function useUpperCodes(address: usize, codeStride: usize): void {
  upperCodes = address;
  upperStride = codeStride;
}

/** Bytes from one code to the next, a multiple of 16 in modes other than PQ. */
@inline export function codeStride(): usize {
  return stride;
}

@inline export function isIp(): bool {
  return (mode & 1) == 1;
}

@inline export function hasUpperCodes(): bool {
  return upperCodes != 0;
}

/** Codes are those of upper layers, until the next call. */
export function swapCodes(): void {
  const address = codes,
    step = stride;
  codes = upperCodes;
  stride = upperStride;
  upperCodes = address;
  upperStride = step;
}

@inline function floatKeys(v: v128): v128 {
  return v128.xor(v, v128.or(i32x4.shr_s(v, 31), i32x4.splat(0x80000000)));
}

@inline function sumsF(a: v128, b: v128, c: v128, d: v128): v128 {
  const t0 = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const t1 = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(t0, t1, 0, 1, 4, 5), v128.shuffle<f32>(t0, t1, 2, 3, 6, 7));
}

@inline function sumsI(a: v128, b: v128, c: v128, d: v128): v128 {
  const t0 = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const t1 = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i32>(t0, t1, 0, 1, 4, 5), v128.shuffle<i32>(t0, t1, 2, 3, 6, 7));
}

@inline function squareI(s: v128, code: v128, q: v128): v128 {
  const t = i16x8.sub(code, q);
  return i32x4.add(s, i32x4.dot_i16x8_s(t, t));
}

@inline function dotI(s: v128, code: v128, q: v128): v128 {
  return i32x4.add(s, i32x4.dot_i16x8_s(code, q));
}

/** Larger inner product, smaller key. */
@inline function ipKeys(v: v128): v128 {
  return v128.xor(i32x4.neg(v), i32x4.splat(0x80000000));
}

// --- 8 bits: int8 codes, the query in int16 of the same unit -------------------------------------------------------------------
function sq8L2(q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
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

function sq8Ip(q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
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

function sq4L2(q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
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

function sq4Ip(q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
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

function sq6One(q: usize, a: usize, isIp: bool): v128 {
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

// --- floats of 32 and 16 bits: 16-bit rows are padded with zeros to 8 dims; the query is float32, padded alike -----------
@inline function halfLow(p: v128): v128 {
  return bits16ToF32(i32x4.extend_low_i16x8_u(p));
}

@inline function halfHigh(p: v128): v128 {
  return bits16ToF32(i32x4.extend_high_i16x8_u(p));
}

/** float16 in the low half of each lane to float32: exponent and fraction moved up, then one multiplication re-biases (subnormals too). */
@inline function bits16ToF32(x: v128): v128 {
  const body = i32x4.shl(v128.and(x, i32x4.splat(0x7fff)), 13);
  const sign = i32x4.shl(v128.and(x, i32x4.splat(0x8000)), 16);
  return v128.or(f32x4.mul(body, f32x4.splat(5.192296858534828e33)), sign); // 2^112
}

@inline function squareF(s: v128, x: v128, q: v128): v128 {
  return squareAdd(x, q, s);
}

@inline function dotF(s: v128, x: v128, q: v128): v128 {
  return mulAdd(x, q, s);
}

function f32One(q: usize, a: usize, isIp: bool): v128 {
  let s = f32x4.splat(0),
    t = s;
  const end8 = a + ((<usize>(dim & ~7)) << 2),
    end4 = a + ((<usize>(dim & ~3)) << 2),
    end = a + ((<usize>dim) << 2);
  if (isIp) {
    while (a < end8) {
      s = dotF(s, v128.load(a), v128.load(q));
      t = dotF(t, v128.load(a, 16), v128.load(q, 16));
      a += 32;
      q += 32;
    }
    if (a < end4) {
      s = dotF(s, v128.load(a), v128.load(q));
      a += 16;
      q += 16;
    }
    while (a < end) {
      t = dotF(t, v128.load32_zero(a), v128.load32_zero(q));
      a += 4;
      q += 4;
    }
  } else {
    while (a < end8) {
      s = squareF(s, v128.load(a), v128.load(q));
      t = squareF(t, v128.load(a, 16), v128.load(q, 16));
      a += 32;
      q += 32;
    }
    if (a < end4) {
      s = squareF(s, v128.load(a), v128.load(q));
      a += 16;
      q += 16;
    }
    while (a < end) {
      t = squareF(t, v128.load32_zero(a), v128.load32_zero(q));
      a += 4;
      q += 4;
    }
  }
  return f32x4.add(s, t);
}

function f16One(q: usize, a: usize, isIp: bool): v128 {
  let s = f32x4.splat(0),
    t = s;
  const end = a + ((<usize>dim) << 1);
  while (a < end) {
    const x = v128.load(a);
    if (isIp) {
      s = dotF(s, halfLow(x), v128.load(q));
      t = dotF(t, halfHigh(x), v128.load(q, 16));
    } else {
      s = squareF(s, halfLow(x), v128.load(q));
      t = squareF(t, halfHigh(x), v128.load(q, 16));
    }
    a += 16;
    q += 32;
  }
  return f32x4.add(s, t);
}

function bf16One(q: usize, a: usize, isIp: bool): v128 {
  let s = f32x4.splat(0),
    t = s;
  const end = a + ((<usize>dim) << 1);
  while (a < end) {
    const x = v128.load(a),
      lo = i32x4.shl(i32x4.extend_low_i16x8_u(x), 16),
      hi = i32x4.shl(i32x4.extend_high_i16x8_u(x), 16);
    if (isIp) {
      s = dotF(s, lo, v128.load(q));
      t = dotF(t, hi, v128.load(q, 16));
    } else {
      s = squareF(s, lo, v128.load(q));
      t = squareF(t, hi, v128.load(q, 16));
    }
    a += 16;
    q += 32;
  }
  return f32x4.add(s, t);
}

/**
 * Product codes: one table of `centroids` floats per subquantiser; with more than 256, codes take two bytes. What a code leaves unsaid of
 * its node may follow as a float32 (PQ_BIASED), at any address.
 */
function pqSums(q: usize, a: usize, b: usize, c: usize, d: usize, isBiased: bool): v128 {
  let s0: f32 = 0,
    s1: f32 = 0,
    s2: f32 = 0,
    s3: f32 = 0;
  const row = (<usize>centroids) << 2,
    end = q + row * dim;
  if (centroids <= 256) {
    let t0: f32 = 0,
      t1: f32 = 0,
      t2: f32 = 0,
      t3: f32 = 0;
    const paired = q + row * (dim & ~1),
      row2 = row << 1;
    while (q < paired) {
      const x = load<u16>(a),
        y = load<u16>(b),
        z = load<u16>(c),
        w = load<u16>(d),
        next = q + row;
      s0 += load<f32>(q + ((<usize>(x & 255)) << 2));
      t0 += load<f32>(next + ((<usize>(x >> 8)) << 2));
      s1 += load<f32>(q + ((<usize>(y & 255)) << 2));
      t1 += load<f32>(next + ((<usize>(y >> 8)) << 2));
      s2 += load<f32>(q + ((<usize>(z & 255)) << 2));
      t2 += load<f32>(next + ((<usize>(z >> 8)) << 2));
      s3 += load<f32>(q + ((<usize>(w & 255)) << 2));
      t3 += load<f32>(next + ((<usize>(w >> 8)) << 2));
      a += 2;
      b += 2;
      c += 2;
      d += 2;
      q += row2;
    }
    if (q < end) {
      s0 += load<f32>(q + ((<usize>load<u8>(a++)) << 2));
      s1 += load<f32>(q + ((<usize>load<u8>(b++)) << 2));
      s2 += load<f32>(q + ((<usize>load<u8>(c++)) << 2));
      s3 += load<f32>(q + ((<usize>load<u8>(d++)) << 2));
    }
    s0 += t0;
    s1 += t1;
    s2 += t2;
    s3 += t3;
  } else {
    for (; q < end; q += row, a += 2, b += 2, c += 2, d += 2) {
      s0 += load<f32>(q + ((<usize>load<u16>(a)) << 2));
      s1 += load<f32>(q + ((<usize>load<u16>(b)) << 2));
      s2 += load<f32>(q + ((<usize>load<u16>(c)) << 2));
      s3 += load<f32>(q + ((<usize>load<u16>(d)) << 2));
    }
  }
  if (isBiased) {
    s0 += load<f32>(a);
    s1 += load<f32>(b);
    s2 += load<f32>(c);
    s3 += load<f32>(d);
  }
  return f32x4(s0, s1, s2, s3);
}

@inline export function codeOf(id: u32): usize {
  return codes + <usize>id * stride;
}

/** The keys of four nodes, stored as four u32 at `out`. */
export function keys4(q: usize, i: u32, j: u32, k: u32, l: u32, out: usize): void {
  const a = codeOf(i),
    b = codeOf(j),
    c = codeOf(k),
    d = codeOf(l);
  switch (mode) {
    case SQ8_L2: {
      v128.store(out, sq8L2(q, a, b, c, d));
      break;
    }
    case SQ4_L2: {
      v128.store(out, sq4L2(q, a, b, c, d));
      break;
    }
    case SQ8_IP: {
      v128.store(out, ipKeys(sq8Ip(q, a, b, c, d)));
      break;
    }
    case SQ4_IP: {
      v128.store(out, ipKeys(sq4Ip(q, a, b, c, d)));
      break;
    }
    case SQ6_L2: {
      v128.store(
        out,
        sumsI(sq6One(q, a, false), sq6One(q, b, false), sq6One(q, c, false), sq6One(q, d, false)),
      );
      break;
    }
    case SQ6_IP: {
      v128.store(
        out,
        ipKeys(sumsI(sq6One(q, a, true), sq6One(q, b, true), sq6One(q, c, true), sq6One(q, d, true))),
      );
      break;
    }
    case F32_L2: {
      v128.store(
        out,
        floatKeys(sumsF(f32One(q, a, false), f32One(q, b, false), f32One(q, c, false), f32One(q, d, false))),
      );
      break;
    }
    case F32_IP: {
      v128.store(
        out,
        floatKeys(
          f32x4.neg(sumsF(f32One(q, a, true), f32One(q, b, true), f32One(q, c, true), f32One(q, d, true))),
        ),
      );
      break;
    }
    case F16_L2: {
      v128.store(
        out,
        floatKeys(sumsF(f16One(q, a, false), f16One(q, b, false), f16One(q, c, false), f16One(q, d, false))),
      );
      break;
    }
    case F16_IP: {
      v128.store(
        out,
        floatKeys(
          f32x4.neg(sumsF(f16One(q, a, true), f16One(q, b, true), f16One(q, c, true), f16One(q, d, true))),
        ),
      );
      break;
    }
    case BF16_L2: {
      v128.store(
        out,
        floatKeys(
          sumsF(bf16One(q, a, false), bf16One(q, b, false), bf16One(q, c, false), bf16One(q, d, false)),
        ),
      );
      break;
    }
    case BF16_IP: {
      v128.store(
        out,
        floatKeys(
          f32x4.neg(
            sumsF(bf16One(q, a, true), bf16One(q, b, true), bf16One(q, c, true), bf16One(q, d, true)),
          ),
        ),
      );
      break;
    }
    default: {
      v128.store(out, floatKeys(pqSums(q, a, b, c, d, mode == PQ_BIASED)));
      break;
    }
  }
}

/** Loads a byte of each line of the nodes' codes, so that their cache misses overlap: WASM has no prefetch. */
export function touch(ids: usize, count: i32): void {
  const base = codes,
    step = stride,
    reach = min<usize>(step, 1024);
  for (let i = 0; i < count; i++) {
    const p = base + <usize>load<u32>(ids + ((<usize>i) << 2)) * step;
    for (let at: usize = 0; at < reach; at += 64) load<u8>(p + at);
  }
}

/** The same for one node. */
@inline export function touchCode(id: u32): void {
  const p = codeOf(id),
    reach = min<usize>(stride, 1024);
  for (let at: usize = 0; at < reach; at += 64) load<u8>(p + at);
}

/** The query form of a stored 8-bit code, for building: the code itself in int16. Other modes have no such form. */
export function asQuery(id: u32, out: usize): usize {
  if (mode == F32_L2 || mode == F32_IP) return codeOf(id);
  let p = codeOf(id),
    o = out;
  const end = p + dim;
  while (p < end) {
    v128.store(o, v128.load_ext<i8>(p));
    p += 8;
    o += 16;
  }
  return out;
}

/** The keys of listed nodes (u32 at `ids`, with room for three more behind the last) as u32 to `out`, room for a multiple of four. */
export function keysOfAll(q: usize, ids: usize, count: i32, out: usize): void {
  if (count == 0) return;
  const p = ids + ((<usize>count) << 2),
    last = load<u32>(p - 4);
  store<u32>(p, last);
  store<u32>(p, last, 4);
  store<u32>(p, last, 8);
  for (let i = 0; i < count; i += 4) {
    const at = ids + ((<usize>i) << 2);
    if ((i & 15) == 0) touch(at, min(16, count - i));
    keys4(q, load<u32>(at), load<u32>(at, 4), load<u32>(at, 8), load<u32>(at, 12), out + ((<usize>i) << 2));
  }
}
