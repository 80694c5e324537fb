// Points against centroids. Centroids lie in panels of eight: panel p holds, for each dimension, the values of centroids 8p to 8p + 7
// (32 bytes). A lane is a centroid, so no sum across lanes is needed and dimensions of any number, 1 too, run at full width.
// The score of a pair is bias[centroid] - point . centroid: with bias = |centroid|^2 / 2 it orders by Euclidean distance.
import { keyOf, limitOf, push } from './topk';

/** sum - x * y; with relaxed SIMD rounded once, and faster. */
@inline function less(sum: v128, x: v128, y: v128): v128 {
  if (isDefined(RELAXED)) return f32x4.relaxed_nmadd(x, y, sum);
  return f32x4.sub(sum, f32x4.mul(x, y));
}

/** Scores of one point with all centroids, eight per panel, into `out`. */
export function scoreAll(
  point: usize,
  dim: u32,
  panels: usize,
  panelCount: u32,
  bias: usize,
  out: usize,
): void {
  const size = (<usize>dim) << 5,
    end = point + ((<usize>dim) << 2);
  let left = panelCount;
  // Four panels at a time: eight independent sums hide the latency of one addition.
  while (left >= 4) {
    let s0 = v128.load(bias),
      s1 = v128.load(bias, 16),
      s2 = v128.load(bias, 32),
      s3 = v128.load(bias, 48);
    let s4 = v128.load(bias, 64),
      s5 = v128.load(bias, 80),
      s6 = v128.load(bias, 96),
      s7 = v128.load(bias, 112);
    let a = panels,
      b = a + size,
      c = b + size,
      d = c + size;
    for (let p = point; p < end; p += 4) {
      const x = v128.load32_splat(p);
      s0 = less(s0, x, v128.load(a));
      s1 = less(s1, x, v128.load(a, 16));
      s2 = less(s2, x, v128.load(b));
      s3 = less(s3, x, v128.load(b, 16));
      s4 = less(s4, x, v128.load(c));
      s5 = less(s5, x, v128.load(c, 16));
      s6 = less(s6, x, v128.load(d));
      s7 = less(s7, x, v128.load(d, 16));
      a += 32;
      b += 32;
      c += 32;
      d += 32;
    }
    v128.store(out, s0);
    v128.store(out, s1, 16);
    v128.store(out, s2, 32);
    v128.store(out, s3, 48);
    v128.store(out, s4, 64);
    v128.store(out, s5, 80);
    v128.store(out, s6, 96);
    v128.store(out, s7, 112);
    panels = d;
    out += 128;
    bias += 128;
    left -= 4;
  }
  for (; left != 0; left--) {
    let s0 = v128.load(bias),
      s1 = v128.load(bias, 16);
    for (let p = point; p < end; p += 4) {
      const x = v128.load32_splat(p);
      s0 = less(s0, x, v128.load(panels));
      s1 = less(s1, x, v128.load(panels, 16));
      panels += 32;
    }
    v128.store(out, s0);
    v128.store(out, s1, 16);
    out += 32;
    bias += 32;
  }
}

/** The least lane of two vectors whose lanes are centroids `0..7`, with the ids of their panels; ties go to the smaller centroid. */
function storeBest(
  lowScore: v128,
  lowPanel: v128,
  highScore: v128,
  highPanel: v128,
  id: usize,
  value: usize,
): void {
  // A panel number becomes a centroid number: 8 * panel + lane.
  const low = i32x4.add(i32x4.shl(lowPanel, 3), i32x4(0, 1, 2, 3)),
    high = i32x4.add(i32x4.shl(highPanel, 3), i32x4(4, 5, 6, 7));
  let best = f32x4.extract_lane(lowScore, 0),
    at: u32 = i32x4.extract_lane(low, 0);
  let score = f32x4.extract_lane(lowScore, 1),
    other: u32 = i32x4.extract_lane(low, 1);
  if (score < best || (score == best && other < at)) {
    best = score;
    at = other;
  }
  score = f32x4.extract_lane(lowScore, 2);
  other = i32x4.extract_lane(low, 2);
  if (score < best || (score == best && other < at)) {
    best = score;
    at = other;
  }
  score = f32x4.extract_lane(lowScore, 3);
  other = i32x4.extract_lane(low, 3);
  if (score < best || (score == best && other < at)) {
    best = score;
    at = other;
  }
  score = f32x4.extract_lane(highScore, 0);
  other = i32x4.extract_lane(high, 0);
  if (score < best || (score == best && other < at)) {
    best = score;
    at = other;
  }
  score = f32x4.extract_lane(highScore, 1);
  other = i32x4.extract_lane(high, 1);
  if (score < best || (score == best && other < at)) {
    best = score;
    at = other;
  }
  score = f32x4.extract_lane(highScore, 2);
  other = i32x4.extract_lane(high, 2);
  if (score < best || (score == best && other < at)) {
    best = score;
    at = other;
  }
  score = f32x4.extract_lane(highScore, 3);
  other = i32x4.extract_lane(high, 3);
  if (score < best || (score == best && other < at)) {
    best = score;
    at = other;
  }
  store<u32>(id, at);
  store<f32>(value, best);
}

/**
 * The best centroid of each point, and its score. Points are `stride` bytes apart. Where no score is a number, the centroid is 0.
 * Four points by eight centroids per pass: eight sums and the values that feed them fill the sixteen registers.
 */
