// Distances by floats of 32 and 16 bits, and by product codes, whose query is tables of floats.
import { mulAdd, squareAdd } from '../lib/keys';
import { centroids, dim } from './code-place';

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

export function f32One(q: usize, a: usize, isIp: bool): v128 {
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

export function f16One(q: usize, a: usize, isIp: bool): v128 {
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

export function bf16One(q: usize, a: usize, isIp: bool): v128 {
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
export function pqSums(q: usize, a: usize, b: usize, c: usize, d: usize, isBiased: bool): v128 {
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
