// Lists of vectors against rows that are lists of vectors: of each query vector the best match in a row, added up.
import { rowBytes } from '../lib/elements';
import { negate } from '../lib/keys';
import { inBlocks } from './scan-ids';
import { COSINE, isSimilarity, raw4x1 } from './scores';

/**
 * Adds to the `count` f32 at `sums`, one a row, the distances of `queryCount` query vectors to the vectors [first, end) of the row, which are
 * two u32 at `spans`; of each query vector that of the nearest. Similarities count negated, so that smaller is better for every metric.
 * Query i is at q + i * qStride, its inverse norm at tops + i * topStride + 4; vectors and norms lie as for `scanIds`.
 */
export function maxSim(
  element: u32,
  metric: u32,
  dim: u32,
  vectors: usize,
  norms: usize,
  blockRows: u32,
  blockBytes: usize,
  spans: usize,
  count: u32,
  queryCount: u32,
  q: usize,
  qStride: usize,
  tops: usize,
  topStride: usize,
  sums: usize,
): void {
  const stride = rowBytes(element, dim);
  for (let i: u32 = 0; i < count; i++, spans += 8, sums += 4) {
    const first = load<u32>(spans),
      end = load<u32>(spans, 4);
    let sum: f64 = 0;
    for (let g: u32 = 0; g < queryCount; g += 4) {
      // Absent queries repeat another one and are not added.
      const many = min<u32>(4, queryCount - g);
      const q0 = q + <usize>g * qStride,
        q1 = many > 1 ? q0 + qStride : q0,
        q2 = many > 2 ? q1 + qStride : q0,
        q3 = many > 3 ? q2 + qStride : q1;
      const t0 = tops + <usize>g * topStride;
      let scales = f32x4.splat(load<f32>(t0, 4));
      if (many > 1) scales = f32x4.replace_lane(scales, 1, load<f32>(t0 + topStride, 4));
      if (many > 2) scales = f32x4.replace_lane(scales, 2, load<f32>(t0 + 2 * topStride, 4));
      if (many > 3) scales = f32x4.replace_lane(scales, 3, load<f32>(t0 + 3 * topStride, 4));
      let best = f32x4.splat(Infinity);
      for (let e = first; e < end; e++) {
        const at = inBlocks(vectors, e, blockRows, blockBytes, stride);
        let v = raw4x1(element, metric, dim, many, q0, q1, q2, q3, at);
        if (isSimilarity(metric)) {
          if (metric == COSINE)
            v = f32x4.mul(
              f32x4.mul(v, v128.load32_splat(inBlocks(norms, e, blockRows, blockBytes, 4))),
              scales,
            );
          v = negate(v);
        }
        best = f32x4.min(best, v);
      }
      sum += <f64>f32x4.extract_lane(best, 0);
      if (many > 1) sum += <f64>f32x4.extract_lane(best, 1);
      if (many > 2) sum += <f64>f32x4.extract_lane(best, 2);
      if (many > 3) sum += <f64>f32x4.extract_lane(best, 3);
    }
    store<f32>(sums, <f32>(<f64>load<f32>(sums) + sum));
  }
}
