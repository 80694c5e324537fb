// From float32 rows to codes: one frame for all rows of an index (shift by the mean, random rotation by sign flips and fast
// Walsh-Hadamard transforms, one scale), then rounding to 8, 6 or 4 bits. Rotation spreads the variance over all dims, so that one scale
// suits them all.

/** In-place fast Walsh-Hadamard transform of n floats (a power of two, at least 4), scaled by 1/sqrt(n). */
function hadamard(v: usize, n: u32): void {
  const end = v + ((<usize>n) << 2),
    scale = f32x4.splat(1 / sqrt<f32>(<f32>n));
  for (let p = v; p < end; p += 16) {
    const x = v128.load(p);
    const a = v128.shuffle<f32>(x, x, 0, 0, 2, 2),
      b = f32x4.mul(v128.shuffle<f32>(x, x, 1, 1, 3, 3), f32x4(1, -1, 1, -1));
    const y = f32x4.add(a, b);
    const c = v128.shuffle<f32>(y, y, 0, 1, 0, 1),
      d = f32x4.mul(v128.shuffle<f32>(y, y, 2, 3, 2, 3), f32x4(1, 1, -1, -1));
    v128.store(p, f32x4.mul(f32x4.add(c, d), scale));
  }
  // Two steps in one pass: what a pass takes is mostly to load and to store.
  let h: usize = 16;
  for (; h << 1 < (<usize>n) << 2; h <<= 2) {
    for (let i = v; i < end; i += h << 2) {
      for (let p = i; p < i + h; p += 16) {
        const q = p + (h << 1);
        const a = v128.load(p),
          b = v128.load(p + h),
          c = v128.load(q),
          d = v128.load(q + h);
        const s = f32x4.add(a, b),
          t = f32x4.sub(a, b),
          u = f32x4.add(c, d),
          w = f32x4.sub(c, d);
        v128.store(p, f32x4.add(s, u));
        v128.store(p + h, f32x4.add(t, w));
        v128.store(q, f32x4.sub(s, u));
        v128.store(q + h, f32x4.sub(t, w));
      }
    }
  }
  if (h < (<usize>n) << 2) {
    for (let p = v; p < v + h; p += 16) {
      const x = v128.load(p),
        y = v128.load(p + h);
      v128.store(p, f32x4.add(x, y));
      v128.store(p + h, f32x4.sub(x, y));
    }
  }
}

/** 1 / length of `dim` floats, 0 for none. In f64, so that tiny and huge values survive. */
function inverseLength(x: usize, dim: u32): f32 {
  let s0 = f64x2.splat(0),
    s1 = s0;
  const end4 = x + ((<usize>(dim & ~3)) << 2),
    end = x + ((<usize>dim) << 2);
  for (; x < end4; x += 16) {
    const a = f64x2.promote_low_f32x4(v128.load64_zero(x)),
      b = f64x2.promote_low_f32x4(v128.load64_zero(x, 8));
    s0 = f64x2.add(s0, f64x2.mul(a, a));
    s1 = f64x2.add(s1, f64x2.mul(b, b));
  }
  s0 = f64x2.add(s0, s1);
  let s = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; x < end; x += 4) {
    const f = <f64>load<f32>(x);
    s += f * f;
  }
  return s > 0 ? <f32>(1 / sqrt<f64>(s)) : 0;
}

/** out = x * scale - mean, of `dim` floats; `mean` 0: none. */
function shift(x: usize, dim: u32, scale: f32, mean: usize, out: usize): void {
  const scales = f32x4.splat(scale),
    bytes4 = (<usize>(dim & ~3)) << 2,
    bytes = (<usize>dim) << 2;
  let at: usize = 0;
  for (; at < bytes4; at += 16) {
    const m = mean ? v128.load(mean + at) : f32x4.splat(0);
    v128.store(out + at, f32x4.sub(f32x4.mul(v128.load(x + at), scales), m));
  }
  for (; at < bytes; at += 4)
    store<f32>(out + at, load<f32>(x + at) * scale - (mean ? load<f32>(mean + at) : 0));
}

/** v *= signs, `dim` floats. */
function flip(v: usize, dim: u32, signs: usize): void {
  const end4 = v + ((<usize>(dim & ~3)) << 2),
    end = v + ((<usize>dim) << 2);
  for (; v < end4; v += 16, signs += 16) v128.store(v, f32x4.mul(v128.load(v), v128.load(signs)));
  for (; v < end; v += 4, signs += 4) store<f32>(v, load<f32>(v) * load<f32>(signs));
}

/**
 * y = rotation of (x - mean), `dim` floats; `out` may be `x`. `signs` holds 4 * dim floats of +1 or -1, or 0: no rotation.
 * `isUnit`: x is divided by its length first (cosine). The rotation is orthogonal: four rounds of signs and a transform over the first,
 * then the last, greatest power of two of dims.
 */
export function toFrame(x: usize, dim: u32, mean: usize, signs: usize, isUnit: bool, out: usize): void {
  shift(x, dim, isUnit ? inverseLength(x, dim) : 1, mean, out);
  if (signs == 0) return;
  let block: u32 = 1;
  while (block * 2 <= dim) block *= 2;
  const rest = dim - block;
  for (let round = 0; round < 4; round++) {
    if (rest == 0 && round >= 2) break;
    flip(out, dim, signs + ((<usize>dim * <usize>round) << 2));
    hadamard(rest != 0 && round & 1 ? out + ((<usize>rest) << 2) : out, block);
  }
}

