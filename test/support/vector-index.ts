// Vector indexes in tests: built and searched on one thread, beside exact search of the same rows.

import fc from 'fast-check';
import { expect } from 'vitest';
import { alignUp } from '#base/bytes.js';
import { type ElementType, vectorBytes } from '#index/block/element-type.js';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import type { MetricType } from '#index/block/metric.js';
import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { flatSearch } from '#index/flat/flat-search.js';
import { VectorStore } from '#index/flat/vector-store.js';
import {
  buildVectorIndex,
  loadVectorIndex,
  type SearchableIndex,
  type VectorIndexSpec,
} from '#index/vector-indexes.js';
import { workerTasks } from '#index/worker-tasks.js';

/** Tasks on this thread, as the memory platform runs them. */
export const workers = {
  parallelism: 1,
  allocate: (bytes: number, most: number) => ({
    memory: new WebAssembly.Memory({
      initial: Math.ceil(bytes / 65536),
      maximum: Math.ceil(most / 65536),
      shared: true,
    }),
  }),
  release: () => {},
  run: async <Output>(
    task: string,
    input: unknown,
    regions: readonly { readonly memory: WebAssembly.Memory }[],
  ): Promise<Output> => {
    const run = workerTasks[task as keyof typeof workerTasks] as (
      input: unknown,
      context: unknown,
    ) => unknown;
    return run(structuredClone(input), {
      memories: regions.map((region) => region.memory),
      thread: 0,
    }) as Output;
  },
};

export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Around a few centres, as real vectors are. */
export function clustered(rows: number, dim: number, seed: number): Float32Array {
  const next = random(seed);
  const centres = Float32Array.from({ length: 12 * dim }, () => next() * 4 - 2);
  const out = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const centre = Math.floor(next() * 12) * dim;
    for (let i = 0; i < dim; i++) out[row * dim + i] = (centres[centre + i] as number) + next() + next() - 1;
  }
  return out;
}

export function toBytes(type: ElementType, values: Float32Array): Uint8Array {
  if (type === 'int8')
    return new Uint8Array(
      Int8Array.from(values, (value) => Math.max(-128, Math.min(127, Math.round(value * 30)))).buffer,
    );
  if (type === 'bfloat16') {
    const words = new Uint32Array(values.slice().buffer);
    return new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
  }
  return new Uint8Array(values.slice().buffer);
}

export interface Fixture {
  readonly store: VectorStore;
  readonly region: { readonly memory: WebAssembly.Memory };
  readonly spec: VectorIndexSpec;
  readonly index: SearchableIndex;
  readonly block: Uint8Array<ArrayBuffer>;
}

export type Overrides = Partial<Omit<VectorIndexSpec, 'dim' | 'rowCount' | 'metric'>>;
export const hnsw = { kind: 'HNSW', M: 8, efConstruction: 60 } as const;

export async function build(
  values: Float32Array,
  dim: number,
  metric: MetricType,
  overrides: Overrides = {},
): Promise<Fixture> {
  const elementType = overrides.elementType ?? 'float32';
  const bytes = toBytes(elementType, values);
  const rowCount = bytes.length / vectorBytes(elementType, dim);
  const options = {
    dim,
    elementType,
    inverseNorms: true,
    blockRows: Math.max(64, alignUp(rowCount, 64)),
  };
  const region = workers.allocate(VectorStore.bytesFor(Math.max(1, rowCount), options) + 65536, 2 ** 31);
  const store = new VectorStore(region, options);
  store.append(bytes);
  const spec: VectorIndexSpec = { build: hnsw, elementType, metric, dim, rowCount, ...overrides };
  const block = await buildVectorIndex(workers, spec, { region, place: store.place });
  return { store, region, spec, index: loadVectorIndex(workers, block, 'test'), block };
}

export function find(
  fixture: Fixture,
  query: Uint8Array,
  k: number,
  rest: Partial<IndexSearchInput> = {},
): IndexSearchOutput {
  const { index, store, region } = fixture;
  const search = workerTasks[index.task as 'graphSearch'];
  const input: IndexSearchInput = {
    index: index.placement,
    vectors: store.place,
    queries: query,
    k,
    params: { ef: 64 },
    ...rest,
  };
  return search(input, { memories: [region.memory, index.region.memory], thread: 0 });
}

export function exact(
  fixture: Fixture,
  query: Uint8Array,
  k: number,
  rest: Partial<IndexSearchInput> = {},
): IndexSearchOutput {
  const { store, region, spec } = fixture;
  const metric = spec.metric as MetricType;
  const { excluded, radius, rangeFilter } = rest;
  const input = {
    ...store.place,
    metric,
    queries: query,
    k,
    rowBegin: 0,
    rowEnd: spec.rowCount,
    ...(excluded && { excluded }),
    ...(radius !== undefined && { radius }),
    ...(rangeFilter !== undefined && { rangeFilter }),
  };
  return flatSearch(input, { memories: [region.memory], thread: 0 });
}

export function queriesOf(fixture: Fixture, values: Float32Array, count: number): Uint8Array[] {
  const { dim, elementType } = fixture.spec;
  return Array.from({ length: count }, (_, i) => toBytes(elementType, values.slice(i * dim, (i + 1) * dim)));
}

export function recall(
  fixture: Fixture,
  queries: readonly Uint8Array[],
  k: number,
  rest: Partial<IndexSearchInput> = {},
): number {
  let [found, wanted] = [0, 0];
  for (const query of queries) {
    const truth = new Set(exact(fixture, query, k, rest).rows);
    wanted += truth.size;
    for (const row of find(fixture, query, k, rest).rows) if (truth.has(row)) found++;
  }
  return wanted === 0 ? 1 : found / wanted;
}

export const bits = (rows: number, isSet: (row: number) => boolean): Uint8Array => {
  const out = new Uint8Array(Math.ceil(rows / 8));
  for (let row = 0; row < rows; row++)
    if (isSet(row)) out[row >> 3] = (out[row >> 3] as number) | (1 << (row & 7));
  return out;
};

export const countClear = (excluded: Uint8Array, rows: number): number =>
  Array.from({ length: rows }, (_, row) => ((excluded[row >> 3] as number) >> (row & 7)) & 1).filter(
    (bit) => bit === 0,
  ).length;
/** One byte changed under right checksums: the block is refused, or a search in it ends, with the rows it was asked for. */
export function checkDamage(fixture: Fixture, query: Uint8Array, k: number): void {
  const { meta, sections } = decodeIndexBlock(fixture.block);
  const names = [...sections.keys()];
  fc.assert(
    fc.property(fc.nat(names.length - 1), fc.nat(), fc.nat(255), (which, place, value) => {
      const copy = new Map([...sections].map(([name, bytes]) => [name, bytes.slice()] as const));
      const bytes = copy.get(names[which] as string) as Uint8Array;
      bytes[place % bytes.length] = value;
      let index: SearchableIndex;
      try {
        index = loadVectorIndex(workers, encodeIndexBlock(meta, copy), 'damaged');
      } catch (error) {
        expect(String(error)).toContain('built again');
        return;
      }
      try {
        expect(find({ ...fixture, index }, query, k).rows).toHaveLength(k);
      } catch (error) {
        expect((error as Error).name).toBe('RuntimeError');
      }
    }),
    { numRuns: 150 },
  );
}
