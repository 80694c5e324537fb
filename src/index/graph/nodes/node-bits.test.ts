// Bits of rows that count, brought into the order of a graph's nodes: every plan finds by them what it finds by the bits of rows.
import { expect, test } from 'vitest';
import { familyNamed } from '../../../../test/support/uneven-data.js';
import {
  bits,
  build,
  clustered,
  countClear,
  find,
  hnsw,
  type Overrides,
  queriesOf,
  random,
} from '../../../../test/support/vector-index.js';
import { bitsByNode, countingNodes, hasNodeOrder } from './node-bits.js';

const DIM = 16;
const ROWS = 3000;
const kinds = [
  hnsw,
  { kind: 'QG', M: 8, efConstruction: 60, bits: 2 },
  { kind: 'HNSW_PQ', M: 8, efConstruction: 60, m: 8, nbits: 8, refine: true, refineType: 'FP32' },
] as const;
const sets = [
  {
    name: 'rows without a vector',
    vectors: clustered(ROWS, DIM, 5),
    without: bits(ROWS, (row) => row % 3 === 1),
  },
  { name: 'copies', vectors: familyNamed('80 % copies of 3').make(ROWS, 3), without: undefined },
] as const;

for (const { name, vectors, without } of sets) {
  test.each(kinds)(
    `${name}: $kind`,
    async (kind) => {
      const overrides: Overrides = { build: kind, ...(without && { without }) };
      const fixture = await build(vectors, DIM, 'L2', overrides);
      const { placement, region } = fixture.index;
      expect(hasNodeOrder(placement)).toBe(true);
      const queries = queriesOf(fixture, vectors, 5);
      // From a scan over walks over two hops to walks over all nodes.
      for (const share of [0.02, 0.1, 0.3, 0.6, 0.95]) {
        const next = random(share * 1000);
        const excluded = bits(
          ROWS,
          (row) => next() >= share || (without?.[row >> 3] ?? 0) >> (row & 7) === 1,
        );
        const excludedNodes = bitsByNode(region.memory, placement, excluded);
        for (const ef of [10, 200]) {
          const asked = { excluded, passing: countClear(excluded, ROWS), params: { ef } };
          for (const query of queries)
            expect(find(fixture, query, 10, { ...asked, excludedNodes })).toEqual(
              find(fixture, query, 10, asked),
            );
        }
      }
    },
    60_000,
  );
}

test('nodes that count are listed where few rows do, and a scan of the list finds what one by bits finds', async () => {
  const vectors = clustered(ROWS, DIM, 5);
  const isWithout = (row: number): boolean => row % 3 === 1;
  const fixture = await build(vectors, DIM, 'L2', { without: bits(ROWS, isWithout) });
  const { placement, region } = fixture.index;
  const byNode = (excluded: Uint8Array): Uint8Array => bitsByNode(region.memory, placement, excluded);
  const nodes = Number(placement.params.nodes);
  const few = byNode(bits(ROWS, (row) => row >= 90 || isWithout(row)));
  const listed = countingNodes(placement, few, 60);
  expect(listed?.length).toBe(60);
  for (const node of listed ?? []) expect((few[node >> 3] ?? 0) & (1 << (node & 7))).toBe(0);

  const next = random(11);
  const excluded = bits(ROWS, (row) => next() >= 0.9 || isWithout(row));
  const excludedNodes = byNode(excluded);
  const passing = countClear(excluded, ROWS);
  expect(countingNodes(placement, excludedNodes, passing)).toBeUndefined();
  const all = Uint32Array.from({ length: nodes }, (_, node) => node);
  const counting = all.filter((node) => ((excludedNodes[node >> 3] ?? 0) & (1 << (node & 7))) === 0);
  // Walks were given up before: what counts is scanned by its codes at once.
  const asked = { excluded, excludedNodes, passing, params: { ef: 10 }, isWalkSkipped: true };
  for (const query of queriesOf(fixture, vectors, 5)) {
    const found = find(fixture, query, 10, asked);
    expect(find(fixture, query, 10, { ...asked, countingNodes: counting })).toEqual(found);
    // It is the list that says what counts.
    const some = find(fixture, query, 10, { ...asked, countingNodes: counting.subarray(0, 40) });
    expect(some).not.toEqual(found);
  }
});

test('searches by one filter and another, by node and by row, each see their own bits', async () => {
  const vectors = clustered(ROWS, DIM, 5);
  const isWithout = (row: number): boolean => row % 7 === 1;
  const fixture = await build(vectors, DIM, 'L2', { without: bits(ROWS, isWithout) });
  const { placement, region } = fixture.index;
  const [query = new Uint8Array(0)] = queriesOf(fixture, vectors, 1);
  const filters = [0, 1].map((rest) => {
    const excluded = bits(ROWS, (row) => row % 2 === rest || isWithout(row));
    const asked = { excluded, passing: countClear(excluded, ROWS), params: { ef: 20 } };
    const byNode = { ...asked, excludedNodes: bitsByNode(region.memory, placement, excluded) };
    return { byRow: asked, byNode, found: find(fixture, query, 10, asked) };
  });
  expect(filters[0]?.found).not.toEqual(filters[1]?.found);
  const orders = ['byNode', 'byNode', 'byRow'] as const;
  for (let at = 0; at < 18; at++) {
    const one = filters[at % 2];
    const other = filters[(at + (at % 3 === 0 ? 1 : 0)) % 2];
    for (const filter of [one, other])
      for (const order of [orders[at % 3], 'byNode'] as const)
        if (filter && order) expect(find(fixture, query, 10, filter[order])).toEqual(filter.found);
  }
});

test('rows behind the bits count, and so do nodes', async () => {
  const fixture = await build(clustered(ROWS, DIM, 5), DIM, 'L2', {
    without: bits(ROWS, (row) => row % 2 === 1),
  });
  const { placement, region } = fixture.index;
  const nodes = bitsByNode(
    region.memory,
    placement,
    bits(1000, () => true),
  );
  expect(countClear(nodes, 1500)).toBe(1000);
});
