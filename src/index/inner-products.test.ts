// Inner products among rows of which few are the best in any direction: lists that lead to those alone leave the rest out of reach.
import { describe, expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { flatSearch } from '#index/flat/flat-search.js';
import { VectorStore } from '#index/flat/vector-store.js';
import { GrowingGraph } from '#index/graph/growing-graph.js';
import { graphSearch } from '#index/graph/search/graph-search.js';
import type { BuildParams } from '#model/params/index-types.js';
import { drawsOf } from '../../test/support/uneven-data.js';
import { shareNear, unevenRecall } from '../../test/support/uneven-recall.js';
import { build, workers } from '../../test/support/vector-index.js';

const DIM = 32;
const ROWS = 1500;
const QUERIES = 40;
const graph = { M: 16, efConstruction: 60 } as const;
const types = [
  { type: { kind: 'HNSW', ...graph }, least: 0.94 },
  { type: { kind: 'QG', ...graph, bits: 2 }, least: 0.9 },
] as const satisfies readonly { type: BuildParams; least: number }[];

const { uniform, gauss } = drawsOf(3);
const direction = (): Float32Array => Float32Array.from({ length: DIM }, gauss);
const rowsOf = (row: () => Float32Array): Float32Array =>
  Float32Array.from(Array.from({ length: ROWS }, () => [...row()]).flat());

const [origin, along, across] = [direction(), direction(), direction()];
/** Points of a part of a plane: of any direction the best are at its border. */
const plane = rowsOf(() => {
  const [x, y] = [uniform(), uniform()];
  return origin.map(
    (value, d) => value + x * (along[d] as number) + y * (across[d] as number) + 1e-2 * gauss(),
  );
});
/** One row in ten is elsewhere, and longer. */
const apart = rowsOf(() => {
  const shift = uniform() < 0.1 ? 3 : 0;
  return along.map((value) => shift * value + gauss());
});
const queries = Array.from({ length: QUERIES }, () => bytesView(direction()));

describe.each([
  ['points of a plane', plane],
  ['a few rows apart', apart],
] as const)('%s', (_name, values) => {
  test.each(types)('$type.kind finds what is the best in any direction', async ({ type, least }) => {
    const fixture = await build(values, DIM, 'IP', { build: type });
    expect(unevenRecall(fixture, queries, 10, { params: { ef: 64 } })).toBeGreaterThan(least);
  });
  test('so does a graph that grows, before and after it has to move', async () => {
    const options = { dim: DIM, elementType: 'float32', inverseNorms: true, blockRows: 2048 } as const;
    const region = workers.allocate(VectorStore.bytesFor(ROWS, options) + 65536, 2 ** 31);
    const store = new VectorStore(region, options);
    store.append(bytesView(values).slice());
    const { M: degree, efConstruction } = graph;
    const growing = new GrowingGraph(workers, {
      ...{ metric: 'IP', elementType: 'float32', dim: DIM },
      ...{ degree, efConstruction },
    });
    for (const rowCount of [400, 800, ROWS]) {
      await growing.advance({ region, place: store.place }, rowCount);
      const { index } = growing;
      if (index === undefined) throw new Error('nothing is in the graph');
      const context = { memories: [region.memory, index.region.memory], thread: 0 };
      const recalls = queries.map((query) => {
        const asked = { queries: query, k: 10, params: { ef: 64 } };
        const { scores } = graphSearch({ ...asked, index: index.placement, vectors: store.place }, context);
        const range = { ...store.place, metric: 'IP', rowBegin: 0, rowEnd: rowCount } as const;
        return shareNear(scores, flatSearch({ ...range, ...asked }, context).scores, true);
      });
      const mean = recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length;
      expect(mean, `${rowCount} rows`).toBeGreaterThan(0.94);
    }
    growing.release();
  });
});
