// Trains k-means over the threads of the machine: the points are assigned in pieces of a fixed size, so that a seed gives the same
// centroids however many threads there are.

import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { runLanes, throwIfCancelled } from '#index/block/work-lanes.js';
import { type KMeansPlan, KMeansProgress, type KMeansStep } from './kmeans-tasks.js';

/** Multiplications of one piece: some 20 ms. */
const PIECE_WORK = 2 ** 27;
/** Multiplications of one iteration that is not worth splitting. */
const SMALL_WORK = 2 ** 24;
/** One of so many points takes part in the first iterations, when that leaves SUBSET_POINTS for each centroid. */
const SUBSET = 8;
const SUBSET_POINTS = 16;
const LAST_ITERATIONS = 2;

export interface KMeansOptions {
  readonly signal?: AbortSignal | undefined;
  /** The share that is done, 0 to 1. */
  readonly onProgress?: (done: number) => void;
}

/** Leaves the centroids in the plan's area of the region. @throws cancelled */
export async function trainKMeans<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  region: Region,
  plan: KMeansPlan,
  { signal, onProgress }: KMeansOptions = {},
): Promise<void> {
  const { count, k, dim, iterations } = plan;
  throwIfCancelled(signal);
  if (count * k * dim <= SMALL_WORK) {
    await workers.run('kmeansSolve', plan, [region], signal);
  } else {
    // Most of the way with every eighth point, which costs an eighth; the rest, where all points count, in few iterations.
    const rough = { ...plan, count: Math.floor(count / SUBSET), stride: plan.stride * SUBSET };
    const last = rough.count >= k * SUBSET_POINTS ? LAST_ITERATIONS : iterations;
    const run = new Lloyd(workers, region, { signal });
    await run.start(last < iterations ? rough : plan);
    if (last < iterations) {
      await run.iterate(rough, iterations, (i) => onProgress?.(i / iterations / 2));
      await run.measure(plan);
    }
    await run.iterate(plan, last, (i) => onProgress?.(0.5 + i / last / 2));
  }
  onProgress?.(1);
}

class Lloyd<Region extends IndexRegion> {
  readonly #workers: IndexWorkers<Region>;
  readonly #region: Region;
  readonly #signal: AbortSignal | undefined;
  #progress = new KMeansProgress(0);

  constructor(workers: IndexWorkers<Region>, region: Region, { signal }: KMeansOptions) {
    this.#workers = workers;
    this.#region = region;
    this.#signal = signal;
  }

  #run<Output>(task: string, input: unknown): Promise<Output> {
    return this.#workers.run(task, input, [this.#region], this.#signal);
  }

  async start(plan: KMeansPlan): Promise<void> {
    this.#progress = new KMeansProgress(await this.#run<number>('kmeansStart', plan));
  }

  /** Goes on with other points from the centroids that are there. */
  async measure(plan: KMeansPlan): Promise<void> {
    this.#progress = new KMeansProgress(await this.#run<number>('kmeansMeasure', plan));
  }

  async iterate(plan: KMeansPlan, iterations: number, onIteration: (done: number) => void): Promise<void> {
    const piece = Math.max(64, Math.floor(PIECE_WORK / (plan.k * plan.dim)));
    const pieces = Math.ceil(plan.count / piece);
    for (let i = 0; i < iterations; i++) {
      const assign = (n: number): Promise<void> =>
        this.#run('kmeansAssign', { plan, begin: n * piece, end: Math.min(plan.count, (n + 1) * piece) });
      await runLanes(pieces, this.#workers.parallelism, assign, this.#signal);
      onIteration(i + 1);
      if (this.#progress.isDone(await this.#run<KMeansStep>('kmeansUpdate', plan))) return;
    }
  }
}
