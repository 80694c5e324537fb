// k-means: the same result however many threads there are, centroids at the clusters, empty clusters refilled, cancellation.
import { describe, expect, it } from 'vitest';
import { nextFloat, seededRandom } from '#base/random.js';
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { workerTasks } from '#index/worker-tasks.js';
import { centroidRows, type KMeansPlan, kmeansArea, sampleRows } from './kmeans-tasks.js';
import { trainKMeans } from './kmeans-train.js';

/** Runs tasks in later turns, so that those of several lanes interleave. */
const inlineWorkers = (parallelism: number): IndexWorkers & { readonly tasks: string[] } => {
  const tasks: string[] = [];
  return {
    parallelism,
    tasks,
    allocate: (bytes, bytesMax) => ({
      memory: new WebAssembly.Memory({
        initial: Math.ceil(bytes / 65536),
        maximum: Math.ceil(bytesMax / 65536),
        shared: true,
      }),
    }),
    release: () => {},
    async run<Output>(task: string, input: unknown, regions: readonly IndexRegion[]): Promise<Output> {
      tasks.push(task);
      for (let turns = tasks.length % 3; turns >= 0; turns--) await Promise.resolve();
      const run = (
        workerTasks as Record<
          string,
          (input: never, context: { memories: WebAssembly.Memory[]; thread: number }) => unknown
        >
      )[task];
      return run?.(structuredClone(input) as never, {
        memories: regions.map(({ memory }) => memory),
        thread: 0,
      }) as Output;
    },
  };
};

const START = 65536;
async function train(
  points: Float32Array,
  dim: number,
  k: number,
  options: { threads?: number; signal?: AbortSignal; seed?: number } = {},
) {
  const workers = inlineWorkers(options.threads ?? 1);
  const count = points.length / dim;
  const area = Math.ceil((START + points.byteLength) / 64) * 64;
  const plan: KMeansPlan = {
    points: START,
    stride: dim * 4,
    count,
    dim,
    k,
    area,
    iterations: 15,
    seed: options.seed ?? 3,
  };
  const { end } = kmeansArea(plan);
  const region = workers.allocate(end, end);
  new Float32Array(region.memory.buffer, START, points.length).set(points);
  await trainKMeans(workers, region, plan, { signal: options.signal });
  return { rows: centroidRows(plan, region.memory), tasks: workers.tasks };
}

const random = seededRandom(11);
const noise = (count: number): Float32Array =>
  Float32Array.from({ length: count }, () => nextFloat(random) * 2 - 1);
const squareTo = (points: Float32Array, i: number, rows: Float32Array, c: number, dim: number): number => {
  let sum = 0;
  for (let d = 0; d < dim; d++) sum += ((points[i * dim + d] as number) - (rows[c * dim + d] as number)) ** 2;
  return sum;
};

const errorOf = (points: Float32Array, rows: Float32Array, dim: number): number => {
  let total = 0;
  for (let i = 0; i < points.length / dim; i++) {
    let best = Number.POSITIVE_INFINITY;
    for (let c = 0; c < rows.length / dim; c++) best = Math.min(best, squareTo(points, i, rows, c, dim));
    total += best;
  }
  return total / (points.length / dim);
};

describe('trainKMeans', () => {
  it('gives the same centroids with one and with five threads, in pieces and in one task', async () => {
    const points = noise(9000 * 48);
    const one = await train(points, 48, 70);
    const five = await train(points, 48, 70, { threads: 5 });
    expect(one.tasks).toContain('kmeansAssign');
    expect(five.rows).toEqual(one.rows);
    const small = points.slice(0, 500 * 48);
    expect((await train(small, 48, 9, { threads: 5 })).tasks).toEqual(['kmeansSolve']);
    expect((await train(small, 48, 9)).rows).not.toEqual((await train(small, 48, 9, { seed: 4 })).rows);
  });
  it.each([1, 2, 3, 5, 17, 130])(
    'leaves each point nearer to a centroid than random choice does, dim %i',
    async (dim) => {
      const points = noise(600 * dim);
      const { rows } = await train(points, dim, 13);
      const chosen = sampleRows(600, 13, 3);
      const first = new Float32Array(13 * dim);
      chosen.forEach((row, i) => {
        first.set(points.subarray(row * dim, (row + 1) * dim), i * dim);
      });
      expect(errorOf(points, rows, dim)).toBeLessThan(errorOf(points, first, dim));
    },
  );
  it('refills clusters that lost their points: as many clusters as values, and the error is nothing', async () => {
    const points = new Float32Array(400 * 2);
    for (let i = 0; i < 400; i++) points.set(i < 390 ? [1, 1] : [i, -i], i * 2);
    const { rows } = await train(points, 2, 11);
    expect(errorOf(points, rows, 2)).toBeLessThan(1e-6);
  });
  it('handles duplicates, and as many centroids as points', async () => {
    const same = await train(new Float32Array(50 * 3).fill(2), 3, 20);
    expect([...same.rows].every((value) => value === 2)).toBe(true);
    const points = noise(20 * 3);
    expect(errorOf(points, (await train(points, 3, 20)).rows, 3)).toBeLessThan(1e-12);
  });
  it('ends when cancelled', async () => {
    const signal = AbortSignal.abort();
    await expect(train(noise(300), 3, 5, { signal })).rejects.toMatchObject({ key: 'cancelled' });
  });
});

describe('sampleRows', () => {
  it('takes distinct rows, ascending, all of them when asked for more', () => {
    const rows = sampleRows(1000, 200, 1);
    expect(new Set(rows).size).toBe(200);
    expect([...rows].every((row, i) => row < 1000 && (i === 0 || row > (rows[i - 1] as number)))).toBe(true);
    expect([...sampleRows(5, 9, 1)]).toEqual([0, 1, 2, 3, 4]);
  });
});