export function assign(
  points: usize,
  stride: usize,
  count: u32,
  dim: u32,
  panels: usize,
  panelCount: u32,
  bias: usize,
  ids: usize,
  values: usize,
): void {
  const bytes = (<usize>dim) << 2;
  for (let i: u32 = 0; i < count; i += 4) {
    const left = count - i;
    const p0 = points + <usize>i * stride,
      p1 = left > 1 ? p0 + stride : p0,
      p2 = left > 2 ? p1 + stride : p1,
      p3 = left > 3 ? p2 + stride : p2;
    let best0 = f32x4.splat(Infinity),
      best1 = best0,
      best2 = best0,
      best3 = best0,
      best4 = best0,
      best5 = best0,
      best6 = best0,
      best7 = best0;
    let at0 = i32x4.splat(0),
      at1 = at0,
      at2 = at0,
      at3 = at0,
      at4 = at0,
      at5 = at0,
      at6 = at0,
      at7 = at0;
    let panel = panels,
      b = bias;
    for (let n: u32 = 0; n < panelCount; n++, b += 32) {
      let s0 = v128.load(b),
        s1 = v128.load(b, 16),
        s2 = s0,
        s3 = s1,
        s4 = s0,
        s5 = s1,
        s6 = s0,
        s7 = s1;
      for (let o: usize = 0; o < bytes; o += 4, panel += 32) {
        const low = v128.load(panel),
          high = v128.load(panel, 16);
        let x = v128.load32_splat(p0 + o);
        s0 = less(s0, x, low);
        s1 = less(s1, x, high);
        x = v128.load32_splat(p1 + o);
        s2 = less(s2, x, low);
        s3 = less(s3, x, high);
        x = v128.load32_splat(p2 + o);
        s4 = less(s4, x, low);
        s5 = less(s5, x, high);
        x = v128.load32_splat(p3 + o);
        s6 = less(s6, x, low);
        s7 = less(s7, x, high);
      }
      const at = i32x4.splat(n);
      let less = f32x4.lt(s0, best0);
      best0 = v128.bitselect(s0, best0, less);
      at0 = v128.bitselect(at, at0, less);
      less = f32x4.lt(s1, best1);
      best1 = v128.bitselect(s1, best1, less);
      at1 = v128.bitselect(at, at1, less);
      less = f32x4.lt(s2, best2);
      best2 = v128.bitselect(s2, best2, less);
      at2 = v128.bitselect(at, at2, less);
      less = f32x4.lt(s3, best3);
      best3 = v128.bitselect(s3, best3, less);
      at3 = v128.bitselect(at, at3, less);
      less = f32x4.lt(s4, best4);
      best4 = v128.bitselect(s4, best4, less);
      at4 = v128.bitselect(at, at4, less);
      less = f32x4.lt(s5, best5);
      best5 = v128.bitselect(s5, best5, less);
      at5 = v128.bitselect(at, at5, less);
      less = f32x4.lt(s6, best6);
      best6 = v128.bitselect(s6, best6, less);
      at6 = v128.bitselect(at, at6, less);
      less = f32x4.lt(s7, best7);
      best7 = v128.bitselect(s7, best7, less);
      at7 = v128.bitselect(at, at7, less);
    }
    const id = ids + ((<usize>i) << 2),
      value = values + ((<usize>i) << 2);
    storeBest(best0, at0, best1, at1, id, value);
    if (left > 1) storeBest(best2, at2, best3, at3, id + 4, value + 4);
    if (left > 2) storeBest(best4, at4, best5, at5, id + 8, value + 8);
    if (left > 3) storeBest(best6, at6, best7, at7, id + 12, value + 12);
  }
}

/** Adds each point to the sum (row-major float32) of its centroid and counts it. */
export function accumulate(
  points: usize,
  stride: usize,
  count: u32,
  dim: u32,
  ids: usize,
  sums: usize,
  counts: usize,
): void {
  const bytes = (<usize>dim) << 2,
    end4 = (<usize>(dim & ~3)) << 2;
  for (let i: u32 = 0; i < count; i++, points += stride) {
    const id = <usize>load<u32>(ids + ((<usize>i) << 2)),
      sum = sums + id * bytes;
    store<u32>(counts + (id << 2), load<u32>(counts + (id << 2)) + 1);
    let o: usize = 0;
    for (; o < end4; o += 16) v128.store(sum + o, f32x4.add(v128.load(sum + o), v128.load(points + o)));
    for (; o < bytes; o += 4) store<f32>(sum + o, load<f32>(sum + o) + load<f32>(points + o));
  }
}

/** Offers scores [0, count) as candidates whose rows are their places. */
export function selectBest(scores: usize, count: u32, top: usize): void {
  const limit = load<u32>(top, 8);
  if (limit == 0) return;
  let bound = limitOf(top);
  for (let i: u32 = 0; i < count; i += 4) {
    let mask: u32 = i32x4.bitmask(f32x4.le(v128.load(scores + ((<usize>i) << 2)), f32x4.splat(bound)));
    if (count - i < 4) mask &= (1 << (count - i)) - 1;
    while (mask) {
      const lane = ctz(mask);
      mask &= mask - 1;
      const score = load<f32>(scores + ((<usize>(i + lane)) << 2));
      if (score <= bound) {
        push(top, keyOf(score), i + lane);
        bound = limitOf(top);
      }
    }
  }
}
