// Rows of few different vectors that are equally far from each other, as words and labels are coded: no link of a graph leads nearer to a
// query, so those that differ are looked at one by one. Each kind of graph, beside an exact search.
import { expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import type { BuildParams } from '#model/params/index-types.js';
import { buildDisk, searchDisk } from '../../test/support/disk-index.js';
import { findByCodes } from '../../test/support/graph-codes.js';
import { findGrowing, growGraph } from '../../test/support/growing-graph.js';
import { shareNear } from '../../test/support/uneven-recall.js';
import { bits, build, exact, type Fixture, find, random } from '../../test/support/vector-index.js';

const DIM = 256;
const ROWS = 512;
const QUERIES = 20;
const K = 10;

const next = random(5);
const values = new Float32Array(ROWS * DIM);
for (let row = 0; row < ROWS; row++) values[row * DIM + ((row * 7) % DIM)] = 1;
const queries = Array.from({ length: QUERIES }, () =>
  bytesView(Float32Array.from({ length: DIM }, () => next() + next() - 1)),
);
/** Three of four rows count. */
const excluded = bits(ROWS, (row) => row % 4 === 0);

type Search = (
  fixture: Fixture,
  query: Uint8Array,
  k: number,
  rest: Partial<IndexSearchInput>,
) => IndexSearchOutput;
function recallOf(fixture: Fixture, search: Search, rest: Partial<IndexSearchInput> = {}): number {
  let sum = 0;
  for (const query of queries) {
    const { scores } = search(fixture, query, K, { params: { ef: 47 }, ...rest });
    sum += shareNear(scores, exact(fixture, query, K, rest).scores, fixture.spec.metric !== 'L2');
  }
  return sum / QUERIES;
}

const graph = { M: 8, efConstruction: 40 } as const;
const refined = { refine: true, refineType: 'FP32' } as const;
const types = [
  { kind: 'HNSW', ...graph },
  { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', ...refined },
  { kind: 'HNSW_PQ', ...graph, m: 64, nbits: 8, ...refined },
  { kind: 'QG', ...graph, bits: 2 },
] as const satisfies readonly BuildParams[];

test.each(['L2', 'IP', 'COSINE'] as const)('an HNSW of labels finds all, %s', async (metric) => {
  const fixture = await build(values, DIM, metric, { build: types[0] });
  expect(recallOf(fixture, find)).toBe(1);
  expect(recallOf(fixture, find, { excluded, passing: (ROWS * 3) / 4 })).toBe(1);
});

test('so does the graph of a growing segment', async () => {
  const fixture = await growGraph(values, DIM, 'L2');
  expect(recallOf(fixture, findGrowing)).toBe(1);
});

test('and one of codes alone finds what they say', async () => {
  const codes = { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', refine: false, refineType: 'FP32' } as const;
  const fixture = await build(values, DIM, 'IP', { build: codes });
  const found = (query: Uint8Array): number[] => [...findByCodes(fixture, query, K).rows];
  const all = (query: Uint8Array): number[] => [
    ...findByCodes(fixture, query, K, { params: { ef: ROWS } }).rows,
  ];
  for (const query of queries) expect(found(query)).toEqual(all(query));
});

test.each(types.slice(1))('a $kind of labels finds all', async (type) => {
  const fixture = await build(values, DIM, 'L2', { build: type });
  expect(recallOf(fixture, find)).toBe(1);
  expect(recallOf(fixture, find, { excluded, passing: (ROWS * 3) / 4 })).toBe(1);
});

test.each(['L2', 'IP', 'COSINE'] as const)('and a DISKANN of labels, %s', async (metric) => {
  const fixture = await buildDisk(values, DIM, metric, { maxDegree: 16, searchListSize: 40 });
  for (const rest of [{}, { excluded, passing: (ROWS * 3) / 4 }]) {
    let sum = 0;
    for (const query of queries) {
      const { scores } = await searchDisk(fixture, query, K, { params: { searchList: 47 }, ...rest });
      sum += shareNear(scores, exact(fixture, query, K, rest).scores, metric !== 'L2');
    }
    expect(sum / QUERIES).toBe(1);
  }
});
