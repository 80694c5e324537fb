// Rows so near to each other that codes have one value for many of them, as along a track or on a map. A sample of the rows does not show it:
// in it they lie further apart. Each type whose codes are measured, beside an exact search.
import { expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import type { IndexSearchOutput } from '#index/block/vector-index.js';
import type { BuildParams } from '#model/params/index-types.js';
import { findGrowing, growGraph } from '../../test/support/growing-graph.js';
import { shareNear } from '../../test/support/uneven-recall.js';
import { build, exact, type Fixture, find, random } from '../../test/support/vector-index.js';

const DIM = 48;
const ROWS = 6000;
const QUERIES = 40;
const K = 10;
const graph = { M: 8, efConstruction: 40 } as const;
const refined = { refine: true, refineType: 'FP32' } as const;

const next = random(11);
const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
const ahead = Float32Array.from({ length: DIM }, normal);
const onTrack = (): Float32Array => {
  const at = 1 + next() / 2;
  return ahead.map((value) => value * at + 1e-3 * normal());
};
const values = Float32Array.from(Array.from({ length: ROWS }, () => [...onTrack()]).flat());
const queries = Array.from({ length: QUERIES }, () => bytesView(onTrack()));

type Search = (fixture: Fixture, query: Uint8Array) => IndexSearchOutput;
async function recallOf(fixture: Fixture, search: Search): Promise<number> {
  let sum = 0;
  for (const query of queries)
    sum += shareNear(search(fixture, query).scores, exact(fixture, query, K).scores, false);
  return sum / QUERIES;
}
const params = { ef: 64 };

test.each([
  { kind: 'HNSW', ...graph },
  { kind: 'HNSW_SQ', ...graph, sqType: 'SQ6', ...refined },
  { kind: 'QG', ...graph, bits: 2 },
] as const satisfies readonly BuildParams[])('$kind distinguishes rows of a track', async (type) => {
  const fixture = await build(values, DIM, 'L2', { build: type });
  expect(await recallOf(fixture, (one, query) => find(one, query, K, { params }))).toBeGreaterThan(0.98);
});

test('so does the graph of a growing segment', async () => {
  const fixture = await growGraph(values, DIM, 'L2');
  expect(await recallOf(fixture, (one, query) => findGrowing(one, query, K, { params }))).toBeGreaterThan(
    0.98,
  );
});

test('of rows of a map the one that is nearest of many with its code', async () => {
  const onMap = (count: number): Float32Array => Float32Array.from({ length: count * 2 }, next);
  const fixture = await build(onMap(16_000), 2, 'L2', { build: { kind: 'HNSW', ...graph } });
  let sum = 0;
  for (let i = 0; i < 2 * QUERIES; i++) {
    const query = bytesView(onMap(1));
    sum += shareNear(find(fixture, query, 1, { params }).scores, exact(fixture, query, 1).scores, false);
  }
  expect(sum / 2 / QUERIES).toBeGreaterThan(0.98);
});
