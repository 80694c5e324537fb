import { describe, expect, test } from 'vitest';
import { decodeIndexBlock } from '#index/block/index-block.js';
import {
  build,
  clustered,
  type Fixture,
  find,
  queriesOf,
  recall,
} from '../../../../test/support/vector-index.js';

const rows = 20_500;
const dim = 8;
const M = 4;
const NIL = 0xffffffff;
const values = clustered(rows, dim, 3);
const words = (fixture: Fixture, name: string): Uint32Array => {
  const section = decodeIndexBlock(fixture.block).sections.get(name) ?? new Uint8Array(0);
  return new Uint32Array(section.slice().buffer);
};

const fixture = await build(values, dim, 'L2', { build: { kind: 'HNSW', M, efConstruction: 20 } });
const { params } = decodeIndexBlock(fixture.block).meta;
const links = words(fixture, 'links');
const listOf = (node: number): number[] => [...links.subarray(node * M * 2, (node + 1) * M * 2)];

describe('a large graph', () => {
  test('every row has one node', () => {
    expect([...words(fixture, 'rows')].sort((a, b) => a - b)).toEqual(
      Array.from({ length: rows }, (_, row) => row),
    );
  });
  test('nodes of upper layers come first, and only they have upper lists', () => {
    const upperNodes = Number(params.upperNodes);
    expect(upperNodes).toBeGreaterThan(rows / M / 1.5);
    expect(upperNodes).toBeLessThan((rows / M) * 1.5);
    expect(words(fixture, 'upperOf')).toHaveLength(upperNodes);
    for (const id of words(fixture, 'upper')) expect(id === NIL || id < upperNodes).toBe(true);
  });
  test('lists are full, without gaps, repetitions or the node itself', () => {
    let full = 0;
    for (let node = 0; node < rows; node++) {
      const list = listOf(node);
      const end = list.indexOf(NIL);
      const ids = end < 0 ? list : list.slice(0, end);
      expect(end < 0 || list.slice(end).every((id) => id === NIL)).toBe(true);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids).not.toContain(node);
      if (end < 0) full++;
    }
    expect(full).toBeGreaterThan(rows * 0.99);
  });
  test('linked nodes lie near each other in memory', () => {
    const blocks = (node: number): number => new Set(listOf(node).map((id) => id >> 5)).size;
    let touched = 0;
    for (let node = 0; node < rows; node++) touched += blocks(node);
    // Eight links in any order lie in eight blocks of 32.
    expect(touched / rows).toBeLessThan(6.5);
  });
  test('is the same each time, and found whole', async () => {
    const again = await build(values, dim, 'L2', { build: { kind: 'HNSW', M, efConstruction: 20 } });
    expect(Buffer.compare(again.block, fixture.block)).toBe(0);
    const queries = queriesOf(fixture, clustered(20, dim, 3), 20);
    expect(recall(fixture, queries, 10, { params: { ef: 200 } })).toBeGreaterThan(0.95);
  });
});

test('a large quantised graph begins its searches in codes that lie side by side', async () => {
  const qg = await build(values, dim, 'L2', { build: { kind: 'QG', M, efConstruction: 20, bits: 2 } });
  const { meta, sections } = decodeIndexBlock(qg.block);
  const codes = sections.get('upperCodes') ?? new Uint8Array(0);
  const records = sections.get('records') ?? new Uint8Array(0);
  const stride = Number(meta.params.codeStride);
  const recordBytes = records.length / rows;
  expect(codes).toHaveLength(Number(meta.params.upperNodes) * stride);
  for (let node = 0; node < codes.length / stride; node++) {
    const own = records.subarray(node * recordBytes, node * recordBytes + dim);
    expect([...codes.subarray(node * stride, node * stride + dim)]).toEqual([...own]);
  }
  const [query] = queriesOf(qg, clustered(1, dim, 3), 1) as [Uint8Array];
  expect(find(qg, query, 10).rows).toHaveLength(10);
});
