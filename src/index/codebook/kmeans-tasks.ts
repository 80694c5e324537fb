// Worker tasks of k-means (Lloyd) over points in shared memory. Results do not depend on how many threads take part: each point is
// assigned on its own, and every sum is taken in the order of the points.
import { alignUp } from '#base/bytes.js';
import { nextBelow, seededRandom } from '#base/random.js';
import { fromPanels, panelFloats, panelsFor, writeHalfSquares } from './centroid-panels.js';
import { ivfKernel } from './ivf-kernel.js';

export interface KMeansPlan {
  /** Byte offsets in the first region, multiples of 16; points are float32, `stride` bytes apart. */
  readonly points: number;
  readonly stride: number;
  readonly count: number;
  readonly dim: number;
  /** Centroids, at most `count`. */
  readonly k: number;
  /** Where the working area starts; its size is kmeansArea(plan).end - area. */
  readonly area: number;
  readonly iterations: number;
  readonly seed: number;
}

type Context = { readonly memories: readonly WebAssembly.Memory[] };
/** Two iterations whose mean squared distances differ by less than this share end the training. */
const LEAST_GAIN = 0.001;

export function kmeansArea({ area, count, dim, k }: Pick<KMeansPlan, 'area' | 'count' | 'dim' | 'k'>) {
  let end = area;
  const take = (bytes: number): number => {
    const at = end;
    end += alignUp(bytes, 16);
    return at;
  };
  return {
    panels: take(panelFloats(k, dim) * 4),
    bias: take(panelsFor(k) * 32),
    ids: take(count * 4),
    values: take(count * 4),
    sums: take(k * dim * 4),
    counts: take(k * 4),
    get end() {
      return end;
    },
  };
}

const memoryOf = (context: Context): WebAssembly.Memory => context.memories[0] as WebAssembly.Memory;

/** Takes distinct random points as the first centroids; returns half the sum of the points' squared lengths. */
export function kmeansStart(plan: KMeansPlan, context: Context): number {
  const { buffer } = memoryOf(context);
  const { dim, k, count } = plan;
  const area = kmeansArea(plan);
  const panels = new Float32Array(buffer, area.panels, panelFloats(k, dim));
  panels.fill(0);
  const chosen = sampleRows(count, k, plan.seed);
  chosen.forEach((row, i) => {
    setCentroid(panels, dim, i, new Float32Array(buffer, plan.points + row * plan.stride, dim));
  });
  writeHalfSquares(panels, dim, k, new Float32Array(buffer, area.bias, panelsFor(k) * 8));
  return kmeansMeasure(plan, context);
}

/** Half the sum of the points' squared lengths: with the scores of the points, it gives their distances from their centroids. */
export function kmeansMeasure({ points, stride, count, dim }: KMeansPlan, context: Context): number {
  const { buffer } = memoryOf(context);
  let squares = 0;
  for (let i = 0; i < count; i++) {
    const point = new Float32Array(buffer, points + i * stride, dim);
    for (let d = 0; d < dim; d++) squares += (point[d] as number) ** 2;
  }
  return squares / 2;
}

export function kmeansAssign(
  { plan, begin, end }: { plan: KMeansPlan; begin: number; end: number },
  context: Context,
): void {
  const memory = memoryOf(context);
  const area = kmeansArea(plan);
  const { points, stride, dim, k } = plan;
  const at = begin * 4;
  ivfKernel
    .on(memory)
    .assign(
      points + begin * stride,
      stride,
      end - begin,
      dim,
      area.panels,
      panelsFor(k),
      area.bias,
      area.ids + at,
      area.values + at,
    );
}

export interface KMeansStep {
  /** Sum of the scores that the points had before the centroids moved. */
  readonly scores: number;
  /** Centroids without points that found a new place. */
  readonly refilled: number;
}

