// Trains k-means over the threads of the machine: the points are assigned in pieces of a fixed size, so that a seed gives the same
// centroids however many threads there are.
import { type KMeansPlan, KMeansProgress, type KMeansStep } from './kmeans-tasks.js';
import type { IndexRegion, IndexWorkers } from './vector-index.js';
import { runLanes, throwIfCancelled } from './work-lanes.js';

/** Multiplications of one piece: some 20 ms. */
const PIECE_WORK = 2 ** 27;
/** Multiplications of one iteration that is not worth splitting. */
const SMALL_WORK = 2 ** 24;

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
    const progress = new KMeansProgress(await workers.run<number>('kmeansStart', plan, [region], signal));
    const piece = Math.max(64, Math.floor(PIECE_WORK / (k * dim)));
    const pieces = Math.ceil(count / piece);
    for (let i = 0; i < iterations; i++) {
      const assign = (n: number): Promise<void> =>
        workers.run('kmeansAssign', { plan, begin: n * piece, end: Math.min(count, (n + 1) * piece) }, [region], signal);
      await runLanes(pieces, workers.parallelism, assign, signal);
      onProgress?.((i + 1) / iterations);
      if (progress.isDone(await workers.run<KMeansStep>('kmeansUpdate', plan, [region], signal))) break;
    }
  }
  onProgress?.(1);
}
