// Trains the codebook of a product quantiser from sample vectors in shared memory: one k-means for each table.

import { REGION_BYTES_MAX, WASM_PAGE_BYTES } from '#index/block/region-layout.js';
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { runLanes } from '#index/block/work-lanes.js';
import { writeHalfSquares } from './centroid-panels.js';
import { type KMeansPlan, kmeansArea } from './kmeans-tasks.js';
import { trainKMeans } from './kmeans-train.js';
import { type PqShape, pqBiasFloats, pqBookFloats, pqEncode, pqEncodeBytes } from './pq-codebook.js';

export interface PqCodebook {
  readonly shape: PqShape;
  readonly books: Float32Array;
  readonly bias: Float32Array;
}

export interface PqTraining<Region extends IndexRegion> {
  readonly region: Region;
  /** Byte offset of the samples, each shape.padded floats. They are changed when there is more than one level. */
  readonly samples: number;
  readonly count: number;
  readonly seed: number;
  readonly iterations?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number) => void;
}

/** Sample vectors that are enough for a shape: 256 for each codeword, as is usual, within bounds that memory sets. */
export const pqSampleCount = (shape: PqShape, rows: number): number =>
  Math.min(rows, Math.max(4096, Math.min(256 * shape.codewords, Math.floor((1 << 29) / (shape.padded * 4)))));

export async function trainPq<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  shape: PqShape,
  { region, samples, count, seed, iterations = 10, signal, onProgress }: PqTraining<Region>,
): Promise<PqCodebook> {
  const books = new Float32Array(pqBookFloats(shape));
  const bias = new Float32Array(pqBiasFloats(shape)).fill(Number.POSITIVE_INFINITY);
  const { m, levels, partDim, entries, codewords, padded } = shape;
  // Each lane has a working area past the samples; the region grows to hold them.
  const first = Math.ceil((samples + count * padded * 4) / 64) * 64;
  const k = Math.min(codewords, count);
  const one = { area: first, count, dim: partDim, k };
  const areaBytes = Math.ceil((kmeansArea(one).end - first) / 64) * 64;
  const lanes = Math.max(
    1,
    Math.min(workers.parallelism, m, Math.floor((REGION_BYTES_MAX - first) / areaBytes)),
  );
  grow(region.memory, first + lanes * areaBytes);
  for (let level = 0; level < levels; level++) {
    await runLanes(
      m,
      lanes,
      async (part, lane) => {
        const table = level * m + part;
        const plan: KMeansPlan = {
          ...one,
          area: first + lane * areaBytes,
          points: samples + part * partDim * 4,
          stride: padded * 4,
          iterations,
          seed: (seed + table) >>> 0,
        };
        await trainKMeans(workers, region, plan, { signal });
        const area = kmeansArea(plan);
        const panels = new Float32Array(region.memory.buffer, area.panels, Math.ceil(k / 8) * 8 * partDim);
        books.set(panels, table * entries * partDim);
        const book = books.subarray(table * entries * partDim, (table + 1) * entries * partDim);
        writeHalfSquares(book, partDim, k, bias.subarray(table * entries, (table + 1) * entries));
        onProgress?.((table + 1) / shape.tables);
      },
      signal,
    );
    if (level + 1 < levels)
      await leaveRest(workers, region, { shape, books, bias }, level, {
        samples,
        count,
        work: first,
        signal,
      });
  }
  return { shape, books, bias };
}

/** Takes from each sample what a level's codewords say of it. */
async function leaveRest<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  region: Region,
  { shape, books, bias }: PqCodebook,
  level: number,
  {
    samples,
    count,
    work,
    signal,
  }: { samples: number; count: number; work: number; signal: AbortSignal | undefined },
): Promise<void> {
  const one: PqShape = { ...shape, levels: 1, tables: shape.m };
  const booksAt = work;
  const biasAt = booksAt + Math.ceil((pqBookFloats(one) * 4) / 16) * 16;
  const scratch = biasAt + Math.ceil((pqBiasFloats(one) * 4) / 16) * 16;
  const piece = 4096;
  const lanes = workers.parallelism;
  grow(region.memory, scratch + lanes * pqEncodeBytes(piece));
  new Float32Array(region.memory.buffer, booksAt, pqBookFloats(one)).set(
    books.subarray(level * pqBookFloats(one), (level + 1) * pqBookFloats(one)),
  );
  new Float32Array(region.memory.buffer, biasAt, pqBiasFloats(one)).set(
    bias.subarray(level * pqBiasFloats(one), (level + 1) * pqBiasFloats(one)),
  );
  const run = (n: number, lane: number): Promise<void> => {
    const input: PqRestInput = {
      shape: one,
      books: booksAt,
      bias: biasAt,
      vectors: samples + n * piece * shape.padded * 4,
      count: Math.min(piece, count - n * piece),
      work: scratch + lane * pqEncodeBytes(piece),
    };
    return workers.run('pqRest', input, [region], signal);
  };
  await runLanes(Math.ceil(count / piece), lanes, run, signal);
}

export interface PqRestInput {
  readonly shape: PqShape;
  readonly books: number;
  readonly bias: number;
  readonly vectors: number;
  readonly count: number;
  readonly work: number;
}

/** Task: encodes vectors of one level and leaves what remains of them. */
export function pqRest(
  { vectors, count, work, ...place }: PqRestInput,
  context: { readonly memories: readonly WebAssembly.Memory[] },
): void {
  const codes = new Uint16Array(count * place.shape.tables);
  pqEncode(context.memories[0] as WebAssembly.Memory, place, vectors, count, work, codes);
}

/** @throws RangeError when the region may not grow so far. */
function grow(memory: WebAssembly.Memory, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
}