@inline function clampRound(v: f32, low: f32, high: f32): i32 {
  return <i32>nearest<f32>(min<f32>(high, max<f32>(low, v)));
}

/** A framed vector to int8 codes of `padded` dims: v / step, rounded. */
export function to8(v: usize, dim: u32, padded: u32, step: f32, out: usize): void {
  const inverse: f32 = 1 / step;
  for (let i: u32 = 0; i < dim; i++)
    store<i8>(out + i, <i8>clampRound(load<f32>(v + ((<usize>i) << 2)) * inverse, -127, 127));
  memory.fill(out + dim, 0, padded - dim);
}

/** To 4-bit codes: v / step + 7.5, rounded, 32 dims in 16 bytes. */
export function to4(v: usize, dim: u32, padded: u32, step: f32, out: usize): void {
  const inverse: f32 = 1 / step;
  memory.fill(out, 0, padded >> 1);
  for (let i: u32 = 0; i < dim; i++) {
    const code = clampRound(load<f32>(v + ((<usize>i) << 2)) * inverse + 7.5, 0, 15);
    const p = out + ((<usize>(i >> 5)) << 4) + (i & 15);
    store<u8>(p, load<u8>(p) | <u8>(code << (((i >> 4) & 1) << 2)));
  }
}

/** To 6-bit codes: v / step + 31.5, rounded, 64 dims in 48 bytes. */
export function to6(v: usize, dim: u32, padded: u32, step: f32, out: usize): void {
  const inverse: f32 = 1 / step;
  memory.fill(out, 0, (padded >> 6) * 48);
  for (let i: u32 = 0; i < dim; i++) {
    const code = clampRound(load<f32>(v + ((<usize>i) << 2)) * inverse + 31.5, 0, 63);
    const block = out + <usize>(i >> 6) * 48,
      part = (i >> 4) & 3,
      lane = i & 15;
    const p = block + ((<usize>(part >> 1)) << 4) + lane,
      h = block + 32 + lane;
    store<u8>(p, load<u8>(p) | <u8>((code & 15) << ((part & 1) << 2)));
    store<u8>(h, load<u8>(h) | <u8>((code >> 4) << (part << 1)));
  }
}

/** A framed query to int16: v * scale + offset, rounded and clamped to [low, high]; padded with zeros. */
export function toQuery(
  v: usize,
  dim: u32,
  padded: u32,
  scale: f32,
  offset: f32,
  low: f32,
  high: f32,
  out: usize,
): void {
  const scales = f32x4.splat(scale),
    offsets = f32x4.splat(offset),
    lows = f32x4.splat(low),
    highs = f32x4.splat(high),
    dim8 = dim & ~7;
  let i: u32 = 0;
  for (; i < dim8; i += 8) {
    const p = v + ((<usize>i) << 2);
    const a = f32x4.add(f32x4.mul(v128.load(p), scales), offsets),
      b = f32x4.add(f32x4.mul(v128.load(p, 16), scales), offsets);
    // `pmin` and `pmax` are one instruction each.
    const x = f32x4.nearest(f32x4.pmin(highs, f32x4.pmax(lows, a))),
      y = f32x4.nearest(f32x4.pmin(highs, f32x4.pmax(lows, b)));
    v128.store(
      out + ((<usize>i) << 1),
      i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(x), i32x4.trunc_sat_f32x4_s(y)),
    );
  }
  for (; i < dim; i++)
    store<i16>(
      out + ((<usize>i) << 1),
      <i16>clampRound(load<f32>(v + ((<usize>i) << 2)) * scale + offset, low, high),
    );
  memory.fill(out + ((<usize>dim) << 1), 0, (<usize>(padded - dim)) << 1);
}

/** float32 to float16 (round to nearest even) or bfloat16, `padded` values. */
export function to16(v: usize, dim: u32, padded: u32, isBfloat: bool, out: usize): void {
  for (let i: u32 = 0; i < dim; i++) {
    const bits = reinterpret<u32>(load<f32>(v + ((<usize>i) << 2)));
    let half: u32;
    if (isBfloat) half = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    else {
      const sign = (bits >> 16) & 0x8000,
        magnitude = bits & 0x7fffffff;
      if (magnitude >= 0x477ff000)
        half = sign | 0x7bff; // The largest finite half.
      else if (magnitude < 0x38800000) {
        // Subnormal: adding 0.5 leaves the rounded fraction in the low bits.
        half = sign | (reinterpret<u32>(reinterpret<f32>(magnitude) + 0.5) - 0x3f000000);
      } else half = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
    }
    store<u16>(out + ((<usize>i) << 1), <u16>half);
  }
  memory.fill(out + ((<usize>dim) << 1), 0, (<usize>(padded - dim)) << 1);
}

/** Copies with zeros up to `padded` floats. */
export function to32(v: usize, dim: u32, padded: u32, out: usize): void {
  memory.copy(out, v, (<usize>dim) << 2);
  memory.fill(out + ((<usize>dim) << 2), 0, (<usize>(padded - dim)) << 2);
}
