// A random rotation in place: rounds of sign flips and a fast Walsh-Hadamard transform, over the first and the last 2^n values in
// turn, so that any number of dimensions mixes. Each round keeps lengths and angles.

/** One Walsh-Hadamard transform of `size` values (a power of two, at least 4), scaled to keep lengths. */
function transform(values: usize, size: u32): void {
  const bytes = (<usize>size) << 2,
    end = values + bytes;
  const signs2 = f32x4(1, -1, 1, -1),
    signs4 = f32x4(1, 1, -1, -1),
    scale = f32x4.splat(<f32>(1 / sqrt<f64>(<f64>size)));
  for (let p = values; p < end; p += 16) {
    let v = v128.load(p);
    v = f32x4.add(
      v128.shuffle<f32>(v, v, 0, 0, 2, 2),
      f32x4.mul(v128.shuffle<f32>(v, v, 1, 1, 3, 3), signs2),
    );
    v = f32x4.add(
      v128.shuffle<f32>(v, v, 0, 1, 0, 1),
      f32x4.mul(v128.shuffle<f32>(v, v, 2, 3, 2, 3), signs4),
    );
    v128.store(p, f32x4.mul(v, scale));
  }
  for (let half: usize = 16; half < bytes; half <<= 1) {
    for (let base = values; base < end; base += half << 1) {
      for (let p = base, last = base + half; p < last; p += 16) {
        const a = v128.load(p),
          b = v128.load(p + half);
        v128.store(p, f32x4.add(a, b));
        v128.store(p + half, f32x4.sub(a, b));
      }
    }
  }
}

/** Rotates `count` vectors of `dim` floats (a multiple of 4). `signs` holds rounds * dim floats, each 1 or -1. */
export function rotate(vectors: usize, count: u32, dim: u32, signs: usize, rounds: u32): void {
  let size: u32 = 4;
  while (size << 1 <= dim) size <<= 1;
  const bytes = (<usize>dim) << 2;
  for (let i: u32 = 0; i < count; i++, vectors += bytes) {
    let sign = signs;
    for (let round: u32 = 0; round < rounds; round++) {
      for (let o: usize = 0; o < bytes; o += 16, sign += 16)
        v128.store(vectors + o, f32x4.mul(v128.load(vectors + o), v128.load(sign)));
      transform(round & 1 ? vectors + ((<usize>(dim - size)) << 2) : vectors, size);
    }
  }
}

/** out = a - b, `count` floats (a multiple of 4). */
export function subtract(a: usize, b: usize, count: u32, out: usize): void {
  for (const end = a + ((<usize>count) << 2); a < end; a += 16, b += 16, out += 16)
    v128.store(out, f32x4.sub(v128.load(a), v128.load(b)));
}

/**
 * Tables of bytes for 4-bit codes that are the signs of four dimensions (bit set: plus): entry i of group g stands for the sum of the
 * group's values with signs by i, as least + byte * step in the sum over all groups. `dim` is a multiple of 16, `work` has dim / 4 floats.
 * Writes step and least to `out`, as quantiseTables does: the least of a group is minus the sum of its absolute values.
 */
