// Inner products among rows of which few are the best in any direction: lists that lead to those alone leave the rest out of reach.
import { describe, expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import type { BuildParams } from '#model/params/index-types.js';
import { drawsOf } from '../../test/support/uneven-data.js';
import { unevenRecall } from '../../test/support/uneven-recall.js';
import { build } from '../../test/support/vector-index.js';

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
});
