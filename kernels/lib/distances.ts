// Distances of one to four queries to rows of every element type. Queries are float32 for all float types and int16 for int8 rows.
//
// Whatever function scores a float row, it adds up the same products in the same order: four accumulators over 16 elements, the rest by
// fours into the first, single elements into the second. So a row's score has the same bits however it was found.
import { load1, load4 } from './elements';
import { mulAdd, squareAdd, sums, sumsOfInts } from './keys';

// One row is read to its end before the next: four rows side by side need fewer query loads, but half of the memory rate is lost,
// because hardware prefetchers follow one stream best. Kept as functions: inlined four times, the loops run up to a third slower.
/** Four partial sums of the inner product of two vectors. */
export function dotOf<E>(dim: u32, q: usize, a: usize): v128 {
  let s0 = f32x4.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0;
  const end16 = q + ((<usize>(dim & ~15)) << 2),
    end4 = q + ((<usize>(dim & ~3)) << 2),
    end = q + ((<usize>dim) << 2);
  while (q < end16) {
    s0 = mulAdd(load4<E>(a, 0), v128.load(q), s0);
    s1 = mulAdd(load4<E>(a, 1), v128.load(q, 16), s1);
    s2 = mulAdd(load4<E>(a, 2), v128.load(q, 32), s2);
    s3 = mulAdd(load4<E>(a, 3), v128.load(q, 48), s3);
    q += 64;
    a += 16 * sizeof<E>();
  }
  while (q < end4) {
    s0 = mulAdd(load4<E>(a, 0), v128.load(q), s0);
    q += 16;
    a += 4 * sizeof<E>();
  }
  while (q < end) {
    s1 = mulAdd(load1<E>(a), v128.load32_zero(q), s1);
    q += 4;
    a += sizeof<E>();
  }
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

/** Four partial sums of the squared Euclidean distance of two vectors. */
export function squareOf<E>(dim: u32, q: usize, a: usize): v128 {
  let s0 = f32x4.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0;
  const end16 = q + ((<usize>(dim & ~15)) << 2),
    end4 = q + ((<usize>(dim & ~3)) << 2),
    end = q + ((<usize>dim) << 2);
  while (q < end16) {
    s0 = squareAdd(load4<E>(a, 0), v128.load(q), s0);
    s1 = squareAdd(load4<E>(a, 1), v128.load(q, 16), s1);
    s2 = squareAdd(load4<E>(a, 2), v128.load(q, 32), s2);
    s3 = squareAdd(load4<E>(a, 3), v128.load(q, 48), s3);
    q += 64;
    a += 16 * sizeof<E>();
  }
  while (q < end4) {
    s0 = squareAdd(load4<E>(a, 0), v128.load(q), s0);
    q += 16;
    a += 4 * sizeof<E>();
  }
  while (q < end) {
    s1 = squareAdd(load1<E>(a), v128.load32_zero(q), s1);
    q += 4;
    a += sizeof<E>();
  }
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

/** Inner products of one query with four rows. */
export function dot1x4<E>(dim: u32, q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  return sums(dotOf<E>(dim, q, a), dotOf<E>(dim, q, b), dotOf<E>(dim, q, c), dotOf<E>(dim, q, d));
}

/** Squared Euclidean distances of one query to four rows. */
export function square1x4<E>(dim: u32, q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  return sums(squareOf<E>(dim, q, a), squareOf<E>(dim, q, b), squareOf<E>(dim, q, c), squareOf<E>(dim, q, d));
}

/** Inner products of four queries with one row; two at a time, as 16 registers allow. With `queries` 2 lanes 2 and 3 repeat 0 and 1. */
export function dot4x1<E>(dim: u32, queries: u32, q: usize, r: usize, s: usize, t: usize, row: usize): v128 {
  let first0 = f32x4.splat(0),
    first1 = first0;
  let second = false;
  while (true) {
    let a = row,
      x0 = f32x4.splat(0),
      x1 = x0,
      x2 = x0,
      x3 = x0,
      y0 = x0,
      y1 = x0,
      y2 = x0,
      y3 = x0;
    const end16 = q + ((<usize>(dim & ~15)) << 2),
      end4 = q + ((<usize>(dim & ~3)) << 2),
      end = q + ((<usize>dim) << 2);
    while (q < end16) {
      let v = load4<E>(a, 0);
      x0 = mulAdd(v, v128.load(q), x0);
      y0 = mulAdd(v, v128.load(r), y0);
      v = load4<E>(a, 1);
      x1 = mulAdd(v, v128.load(q, 16), x1);
      y1 = mulAdd(v, v128.load(r, 16), y1);
      v = load4<E>(a, 2);
      x2 = mulAdd(v, v128.load(q, 32), x2);
      y2 = mulAdd(v, v128.load(r, 32), y2);
      v = load4<E>(a, 3);
      x3 = mulAdd(v, v128.load(q, 48), x3);
      y3 = mulAdd(v, v128.load(r, 48), y3);
      q += 64;
      r += 64;
      a += 16 * sizeof<E>();
    }
    while (q < end4) {
      const v = load4<E>(a, 0);
      x0 = mulAdd(v, v128.load(q), x0);
      y0 = mulAdd(v, v128.load(r), y0);
      q += 16;
      r += 16;
      a += 4 * sizeof<E>();
    }
    while (q < end) {
      const v = load1<E>(a);
      x1 = mulAdd(v, v128.load32_zero(q), x1);
      y1 = mulAdd(v, v128.load32_zero(r), y1);
      q += 4;
      r += 4;
      a += sizeof<E>();
    }
    x0 = f32x4.add(f32x4.add(x0, x1), f32x4.add(x2, x3));
    y0 = f32x4.add(f32x4.add(y0, y1), f32x4.add(y2, y3));
    if (second) return sums(first0, first1, x0, y0);
    if (queries <= 2) return sums(x0, y0, x0, y0);
    first0 = x0;
    first1 = y0;
    q = s;
    r = t;
    second = true;
  }
}

/** Squared Euclidean distances of four queries to one row, as dot4x1. */
export function square4x1<E>(
  dim: u32,
  queries: u32,
  q: usize,
  r: usize,
  s: usize,
  t: usize,
  row: usize,
): v128 {
  let first0 = f32x4.splat(0),
    first1 = first0;
  let second = false;
  while (true) {
    let a = row,
      x0 = f32x4.splat(0),
      x1 = x0,
      x2 = x0,
      x3 = x0,
      y0 = x0,
      y1 = x0,
      y2 = x0,
      y3 = x0;
    const end16 = q + ((<usize>(dim & ~15)) << 2),
      end4 = q + ((<usize>(dim & ~3)) << 2),
      end = q + ((<usize>dim) << 2);
    while (q < end16) {
      let v = load4<E>(a, 0);
      x0 = squareAdd(v, v128.load(q), x0);
      y0 = squareAdd(v, v128.load(r), y0);
      v = load4<E>(a, 1);
      x1 = squareAdd(v, v128.load(q, 16), x1);
      y1 = squareAdd(v, v128.load(r, 16), y1);
      v = load4<E>(a, 2);
      x2 = squareAdd(v, v128.load(q, 32), x2);
      y2 = squareAdd(v, v128.load(r, 32), y2);
      v = load4<E>(a, 3);
      x3 = squareAdd(v, v128.load(q, 48), x3);
      y3 = squareAdd(v, v128.load(r, 48), y3);
      q += 64;
      r += 64;
      a += 16 * sizeof<E>();
    }
    while (q < end4) {
      const v = load4<E>(a, 0);
      x0 = squareAdd(v, v128.load(q), x0);
      y0 = squareAdd(v, v128.load(r), y0);
      q += 16;
      r += 16;
      a += 4 * sizeof<E>();
    }
    while (q < end) {
      const v = load1<E>(a);
      x1 = squareAdd(v, v128.load32_zero(q), x1);
      y1 = squareAdd(v, v128.load32_zero(r), y1);
      q += 4;
      r += 4;
      a += sizeof<E>();
    }
    x0 = f32x4.add(f32x4.add(x0, x1), f32x4.add(x2, x3));
    y0 = f32x4.add(f32x4.add(y0, y1), f32x4.add(y2, y3));
    if (second) return sums(first0, first1, x0, y0);
    if (queries <= 2) return sums(x0, y0, x0, y0);
    first0 = x0;
    first1 = y0;
    q = s;
    r = t;
    second = true;
  }
}

// int8: products are exact in int32. The largest sum, 255 * 255 * 32,768 of L2, is just below 2^31; it is rounded once, to float32.
/** Four partial sums of int8 row `a` with the int16 query: of products (square false) or squared differences. */
export function intSums(square: bool, dim: u32, q: usize, a: usize): v128 {
  let s0 = i32x4.splat(0),
    s1 = s0;
  const end16 = a + (dim & ~15),
    end = a + dim;
  if (square) {
    while (a < end16) {
      const x = i16x8.sub(v128.load_ext<i8>(a), v128.load(q)),
        y = i16x8.sub(v128.load_ext<i8>(a, 8), v128.load(q, 16));
      s0 = i32x4.add(s0, i32x4.dot_i16x8_s(x, x));
      s1 = i32x4.add(s1, i32x4.dot_i16x8_s(y, y));
      a += 16;
      q += 32;
    }
  } else {
    while (a < end16) {
      s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load_ext<i8>(a), v128.load(q)));
      s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load_ext<i8>(a, 8), v128.load(q, 16)));
      a += 16;
      q += 32;
    }
  }
  if (a + 8 <= end) {
    let x = v128.load_ext<i8>(a),
      y = v128.load(q);
    if (square) {
      x = i16x8.sub(x, y);
      y = x;
    }
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(x, y));
    a += 8;
    q += 16;
  }
  let rest: i32 = 0;
  while (a < end) {
    const x = <i32>load<i8>(a),
      y = <i32>load<i16>(q),
      d = x - y;
    rest += square ? d * d : x * y;
    a++;
    q += 2;
  }
  return i32x4.add(i32x4.add(s0, s1), i32x4.replace_lane(i32x4.splat(0), 0, rest));
}

