// Graphs over growing segments in tests, searched as the others are.

import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { VectorStore } from '#index/flat/vector-store.js';
import { GrowingGraph } from '#index/graph/growing-graph.js';
import { graphParams } from '#index/graph/nodes/graph-layout.js';
import { bits, type Fixture, find, hnsw, workers } from './vector-index.js';

/** A search as a growing segment makes it: rows that are not there yet do not count. */
export function findGrowing(
  fixture: Fixture,
  query: Uint8Array,
  k: number,
  rest: Partial<IndexSearchInput> = {},
): IndexSearchOutput {
  const { rowCount } = fixture.spec;
  const { excluded = new Uint8Array(0), passing = rowCount } = rest;
  const { rowRoom } = graphParams(fixture.index.placement);
  const isOut = (row: number): boolean =>
    row >= rowCount || ((excluded[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
  return find(fixture, query, k, { ...rest, excluded: bits(rowRoom + 1, isOut), passing });
}

/** The `block` of the fixture is not of use. */
export async function growGraph(
  values: Float32Array,
  dim: number,
  metric: 'L2' | 'IP' | 'COSINE',
): Promise<Fixture> {
  const rowCount = values.length / dim;
  const options = { dim, elementType: 'float32', inverseNorms: true, blockRows: 8192 } as const;
  const region = workers.allocate(VectorStore.bytesFor(rowCount, options) + 65536, 2 ** 31);
  const store = new VectorStore(region, options);
  store.append(new Uint8Array(values.slice().buffer));
  const graph = new GrowingGraph(workers, {
    metric,
    elementType: 'float32',
    dim,
    degree: 16,
    efConstruction: 80,
  });
  await graph.advance({ region, place: store.place }, rowCount);
  const { index } = graph;
  if (index === undefined) throw new Error('nothing is in the graph');
  return {
    store,
    region,
    block: new Uint8Array(0),
    index: { ...index, task: 'graphSearch', bytes: graph.bytes },
    spec: { build: hnsw, metric, elementType: 'float32', dim, rowCount },
  };
}
