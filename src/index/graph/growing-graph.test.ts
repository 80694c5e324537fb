import { describe, expect, test } from 'vitest';
import { flatSearch } from '#index/flat/flat-search.js';
import { VectorStore } from '#index/flat/vector-store.js';
import { graphSearch } from '#index/graph/search/graph-search.js';
import { drawsOf } from '../../../test/support/uneven-data.js';
import { shareNear } from '../../../test/support/uneven-recall.js';
import { bits, countClear, workers } from '../../../test/support/vector-index.js';
import { GrowingGraph } from './growing-graph.js';

const dim = 8;
const spec = { metric: 'L2', elementType: 'float32', dim, degree: 8, efConstruction: 40 } as const;
/** One row in 50 a thousand times as long, from `from` on. */
function rowsOf(count: number, from: number): Float32Array {
  const { uniform, gauss } = drawsOf(4);
  const out = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const factor = row >= from && uniform() < 0.02 ? 1000 : 1;
    for (let d = 0; d < dim; d++) out[row * dim + d] = gauss() * factor;
  }
  return out;
}

function storeOf(values: Float32Array): { region: { memory: WebAssembly.Memory }; store: VectorStore } {
  const options = { dim, elementType: 'float32', inverseNorms: true, blockRows: 8192 } as const;
  const region = workers.allocate(VectorStore.bytesFor(values.length / dim, options) + 65536, 2 ** 31);
  const store = new VectorStore(region, options);
  store.append(new Uint8Array(values.buffer));
  return { region, store };
}

function recall(graph: GrowingGraph<{ memory: WebAssembly.Memory }>, values: Float32Array): number {
  const { region, store } = storeOf(values);
  const index = graph.index;
  if (index === undefined) return 0;
  const rowCount = values.length / dim;
  const shares = Array.from({ length: 40 }, (_, i) => {
    const queries = values.slice(i * 25 * dim, (i * 25 + 1) * dim).map((value) => value * 0.99);
    const input = { vectors: store.place, queries, k: 10, params: { ef: 64 } };
    const hits = graphSearch(
      { ...input, index: index.placement },
      { memories: [region.memory, index.region.memory], thread: 0 },
    );
    const truth = flatSearch(
      { ...store.place, metric: 'L2', queries, k: 10, rowBegin: 0, rowEnd: rowCount },
      { memories: [region.memory] },
    );
    return shareNear(hits.scores, truth.scores, false);
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

describe('long rows among those of a growing segment', () => {
  test('from the beginning: the graph is made by floats', async () => {
    const values = rowsOf(2000, 0);
    const { region, store } = storeOf(values);
    const graph = new GrowingGraph(workers, spec);
    await graph.advance({ region, place: store.place }, 2000);
    expect(graph.index?.placement.params.form).toBe('FP32');
    expect(recall(graph, values)).toBeGreaterThan(0.9);
  });
  test('coming later: the graph begins again', async () => {
    const values = rowsOf(3000, 1500);
    const { region, store } = storeOf(values);
    const graph = new GrowingGraph(workers, spec);
    await graph.advance({ region, place: store.place }, 1500);
    expect(graph.index?.placement.params.form).toBe('SQ8');
    await graph.advance({ region, place: store.place }, 3000);
    expect(graph.index?.placement.params.form).toBe('FP32');
    expect(graph.rowCount).toBe(3000);
    expect(recall(graph, values)).toBeGreaterThan(0.9);
  });
});

describe('copies among the rows of a growing segment', () => {
  /** Three rows in ten are new, others copies of an earlier one; behind `fresh` all are. */
  function withCopies(count: number, fresh: number): Float32Array {
    const { uniform, gauss } = drawsOf(9);
    const out = new Float32Array(count * dim);
    for (let row = 0; row < count; row++) {
      if (row === 0 || (row < fresh && uniform() < 0.3))
        for (let d = 0; d < dim; d++) out[row * dim + d] = gauss();
      else {
        const from = Math.floor(uniform() * row) * dim;
        out.copyWithin(row * dim, from, from + dim);
      }
    }
    return out;
  }

  test('are found however they come, and a search of before finds what there was', async () => {
    const values = withCopies(9000, 5000);
    const { region, store } = storeOf(values);
    const graph = new GrowingGraph(workers, spec);
    const held: { readonly index: NonNullable<typeof graph.index>; readonly rowCount: number }[] = [];
    for (const rowCount of [700, 1000, 1300, 4000, 5000, 9000]) {
      await graph.advance({ region, place: store.place }, rowCount);
      expect(graph.rowCount).toBe(rowCount);
      if (graph.index === undefined) throw new Error('nothing is in the graph');
      held.push({ index: graph.index, rowCount });
      for (const { index, rowCount: rows } of held) {
        const room = Number(index.placement.params.rowRoom) + 1;
        const excluded = bits(room, (row) => row >= rows || row % 5 === 0);
        const passing = countClear(excluded, room);
        for (let i = 0; i < 15; i++) {
          const queries = values.slice(i * 31 * dim, (i * 31 + 1) * dim).map((value) => value * 0.99);
          const input = { vectors: store.place, queries, k: 25, params: { ef: 64 }, excluded, passing };
          const hits = graphSearch(
            { ...input, index: index.placement },
            { memories: [region.memory, index.region.memory], thread: 0 },
          );
          const truth = flatSearch(
            { ...store.place, metric: 'L2', queries, k: 25, rowBegin: 0, rowEnd: rows, excluded },
            { memories: [region.memory] },
          );
          expect([...hits.rows].every((row) => row < rows && row % 5 !== 0)).toBe(true);
          expect(new Set(hits.rows).size).toBe(25);
          expect(shareNear(hits.scores, truth.scores, false)).toBeGreaterThan(0.9);
        }
      }
    }
    const { params } = held.at(-1)?.index.placement ?? {};
    expect(params?.hasRows).toBe(true);
  });
});
