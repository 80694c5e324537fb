// Scores of four pairs of a query and a row at a time, before they are offered to a top-k state: by element type and metric.
import { bitsOf, dot1x4, dot4x1, four, ints1x4, ints4x1, square1x4, square4x1 } from '../lib/distances';
import { BFLOAT16, FLOAT16, FLOAT32, INT8 } from '../lib/elements';

export const L2: u32 = 0,
  COSINE: u32 = 2;

/** Raw scores of one query with the rows at a, b, c, d, before norms and sign. */
@inline export function raw1x4(
  element: u32,
  metric: u32,
  dim: u32,
  q: usize,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
): v128 {
  if (element == FLOAT32)
    return metric == L2 ? square1x4<f32>(dim, q, a, b, c, d) : dot1x4<f32>(dim, q, a, b, c, d);
  if (element == FLOAT16)
    return metric == L2 ? square1x4<u16>(dim, q, a, b, c, d) : dot1x4<u16>(dim, q, a, b, c, d);
  if (element == BFLOAT16)
    return metric == L2 ? square1x4<i16>(dim, q, a, b, c, d) : dot1x4<i16>(dim, q, a, b, c, d);
  if (element == INT8) return ints1x4(metric == L2, dim, q, a, b, c, d);
  return four(
    bitsOf(metric, dim, q, a),
    bitsOf(metric, dim, q, b),
    bitsOf(metric, dim, q, c),
    bitsOf(metric, dim, q, d),
  );
}

/** Raw scores of four queries with the row at a. */
@inline export function raw4x1(
  element: u32,
  metric: u32,
  dim: u32,
  queries: u32,
  q: usize,
  r: usize,
  s: usize,
  t: usize,
  a: usize,
): v128 {
  if (element == FLOAT32)
    return metric == L2
      ? square4x1<f32>(dim, queries, q, r, s, t, a)
      : dot4x1<f32>(dim, queries, q, r, s, t, a);
  if (element == FLOAT16)
    return metric == L2
      ? square4x1<u16>(dim, queries, q, r, s, t, a)
      : dot4x1<u16>(dim, queries, q, r, s, t, a);
  if (element == BFLOAT16)
    return metric == L2
      ? square4x1<i16>(dim, queries, q, r, s, t, a)
      : dot4x1<i16>(dim, queries, q, r, s, t, a);
  if (element == INT8) return ints4x1(metric == L2, dim, q, r, s, t, a);
  return four(
    bitsOf(metric, dim, q, a),
    bitsOf(metric, dim, r, a),
    bitsOf(metric, dim, s, a),
    bitsOf(metric, dim, t, a),
  );
}

@inline export function isSimilarity(metric: u32): bool {
  return metric == 1 || metric == COSINE;
}

@inline export function gather4(a: usize, b: usize, c: usize, d: usize): v128 {
  let v = v128.load32_zero(a);
  v = v128.load_lane<f32>(b, v, 1);
  v = v128.load_lane<f32>(c, v, 2);
  return v128.load_lane<f32>(d, v, 3);
}