/** Moves the centroids to the means of their points. */
export function kmeansUpdate(plan: KMeansPlan, context: Context): KMeansStep {
  const memory = memoryOf(context);
  const { buffer } = memory;
  const { points, stride, count, dim, k } = plan;
  const area = kmeansArea(plan);
  const sums = new Float32Array(buffer, area.sums, k * dim);
  const counts = new Uint32Array(buffer, area.counts, k);
  sums.fill(0);
  counts.fill(0);
  ivfKernel.on(memory).accumulate(points, stride, count, dim, area.ids, area.sums, area.counts);
  const panels = new Float32Array(buffer, area.panels, panelFloats(k, dim));
  const mean = new Float32Array(dim);
  const empty: number[] = [];
  counts.forEach((size, i) => {
    if (size === 0) {
      empty.push(i);
      return;
    }
    for (let d = 0; d < dim; d++) mean[d] = (sums[i * dim + d] as number) / size;
    setCentroid(panels, dim, i, mean);
  });
  const refilled = empty.length > 0 ? refill(plan, buffer, empty, counts, panels) : 0;
  writeHalfSquares(panels, dim, k, new Float32Array(buffer, area.bias, panelsFor(k) * 8));
  let scores = 0;
  for (const value of new Float32Array(buffer, area.values, count)) scores += value;
  return { scores, refilled };
}

/**
 * A centroid without points moves onto the farthest point of one of the largest clusters that have points apart from their centroid;
 * each such cluster gives one. Returns how many moved.
 */
function refill(
  plan: KMeansPlan,
  buffer: ArrayBufferLike,
  empty: readonly number[],
  counts: Uint32Array,
  panels: Float32Array,
): number {
  const { dim, stride, points, count, k } = plan;
  const area = kmeansArea(plan);
  const ids = new Uint32Array(buffer, area.ids, count);
  const values = new Float32Array(buffer, area.values, count);
  const farthest = new Int32Array(k).fill(-1);
  const distances = new Float64Array(k);
  for (let i = 0; i < count; i++) {
    const point = new Float32Array(buffer, points + i * stride, dim);
    let half = 0;
    for (let d = 0; d < dim; d++) half += (point[d] as number) ** 2;
    half /= 2;
    const distance = half + (values[i] as number);
    const id = ids[i] as number;
    // Differences of float32 sums: what is below their precision is no distance.
    if (distance > half * 1e-6 && distance > (distances[id] as number)) {
      distances[id] = distance;
      farthest[id] = i;
    }
  }
  const donors = Array.from(farthest.keys()).filter((id) => (farthest[id] as number) >= 0);
  donors.sort((a, b) => (counts[b] as number) - (counts[a] as number) || a - b);
  const moved = Math.min(donors.length, empty.length);
  for (let i = 0; i < moved; i++) {
    const row = farthest[donors[i] as number] as number;
    setCentroid(panels, dim, empty[i] as number, new Float32Array(buffer, points + row * stride, dim));
  }
  return moved;
}

/** The whole training on this thread: for small plans. */
export function kmeansSolve(plan: KMeansPlan, context: Context): void {
  const progress = new KMeansProgress(kmeansStart(plan, context));
  for (let i = 0; i < plan.iterations; i++) {
    kmeansAssign({ plan, begin: 0, end: plan.count }, context);
    if (progress.isDone(kmeansUpdate(plan, context))) break;
  }
}

export class KMeansProgress {
  readonly #half: number;
  #last = Number.POSITIVE_INFINITY;

  constructor(halfSquares: number) {
    this.#half = halfSquares;
  }

  isDone({ scores, refilled }: KMeansStep): boolean {
    const now = Math.max(0, this.#half + scores);
    const done = refilled === 0 && !(this.#last - now > LEAST_GAIN * now);
    this.#last = now;
    return done;
  }
}

/** `wanted` distinct numbers below `count`, ascending, the same for the same seed. */
export function sampleRows(count: number, wanted: number, seed: number): Uint32Array {
  const result = new Uint32Array(Math.min(wanted, count));
  const random = seededRandom(seed);
  // Selection sampling: each number is taken with the chance that is left.
  for (let i = 0, taken = 0; taken < result.length; i++) {
    if (nextBelow(random, count - i) < result.length - taken) result[taken++] = i;
  }
  return result;
}

function setCentroid(panels: Float32Array, dim: number, i: number, value: Float32Array): void {
  const at = (i >> 3) * 8 * dim + (i & 7);
  for (let d = 0; d < dim; d++) panels[at + d * 8] = value[d] as number;
}

/** The centroids of a finished training, row-major. */
export function centroidRows(plan: KMeansPlan, memory: WebAssembly.Memory): Float32Array {
  const panels = new Float32Array(memory.buffer, kmeansArea(plan).panels, panelFloats(plan.k, plan.dim));
  const rows = new Float32Array(plan.k * plan.dim);
  for (let i = 0; i < plan.k; i++)
    fromPanels(panels, plan.dim, i, rows.subarray(i * plan.dim, (i + 1) * plan.dim));
  return rows;
}
