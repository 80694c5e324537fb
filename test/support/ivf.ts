// IVF indexes built over clustered vectors, searched beside an exact scan.

import { expect } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { crc32 } from '#base/crc32.js';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import type { ElementType } from '#index/block/element-type.js';
import { decodeIndexBlock, type IndexParameter } from '#index/block/index-block.js';
import type { MetricType } from '#index/block/metric.js';
import { DATA_OFFSET, REGION_BYTES_MAX } from '#index/block/region-layout.js';
import { type IndexRegion, type IndexWorkers, placeIndex } from '#index/block/vector-index.js';
import { flatSearch } from '#index/flat/flat-search.js';
import { VectorStore } from '#index/flat/vector-store.js';
import { buildIvf, type IvfSpec } from '#index/ivf/ivf-build.js';
import { checkIvfBlock, type IvfType, ivfWorkBytes } from '#index/ivf/ivf-layout.js';
import { ivfSearch } from '#index/ivf/ivf-search.js';
import { workerTasks } from '#index/worker-tasks.js';

export const inlineWorkers = (parallelism: number): IndexWorkers & { readonly live: Set<IndexRegion> } => ({
  parallelism,
  live: new Set(),
  allocate(bytes, bytesMax) {
    const memory = new WebAssembly.Memory({
      initial: Math.ceil(bytes / 65536),
      maximum: Math.ceil(bytesMax / 65536),
      shared: true,
    });
    const region = { memory };
    this.live.add(region);
    return region;
  },
  release(region) {
    this.live.delete(region);
  },
  async run<Output>(task: string, input: unknown, regions: readonly IndexRegion[]): Promise<Output> {
    await Promise.resolve();
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
});

const gauss = (random: Random): number =>
  Math.sqrt(-2 * Math.log(nextFloat(random) + 1e-9)) * Math.cos(6.2831853 * nextFloat(random));
/** Overlapping clusters. */
export function clustered(rows: number, dim: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const centers = Float32Array.from({ length: 30 * dim }, () => gauss(random));
  const vectors = new Float32Array(rows * dim);
  for (let i = 0; i < rows; i++) {
    const center = nextBelow(random, 30) * dim;
    for (let d = 0; d < dim; d++)
      vectors[i * dim + d] = (centers[center + d] as number) + 0.7 * gauss(random);
  }
  return vectors;
}

interface Extra {
  passing?: number;
  k?: number;
  params?: Record<string, IndexParameter>;
  excluded?: Uint8Array;
  radius?: number;
  rangeFilter?: number;
}

type Built = Awaited<ReturnType<typeof build>>;
export async function build(
  type: IvfType,
  metric: string,
  dim: number,
  vectors: Float32Array | Uint8Array,
  params: Record<string, IndexParameter> = {},
  spec: Partial<IvfSpec> & { threads?: number } = {},
) {
  const workers = inlineWorkers(spec.threads ?? 1);
  const elementType: ElementType = type === 'BIN_IVF_FLAT' ? 'binary' : 'float32';
  const bytes = bytesView(vectors);
  const rowCount = elementType === 'binary' ? bytes.length / Math.ceil(dim / 8) : bytes.length / dim / 4;
  const region = {
    memory: new WebAssembly.Memory({
      initial: DATA_OFFSET / 65536,
      maximum: REGION_BYTES_MAX / 65536,
      shared: true,
    }),
  };
  const store = new VectorStore(region, {
    dim,
    elementType,
    inverseNorms: metric === 'COSINE',
    blockRows: 128,
  });
  store.append(bytes);
  const block = await buildIvf(
    workers,
    { indexType: type, metric, elementType, dim, rowCount, params, ...spec },
    { bytes },
  );
  expect(workers.live.size).toBe(0);
  const decoded = decodeIndexBlock(block);
  checkIvfBlock(decoded);
  const loaded = placeIndex(workers, decoded, ivfWorkBytes(decoded.meta), 1);
  return { type, metric, dim, rowCount, store, region, block, loaded, elementType };
}

export const search = (
  b: Built,
  queries: Float32Array | Uint8Array,
  { k = 10, params = {}, ...rest }: Extra = {},
) =>
  ivfSearch(
    { index: b.loaded.placement, vectors: b.store.place, queries, k, params, ...rest },
    { memories: [b.region.memory, b.loaded.region.memory], thread: 0 },
  );
export const brute = (
  b: Built,
  queries: Float32Array | Uint8Array,
  { k = 10, params: _, ...rest }: Extra = {},
) =>
  flatSearch(
    {
      ...b.store.place,
      metric: b.metric as MetricType,
      queries,
      k,
      rowBegin: 0,
      rowEnd: b.rowCount,
      ...rest,
    },
    { memories: [b.region.memory], thread: 0 },
  );
export function recall(b: Built, queries: Float32Array, extra: Extra = {}): number {
  const [got, want] = [search(b, queries, extra), brute(b, queries, extra)];
  let [hits, all, a, w] = [0, 0, 0, 0];
  for (let q = 0; q < want.counts.length; q++) {
    const wanted = new Set(want.rows.subarray(w, w + (want.counts[q] as number)));
    for (const row of got.rows.subarray(a, a + (got.counts[q] as number))) if (wanted.has(row)) hits++;
    all += wanted.size;
    a += got.counts[q] as number;
    w += want.counts[q] as number;
  }
  return hits / all;
}

export const types = ['IVF_FLAT', 'IVF_SQ8', 'IVF_PQ', 'IVF_RABITQ', 'SCANN'] as const;
export const ALL = { nprobe: 65_536 };

export function fixChecksums(block: Uint8Array): void {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const count = Math.min(view.getUint16(6, true), 64);
  const headerEnd = Math.ceil((16 + count * 32 + view.getUint32(8, true)) / 64) * 64;
  for (let i = 0; i < count; i++) {
    const entry = 16 + i * 32;
    if (entry + 32 > block.length) break;
    const offset = Number(view.getBigUint64(entry + 16, true));
    const end = offset + Math.ceil(Number(view.getBigUint64(entry + 24, true)) / 64) * 64;
    view.setUint32(entry + 12, crc32(block.subarray(offset, end)), true);
  }
  view.setUint32(12, crc32(block.subarray(16, headerEnd), crc32(block.subarray(0, 12))), true);
}
