import { describe, expect, test } from 'vitest';
import { decodeIndexBlock, encodeIndexBlock } from '#index/block/index-block.js';
import { loadVectorIndex } from '#index/vector-indexes.js';
import { drawsOf, familyNamed } from '../../../../test/support/uneven-data.js';
import { unevenRecall } from '../../../../test/support/uneven-recall.js';
import {
  bits,
  build,
  clustered,
  countClear,
  exact,
  find,
  hnsw,
  queriesOf,
  toBytes,
  workers,
} from '../../../../test/support/vector-index.js';

/** 2,000 rows of which about four in five are one of three vectors. */
const many = familyNamed('80 % copies of 3').make(2000, 3);
const dim = 16;
const types = [
  hnsw,
  { kind: 'HNSW_SQ', M: 8, efConstruction: 60, sqType: 'SQ8', refine: true, refineType: 'FP32' },
  { kind: 'QG', M: 8, efConstruction: 60, bits: 2 },
  { kind: 'HNSW_PQ', M: 8, efConstruction: 60, m: 8, nbits: 8, refine: true, refineType: 'FP32' },
] as const;

describe('many equal vectors', () => {
  for (const params of types) {
    test(`${params.kind}: every distinct row finds itself, and equal ones are found together`, async () => {
      const fixture = await build(many, dim, 'L2', { build: params });
      expect(fixture.index.placement.sections.copies).toBeDefined();
      const queries = queriesOf(fixture, many, 2000).filter((_, i) => i % 9 === 0);
      expect(unevenRecall(fixture, queries, 1)).toBe(1);
      expect(unevenRecall(fixture, queries, 10)).toBeGreaterThan(0.97);
      const [query] = queries as [Uint8Array];
      // Rows 0 to 2 have hundreds of copies each: the nearest are these, by row.
      expect([...find(fixture, query, 100).rows]).toEqual([...exact(fixture, query, 100).rows]);
    }, 60_000);
  }
  test('a row that does not count hides none of its copies, whatever plan it is', async () => {
    const fixture = await build(many, dim, 'L2', { build: hnsw });
    const { uniform } = drawsOf(5);
    for (const share of [0.01, 0.2, 0.5, 0.9, 0.999]) {
      const excluded = bits(2000, (row) => row < 3 || uniform() >= share);
      const rest = { excluded, passing: countClear(excluded, 2000), params: { ef: 100 } };
      for (const row of [0, 1, 2, 700, 701, 702]) {
        const query = toBytes('float32', many.slice(row * dim, (row + 1) * dim));
        const hits = find(fixture, query, 10, rest);
        for (const hit of hits.rows) expect((excluded[hit >> 3] as number) & (1 << (hit & 7))).toBe(0);
        expect([...hits.scores]).toEqual([...exact(fixture, query, 10, rest).scores]);
      }
    }
  });
  test('a range holds all copies', async () => {
    const fixture = await build(many, dim, 'L2', { build: hnsw });
    const query = toBytes('float32', many.slice(0, dim));
    expect([...find(fixture, query, 2000, { radius: 1e-6 }).rows]).toEqual([
      ...exact(fixture, query, 2000, { radius: 1e-6 }).rows,
    ]);
  });
  test('all rows equal, and zeros of either sign', async () => {
    for (const metric of ['L2', 'IP', 'COSINE'] as const) {
      const values = Float32Array.from({ length: 300 * 8 }, (_, i) => (i % 3 === 0 ? -0 : 0));
      const fixture = await build(values, 8, metric);
      expect(fixture.index.placement.params.nodes).toBe(1);
      expect([...find(fixture, toBytes('float32', values.slice(0, 8)), 50).rows]).toEqual(
        Array.from({ length: 50 }, (_, i) => i),
      );
    }
  });
  test('few copies are nodes like all others; the block is of version 1 as before', async () => {
    const values = clustered(1000, 8, 2);
    values.copyWithin(8, 0, 8);
    const fixture = await build(values, 8, 'L2');
    expect(fixture.index.placement.params.nodes).toBe(1000);
    expect(new DataView(fixture.block.buffer).getUint16(4, true)).toBe(1);
  });
  test('sections of copies that do not hold together are refused', async () => {
    const { block } = await build(many, dim, 'L2', { build: hnsw });
    expect(new DataView(block.buffer).getUint16(4, true)).toBe(2);
    const { meta, sections } = decodeIndexBlock(block);
    for (const name of ['copied', 'copyEnds', 'copies']) {
      const damaged = (sections.get(name) as Uint8Array).slice().fill(0xff, 0, 4);
      expect(() =>
        loadVectorIndex(workers, encodeIndexBlock(meta, new Map([...sections, [name, damaged]])), 'damaged'),
      ).toThrow('built again');
    }
  });
});