/** One query to four int8 rows. */
export function ints1x4(square: bool, dim: u32, q: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  return sumsOfInts(
    intSums(square, dim, q, a),
    intSums(square, dim, q, b),
    intSums(square, dim, q, c),
    intSums(square, dim, q, d),
  );
}

/** Four queries to one int8 row. */
export function ints4x1(square: bool, dim: u32, q: usize, r: usize, s: usize, t: usize, a: usize): v128 {
  return sumsOfInts(
    intSums(square, dim, q, a),
    intSums(square, dim, r, a),
    intSums(square, dim, s, a),
    intSums(square, dim, t, a),
  );
}

export const HAMMING: u32 = 3,
  JACCARD: u32 = 4,
  SUBSTRUCTURE: u32 = 5,
  SUPERSTRUCTURE: u32 = 6;
/** The last `bytes` (less than 8) at `p`, above them zeros. */
@inline function tail(p: usize, bytes: usize): u64 {
  let word: u64 = 0;
  for (let i: usize = 0; i < bytes; i++) word |= (<u64>load<u8>(p + i)) << ((<u64>i) << 3);
  return word;
}

// Words of 64 bits and the machine's own popcount: SIMD has none in baseline machines, and this keeps up with memory.
/** Distance of two binary vectors: differing bits; 1 - shared / all set bits (1 when none is set); 0 or 1, 0 when contained. */
export function bitsOf(metric: u32, dim: u32, q: usize, a: usize): f32 {
  const bytes = <usize>((dim + 7) >> 3),
    end8 = a + (bytes & ~7),
    rest = bytes & 7;
  if (metric == HAMMING) {
    let c0: u64 = 0,
      c1: u64 = 0;
    while (a + 16 <= end8) {
      c0 += popcnt(load<u64>(q) ^ load<u64>(a));
      c1 += popcnt(load<u64>(q, 8) ^ load<u64>(a, 8));
      q += 16;
      a += 16;
    }
    if (a < end8) {
      c0 += popcnt(load<u64>(q) ^ load<u64>(a));
      q += 8;
      a += 8;
    }
    if (rest != 0) c0 += popcnt(tail(q, rest) ^ tail(a, rest));
    return <f32>(c0 + c1);
  }
  if (metric == JACCARD) {
    let both: u64 = 0,
      any: u64 = 0;
    while (a < end8) {
      const x = load<u64>(q),
        y = load<u64>(a);
      both += popcnt(x & y);
      any += popcnt(x | y);
      q += 8;
      a += 8;
    }
    if (rest != 0) {
      const x = tail(q, rest),
        y = tail(a, rest);
      both += popcnt(x & y);
      any += popcnt(x | y);
    }
    return any == 0 ? 1 : <f32>(any - both) / <f32>any;
  }
  const inner = metric == SUBSTRUCTURE ? a : q;
  let x = inner,
    y = metric == SUBSTRUCTURE ? q : a;
  const end = x + (bytes & ~7);
  while (x < end) {
    if (load<u64>(x) & ~load<u64>(y)) return 1;
    x += 8;
    y += 8;
  }
  return rest != 0 && (tail(x, rest) & ~tail(y, rest)) != 0 ? 1 : 0;
}

@inline export function four(a: f32, b: f32, c: f32, d: f32): v128 {
  return f32x4.replace_lane(f32x4.replace_lane(f32x4.replace_lane(f32x4.splat(a), 1, b), 2, c), 3, d);
}
