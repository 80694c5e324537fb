// Queries far from all rows are searched for wider, by all metrics; others cost what they cost.
import { expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { flatSearch } from '#index/flat/flat-search.js';
import { buildVectorIndex, loadVectorIndex } from '#index/vector-indexes.js';
import { column } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { nodeTimers } from '#platform/node/node-time.js';
import { type IndexedSearch, SegmentIndex } from '#segment/fields/segment-index.js';
import { VectorColumn } from '#segment/fields/vector-column.js';
import { drawsOf } from '../../../test/support/uneven-data.js';
import { shareNear } from '../../../test/support/uneven-recall.js';
import { searchByLevel } from './far-queries.js';

const DIM = 24;
const ROWS = 2000;
const QUERIES = 40;
const K = 10;
const params = { level: 5, ef: 24 };
const workers = new InlineWorkers({ timers: nodeTimers });
const { gauss } = drawsOf(5);
const anywhere = (): Float32Array => Float32Array.from({ length: DIM }, () => 10 * gauss());
const islands = Array.from({ length: ROWS / 10 }, anywhere);
const queries = Array.from({ length: QUERIES }, () => bytesView(anywhere()));

function near(island: Float32Array | undefined): Float32Array {
  return Float32Array.from(island ?? [], (value) => value + 0.1 * gauss());
}

function rowsOf(count: number): Float32Array {
  const rows = new Float32Array(count * DIM);
  for (let row = 0; row < count; row++) rows.set(near(islands[row % islands.length]), row * DIM);
  return rows;
}

const rows = rowsOf(ROWS);
const blocks = new Map<string, Uint8Array>();

async function built(metric: 'L2' | 'IP' | 'COSINE', of = rows) {
  const rowCount = of.length / DIM;
  const vectors = new VectorColumn(workers, 101n, DataType.FloatVector, DIM, rowCount);
  vectors.append(column(101n, DataType.FloatVector, bytesView(of)), rowCount);
  const build = { kind: 'HNSW', M: 8, efConstruction: 40 } as const;
  const spec = {
    build,
    metric,
    elementType: 'float32',
    dim: DIM,
    rowCount,
    threads: 1,
    seed: 1,
  } as const;
  const source = { region: vectors.region, place: vectors.store.place };
  const key = `${metric} ${rowCount}`;
  const block = blocks.get(key) ?? (await buildVectorIndex(workers, spec, source));
  blocks.set(key, block);
  const index = new SegmentIndex(workers, loadVectorIndex(workers, block, 'test'), 'key');
  return { vectors, index };
}

const asked = (query: Uint8Array): IndexedSearch => ({ queries: query, k: K, params, passing: ROWS });

test.each(['L2', 'IP', 'COSINE'] as const)(
  'queries far from all rows find their nearest by %s',
  async (metric) => {
    const { vectors, index } = await built(metric);
    let [narrow, found] = [0, 0];
    for (const query of queries) {
      const range = { ...vectors.store.place, metric, k: K, rowBegin: 0, rowEnd: ROWS };
      const context = { memories: [vectors.region.memory], thread: 0 };
      const { scores: truth } = flatSearch({ ...range, queries: query }, context);
      narrow += shareNear((await index.search(vectors, asked(query))).scores, truth, metric !== 'L2');
      found += shareNear((await searchByLevel(vectors, index, asked(query))).scores, truth, metric !== 'L2');
    }
    expect(narrow / QUERIES).toBeLessThan(0.93);
    expect(found / QUERIES).toBeGreaterThan(0.96);
  },
);

test('of several queries those that are far are searched for again, and nothing else changes', async () => {
  const { vectors, index } = await built('L2');
  const all = new Uint8Array(3 * DIM * 4);
  const each = [bytesView(near(islands[0])), queries[0] as Uint8Array, bytesView(near(islands[7]))];
  for (const [i, query] of each.entries()) all.set(query, i * DIM * 4);
  const sizes: number[] = [];
  const search = index.search.bind(index);
  index.search = (of, one, signal) => {
    sizes.push(one.queries.byteLength / DIM / 4);
    return search(of, one, signal);
  };
  const together = await searchByLevel(vectors, index, asked(all));
  // All, rows as queries once, and the far one until a wider search finds next to nothing better.
  expect(sizes.slice(0, 3)).toEqual([3, 32, 1]);
  expect(sizes.slice(3).every((size) => size === 1)).toBe(true);
  sizes.length = 0;
  for (const [i, query] of each.entries()) {
    const { rows: found, scores } = await searchByLevel(vectors, index, asked(query));
    expect(together.counts[i]).toBe(K);
    expect(together.rows.slice(i * K, (i + 1) * K)).toEqual(found.slice(0, K));
    expect(together.scores.slice(i * K, (i + 1) * K)).toEqual(scores.slice(0, K));
  }
  expect(sizes[0]).toBe(1);
  // Where a filter leaves few rows, it may be what makes a query far.
  sizes.length = 0;
  const excluded = new Uint8Array(ROWS / 8).fill(0x55);
  await searchByLevel(vectors, index, { ...asked(queries[0] as Uint8Array), excluded, passing: ROWS / 2 });
  expect(sizes).toEqual([1]);
});

test('queries far from all rows that a filter leaves find their nearest, too', async () => {
  const rowCount = 2 * ROWS;
  const { vectors, index } = await built('L2', rowsOf(rowCount));
  const excluded = new Uint8Array(rowCount / 8).fill(0x96);
  const passing = rowCount / 2;
  expect(index.planOf(passing, 24, K)).toBe('filtered walk');
  let [narrow, found] = [0, 0];
  for (const query of queries) {
    const range = {
      ...vectors.store.place,
      metric: 'L2',
      k: K,
      rowBegin: 0,
      rowEnd: rowCount,
      excluded,
    } as const;
    const context = { memories: [vectors.region.memory], thread: 0 };
    const { scores: truth } = flatSearch({ ...range, queries: query }, context);
    const search = { ...asked(query), excluded, passing };
    narrow += shareNear((await index.search(vectors, search)).scores, truth, false);
    found += shareNear((await searchByLevel(vectors, index, search)).scores, truth, false);
  }
  expect(narrow / QUERIES).toBeLessThan(0.93);
  expect(found / QUERIES).toBeGreaterThan(0.96);
});