export function signTables(values: usize, dim: u32, work: usize, bytes: usize, out: usize): void {
  let widest = f32x4.splat(0),
    all = f32x4.splat(0),
    w = work;
  const end = values + ((<usize>dim) << 2);
  for (let p = values; p < end; p += 64, w += 16) {
    const a = f32x4.abs(v128.load(p)),
      b = f32x4.abs(v128.load(p, 16)),
      c = f32x4.abs(v128.load(p, 32)),
      d = f32x4.abs(v128.load(p, 48));
    const x = f32x4.add(v128.shuffle<f32>(a, b, 0, 2, 4, 6), v128.shuffle<f32>(a, b, 1, 3, 5, 7));
    const y = f32x4.add(v128.shuffle<f32>(c, d, 0, 2, 4, 6), v128.shuffle<f32>(c, d, 1, 3, 5, 7));
    const sums = f32x4.add(v128.shuffle<f32>(x, y, 0, 2, 4, 6), v128.shuffle<f32>(x, y, 1, 3, 5, 7));
    v128.store(w, sums);
    widest = f32x4.pmax(widest, sums);
    all = f32x4.add(all, sums);
  }
  const most = max(
    max(f32x4.extract_lane(widest, 0), f32x4.extract_lane(widest, 1)),
    max(f32x4.extract_lane(widest, 2), f32x4.extract_lane(widest, 3)),
  );
  const total =
    f32x4.extract_lane(all, 0) +
    f32x4.extract_lane(all, 1) +
    (f32x4.extract_lane(all, 2) + f32x4.extract_lane(all, 3));
  const step: f32 = max<f32>((most + most) / 255, (total + total) / max<f32>(1, 65535 - <f32>(dim >> 2)));
  const inverse: f32 = step > 0 ? 1 / step : 0;
  store<f32>(out, step);
  store<f32>(out, -total, 4);
  // Adding 2^23 leaves the value, rounded to a whole number, in the low bits: cheaper than a conversion that saturates.
  const scale = f32x4.splat(inverse),
    mask = i32x4.splat(255);
  w = work;
  for (let p = values; p < end; p += 16, w += 4, bytes += 16) {
    const v = f32x4.mul(v128.load(p), scale),
      base = f32x4.splat(load<f32>(w) * inverse + 8388608);
    const low = f32x4.add(
      f32x4.mul(v128.shuffle<f32>(v, v, 0, 0, 0, 0), f32x4(-1, 1, -1, 1)),
      f32x4.mul(v128.shuffle<f32>(v, v, 1, 1, 1, 1), f32x4(-1, -1, 1, 1)),
    );
    const c = v128.shuffle<f32>(v, v, 2, 2, 2, 2),
      d = v128.shuffle<f32>(v, v, 3, 3, 3, 3),
      plus = f32x4.add(c, d),
      minus = f32x4.sub(c, d);
    const e = v128.and(f32x4.add(f32x4.sub(low, plus), base), mask),
      f = v128.and(f32x4.add(f32x4.add(low, minus), base), mask);
    const g = v128.and(f32x4.add(f32x4.sub(low, minus), base), mask),
      h = v128.and(f32x4.add(f32x4.add(low, plus), base), mask);
    v128.store(bytes, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(e, f), i16x8.narrow_i32x4_s(g, h)));
  }
}

/**
 * Turns `count` tables of 16 floats into tables of 16 bytes: entry ~ least of the table + byte * step. Writes the step and the sum
 * of the leasts to `out`. The step keeps every byte and every sum of bytes within range (255 and 65,535).
 */
export function quantiseTables(tables: usize, count: u32, bytes: usize, out: usize): void {
  let widest: f32 = 0,
    all: f32 = 0,
    least: f32 = 0;
  const end = tables + ((<usize>count) << 6);
  for (let t = tables; t < end; t += 64) {
    const a = v128.load(t),
      b = v128.load(t, 16),
      c = v128.load(t, 32),
      d = v128.load(t, 48);
    const low = f32x4.min(f32x4.min(a, b), f32x4.min(c, d)),
      high = f32x4.max(f32x4.max(a, b), f32x4.max(c, d));
    const from = min(
      min(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)),
      min(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)),
    );
    const to = max(
      max(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
      max(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)),
    );
    widest = max(widest, to - from);
    all += to - from;
    least += from;
  }
  // Rounding adds up to a half per table, so there is room below 65,535.
  const step = max(widest / 255, all / max<f32>(1, 65535 - <f32>count));
  const inverse = f32x4.splat(step > 0 ? 1 / step : 0),
    half = f32x4.splat(0.5);
  store<f32>(out, step);
  store<f32>(out, least, 4);
  for (let t = tables; t < end; t += 64, bytes += 16) {
    const a = v128.load(t),
      b = v128.load(t, 16),
      c = v128.load(t, 32),
      d = v128.load(t, 48);
    let low = f32x4.min(f32x4.min(a, b), f32x4.min(c, d));
    low = f32x4.min(low, v128.shuffle<f32>(low, low, 2, 3, 0, 1));
    low = f32x4.min(low, v128.shuffle<f32>(low, low, 1, 0, 3, 2));
    const w = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(f32x4.sub(a, low), inverse), half));
    const x = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(f32x4.sub(b, low), inverse), half));
    const y = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(f32x4.sub(c, low), inverse), half));
    const z = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(f32x4.sub(d, low), inverse), half));
    v128.store(bytes, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(w, x), i16x8.narrow_i32x4_s(y, z)));
  }
}
