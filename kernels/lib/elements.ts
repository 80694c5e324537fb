// Elements of vectors as they lie in a row. The type parameter E names the kind: f32 float32, u16 float16, i16 bfloat16, i8 int8.
// Floats of two bytes become float32 exactly: a float32 holds every one of their values.

export const FLOAT32: u32 = 0,
  FLOAT16: u32 = 1,
  BFLOAT16: u32 = 2,
  INT8: u32 = 3,
  BINARY: u32 = 4;

/** Bytes of a row of `dim` elements. */
@inline export function rowBytes(element: u32, dim: u32): usize {
  if (element == FLOAT32) return (<usize>dim) << 2;
  if (element == INT8) return dim;
  return element == BINARY ? <usize>((dim + 7) >> 3) : (<usize>dim) << 1;
}

// Four float16, sign-extended to 32 bits and shifted left by 13, have sign, exponent and fraction where a float32 has them, but an
// exponent that is 112 too small (bias 15, not 127); times 2^112 it is right, for subnormal ones too. Exponent 31 (infinite, NaN) comes
// out as one more binade: rows are checked when they are written, so none has it, and the check would cost a third of the speed.
@inline function fromHalf(shifted: v128): v128 {
  return f32x4.mul(v128.and(shifted, i32x4.splat(0x8fffffff)), f32x4.splat(reinterpret<f32>(0x77800000)));
}

/** Elements 4 n to 4 n + 3 (n from 0 to 3, a constant) from `p` on, as float32. */
@inline export function load4<E>(p: usize, n: u32): v128 {
  if (isFloat<E>()) {
    if (n == 0) return v128.load(p);
    if (n == 1) return v128.load(p, 16);
    return n == 2 ? v128.load(p, 32) : v128.load(p, 48);
  }
  if (isSigned<E>()) {
    if (n == 0) return i32x4.shl(v128.load_ext<u16>(p), 16);
    if (n == 1) return i32x4.shl(v128.load_ext<u16>(p, 8), 16);
    return i32x4.shl(n == 2 ? v128.load_ext<u16>(p, 16) : v128.load_ext<u16>(p, 24), 16);
  }
  if (n == 0) return fromHalf(i32x4.shl(v128.load_ext<i16>(p), 13));
  if (n == 1) return fromHalf(i32x4.shl(v128.load_ext<i16>(p, 8), 13));
  return fromHalf(i32x4.shl(n == 2 ? v128.load_ext<i16>(p, 16) : v128.load_ext<i16>(p, 24), 13));
}

/** The element at `p` as float32 in lane 0, zeros beside it: a row is never read past its end. */
@inline export function load1<E>(p: usize): v128 {
  if (isFloat<E>()) return v128.load32_zero(p);
  const upper = i32x4.replace_lane(i32x4.splat(0), 0, (<i32>load<u16>(p)) << 16);
  return isSigned<E>() ? upper : fromHalf(i32x4.shr_s(upper, 3));
}

/** The element at `p`, infinities and NaN included. */
@inline export function loadExact<E>(p: usize): f32 {
  if (isFloat<E>()) return load<f32>(p);
  const bits = <u32>load<u16>(p);
  if (isSigned<E>()) return reinterpret<f32>(bits << 16);
  const magnitude = (bits & 0x7fff) << 13,
    sign = (bits & 0x8000) << 16;
  if (magnitude >= 0x0f800000) return reinterpret<f32>(sign | 0x7f800000 | magnitude);
  return reinterpret<f32>(
    sign | reinterpret<u32>(reinterpret<f32>(magnitude) * reinterpret<f32>(0x77800000)),
  );
}
