// Queries unlike all rows, as texts that ask for images are: scores of the rows differ less than codes err, however near to each other rows are.
import { expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { buildDisk, type DiskFixture, searchDisk } from '../../test/support/disk-index.js';
import { drawsOf } from '../../test/support/uneven-data.js';
import { shareNear, unevenRecall } from '../../test/support/uneven-recall.js';
import { build, exact } from '../../test/support/vector-index.js';

const DIM = 48;
const ROWS = 1500;
const QUERIES = 40;
const graph = { M: 16, efConstruction: 60 } as const;
const { uniform, gauss } = drawsOf(5);
const direction = (dim: number): Float32Array => Float32Array.from({ length: dim }, gauss);
const rowsOf = (row: () => Float32Array, rows = ROWS): Float32Array =>
  Float32Array.from(Array.from({ length: rows }, () => [...row()]).flat());

const [origin, along, across] = [direction(DIM), direction(DIM), direction(DIM)];
const plane = rowsOf(() => {
  const [x, y] = [uniform(), uniform()];
  return origin.map(
    (value, d) => value + x * (along[d] as number) + y * (across[d] as number) + 1e-3 * gauss(),
  );
}, 2500);
const queries = Array.from({ length: QUERIES }, () => bytesView(direction(DIM)));

test('the nearest of a plane are found from afar', async () => {
  const fixture = await build(plane, DIM, 'COSINE', { build: { kind: 'HNSW', ...graph } });
  expect(unevenRecall(fixture, queries, 10, { params: { ef: 64 } })).toBeGreaterThan(0.95);
});

test('so are those that the codes of a quantised graph leave in question', async () => {
  const fixture = await build(plane, DIM, 'COSINE', { build: { kind: 'QG', ...graph, bits: 2 } });
  expect(unevenRecall(fixture, queries, 10, { params: { ef: 200 } })).toBeGreaterThan(0.93);
});

test('a DISKANN of two dimensions has codes of 8 bits, which take as many bytes', async () => {
  const fixture = await buildDisk(
    rowsOf(() => Float32Array.from([uniform(), uniform()])),
    2,
    'L2',
  );
  expect(fixture.disk.placement.params.form).toBe('SQ8');
  const points = queries.map(() => bytesView(Float32Array.from([uniform(), uniform()])));
  expect(await diskRecall(fixture, points)).toBeGreaterThan(0.98);
});

async function diskRecall(fixture: DiskFixture, asked: readonly Uint8Array[]): Promise<number> {
  let sum = 0;
  for (const query of asked) {
    const { scores } = await searchDisk(fixture, query, 10);
    sum += shareNear(scores, exact(fixture, query, 10).scores, false);
  }
  return sum / asked.length;
}

test('a DISKANN has longer codes than its budget where those lead nowhere from afar', async () => {
  const fixture = await buildDisk(plane.subarray(0, ROWS * DIM), DIM, 'L2');
  expect(fixture.disk.placement.params.form).toBe('SQ8');
  expect(await diskRecall(fixture, queries)).toBeGreaterThan(0.93);
});
