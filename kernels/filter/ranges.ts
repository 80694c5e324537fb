// Which numbers of a block lie between two bounds, both included: 16 rows a step, one bit a row.

/** A bit for each of 16 lanes of 32 bits, all ones or all zeros. */
@inline function bitsOf16(a: v128, b: v128, c: v128, d: v128): u16 {
  const low = i16x8.narrow_i32x4_s(a, b),
    high = i16x8.narrow_i32x4_s(c, d);
  return <u16>i8x16.bitmask(i8x16.narrow_i16x8_s(low, high));
}

/** Lanes of 64 bits, all ones or all zeros, as lanes of 32 bits. */
@inline function halved(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
}

@inline function int32Within(p: usize, low: v128, span: v128): v128 {
  return i32x4.le_u(i32x4.sub(v128.load(p), low), span);
}

/** The distance from `low` as an unsigned number is at most `span`. */
export function int32sWithin(values: usize, count: u32, low: i32, span: u32, out: usize): void {
  const from = i32x4.splat(low),
    most = i32x4.splat(<i32>span),
    end = values + ((<usize>count) << 2);
  for (let p = values; p < end; p += 64, out += 2)
    store<u16>(
      out,
      bitsOf16(
        int32Within(p, from, most),
        int32Within(p + 16, from, most),
        int32Within(p + 32, from, most),
        int32Within(p + 48, from, most),
      ),
    );
}

@inline function int64Within(p: usize, low: v128, high: v128): v128 {
  const value = v128.load(p);
  return v128.and(i64x2.ge_s(value, low), i64x2.le_s(value, high));
}

@inline function fourInt64sWithin(p: usize, low: v128, high: v128): v128 {
  return halved(int64Within(p, low, high), int64Within(p + 16, low, high));
}

/** @param bounds two int64: the lowest and the highest */
export function int64sWithin(values: usize, count: u32, bounds: usize, out: usize): void {
  const low = v128.load64_splat(bounds),
    high = v128.load64_splat(bounds, 8),
    end = values + ((<usize>count) << 3);
  for (let p = values; p < end; p += 128, out += 2)
    store<u16>(
      out,
      bitsOf16(
        fourInt64sWithin(p, low, high),
        fourInt64sWithin(p + 32, low, high),
        fourInt64sWithin(p + 64, low, high),
        fourInt64sWithin(p + 96, low, high),
      ),
    );
}

@inline function doubleWithin(p: usize, low: v128, high: v128): v128 {
  const value = v128.load(p);
  return v128.and(f64x2.ge(value, low), f64x2.le(value, high));
}

@inline function fourDoublesWithin(p: usize, low: v128, high: v128): v128 {
  return halved(doubleWithin(p, low, high), doubleWithin(p + 16, low, high));
}

/** NaN is within nothing, as a value and as a bound. */
export function doublesWithin(values: usize, count: u32, low: f64, high: f64, out: usize): void {
  const from = f64x2.splat(low),
    to = f64x2.splat(high),
    end = values + ((<usize>count) << 3);
  for (let p = values; p < end; p += 128, out += 2)
    store<u16>(
      out,
      bitsOf16(
        fourDoublesWithin(p, from, to),
        fourDoublesWithin(p + 32, from, to),
        fourDoublesWithin(p + 64, from, to),
        fourDoublesWithin(p + 96, from, to),
      ),
    );
}

@inline function fourFloatsWithin(p: usize, low: v128, high: v128): v128 {
  const value = v128.load(p);
  const a = v128.and(
    f64x2.ge(f64x2.promote_low_f32x4(value), low),
    f64x2.le(f64x2.promote_low_f32x4(value), high),
  );
  const upper = f64x2.promote_low_f32x4(i8x16.shuffle(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return halved(a, v128.and(f64x2.ge(upper, low), f64x2.le(upper, high)));
}

/** Floats against bounds that are doubles: nothing is rounded. */
export function floatsWithin(values: usize, count: u32, low: f64, high: f64, out: usize): void {
  const from = f64x2.splat(low),
    to = f64x2.splat(high),
    end = values + ((<usize>count) << 2);
  for (let p = values; p < end; p += 64, out += 2)
    store<u16>(
      out,
      bitsOf16(
        fourFloatsWithin(p, from, to),
        fourFloatsWithin(p + 16, from, to),
        fourFloatsWithin(p + 32, from, to),
        fourFloatsWithin(p + 48, from, to),
      ),
    );
}
