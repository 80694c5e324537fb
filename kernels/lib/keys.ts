// Float scores as order-preserving u32 keys, smaller = better, and the sums across lanes before them. Shared by all kernels.

@inline export function keys(v: v128): v128 {
  return v128.xor(v, v128.or(i32x4.shr_s(v, 31), i32x4.splat(0x80000000)));
}

// -x + 0: smaller becomes better, and -0 becomes +0, so that both zeros tie.
@inline export function negate(v: v128): v128 {
  return f32x4.sub(f32x4.splat(0), v);
}

/** Horizontal sums of four vectors, in four lanes. */
@inline export function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const t0 = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const t1 = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(t0, t1, 0, 1, 4, 5), v128.shuffle<f32>(t0, t1, 2, 3, 6, 7));
}

/** The same of integers, as floats. */
@inline export function sumsOfInts(a: v128, b: v128, c: v128, d: v128): v128 {
  const t0 = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const t1 = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return f32x4.convert_i32x4_s(
    i32x4.add(v128.shuffle<i32>(t0, t1, 0, 1, 4, 5), v128.shuffle<i32>(t0, t1, 2, 3, 6, 7)),
  );
}

// In the relaxed build one rounding instead of two, in one instruction where the machine has it.
@inline export function mulAdd(a: v128, b: v128, c: v128): v128 {
  if (isDefined(RELAXED)) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

@inline export function squareAdd(a: v128, b: v128, c: v128): v128 {
  const t = f32x4.sub(a, b);
  return mulAdd(t, t, c);
}
