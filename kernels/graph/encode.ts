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
  for (let h: usize = 16; h < (<usize>n) << 2; h <<= 1) {
    for (let i = v; i < end; i += h << 1) {
      for (let p = i; p < i + h; p += 16) {
        const x = v128.load(p),
          y = v128.load(p + h);
        v128.store(p, f32x4.add(x, y));
        v128.store(p + h, f32x4.sub(x, y));
      }
    }
  }
}

/**
 * y = rotation of (x - mean), `dim` floats; `out` may be `x`. `signs` holds 4 * dim floats of +1 or -1, or 0: no rotation.
 * `isUnit`: x is divided by its length first (cosine). The rotation is orthogonal: four rounds of signs and a transform over the first,
 * then the last, greatest power of two of dims.
 */
export function toFrame(x: usize, dim: u32, mean: usize, signs: usize, isUnit: bool, out: usize): void {
  let scale: f32 = 1;
  if (isUnit) {
    let s: f64 = 0;
    for (let i: u32 = 0; i < dim; i++) {
      const f = <f64>load<f32>(x + ((<usize>i) << 2));
      s += f * f;
    }
    scale = s > 0 ? <f32>(1 / sqrt<f64>(s)) : 0;
  }
  for (let i: u32 = 0; i < dim; i++) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, load<f32>(x + at) * scale - (mean ? load<f32>(mean + at) : 0));
  }
  if (signs == 0) return;
  let block: u32 = 1;
  while (block * 2 <= dim) block *= 2;
  const rest = dim - block;
  for (let round = 0; round < 4; round++) {
    if (rest == 0 && round >= 2) break;
    const row = signs + ((<usize>dim * <usize>round) << 2);
    for (let i: u32 = 0; i < dim; i++) {
      const at = (<usize>i) << 2;
      store<f32>(out + at, load<f32>(out + at) * load<f32>(row + at));
    }
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
  for (let i: u32 = 0; i < dim; i++)
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
