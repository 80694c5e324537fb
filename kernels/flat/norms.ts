// Inverse Euclidean norms, by which COSINE scores are multiplied.
import { BFLOAT16, FLOAT16, FLOAT32, loadExact, rowBytes } from '../lib/elements';

/** Sum of squares in f64, so that tiny and huge values survive. */
function squares<E>(p: usize, dim: u32): f64 {
  const step = sizeof<E>(),
    end4 = p + <usize>(dim & ~3) * step,
    end = p + <usize>dim * step;
  let s0 = f64x2.splat(0),
    s1 = s0;
  while (p < end4) {
    let a: v128, b: v128;
    if (isFloat<E>()) {
      a = f64x2.promote_low_f32x4(v128.load64_zero(p));
      b = f64x2.promote_low_f32x4(v128.load64_zero(p, 8));
    } else {
      a = f64x2.replace_lane(f64x2.splat(<f64>loadExact<E>(p)), 1, <f64>loadExact<E>(p + step));
      b = f64x2.replace_lane(
        f64x2.splat(<f64>loadExact<E>(p + 2 * step)),
        1,
        <f64>loadExact<E>(p + 3 * step),
      );
    }
    s0 = f64x2.add(s0, f64x2.mul(a, a));
    s1 = f64x2.add(s1, f64x2.mul(b, b));
    p += 4 * step;
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  while (p < end) {
    const x = <f64>loadExact<E>(p);
    sum += x * x;
    p += step;
  }
  return sum;
}

function squaresOfInts(p: usize, dim: u32): f64 {
  let sum = i32x4.splat(0),
    rest: i32 = 0;
  const end8 = p + (dim & ~7),
    end = p + dim;
  while (p < end8) {
    const x = v128.load_ext<i8>(p);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(x, x));
    p += 8;
  }
  while (p < end) {
    const x = <i32>load<i8>(p);
    rest += x * x;
    p++;
  }
  return <f64>(
    (i32x4.extract_lane(sum, 0) +
      i32x4.extract_lane(sum, 1) +
      i32x4.extract_lane(sum, 2) +
      i32x4.extract_lane(sum, 3) +
      rest)
  );
}

/** Inverse Euclidean norms of `rows` vectors, 0 where there is none (zero, or not finite). Not for binary vectors. */
export function norms(element: u32, vectors: usize, dim: u32, rows: u32, out: usize): void {
  const stride = rowBytes(element, dim);
  for (let row: u32 = 0; row < rows; row++) {
    const p = vectors + <usize>row * stride;
    let sum: f64;
    if (element == FLOAT32) sum = squares<f32>(p, dim);
    else if (element == FLOAT16) sum = squares<u16>(p, dim);
    else if (element == BFLOAT16) sum = squares<i16>(p, dim);
    else sum = squaresOfInts(p, dim);
    const inverse = <f32>(1 / sqrt<f64>(sum));
    store<f32>(out + ((<usize>row) << 2), inverse < Infinity ? inverse : 0);
  }
}
