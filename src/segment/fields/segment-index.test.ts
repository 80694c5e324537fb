// Several queries of one request are split over the threads, and come back in their order.
import { expect, it } from 'vitest';
import type { IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { entriesBytes } from '#index/graph/nodes/known-entries.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { nodeTimers } from '#platform/node/node-time.js';
import type { KeepsOfSearches } from './excluded-rows.js';
import { SegmentIndex } from './segment-index.js';

const DIM = 4;
const K = 2;
/** Finds as many rows as the query's first number modulo 3 says; the row identifies the query. */
function search({ queries }: IndexSearchInput): IndexSearchOutput {
  const numbers = new Float32Array(queries.buffer, queries.byteOffset, queries.byteLength / 4);
  const firsts = Array.from({ length: numbers.length / DIM }, (_, at) => numbers[at * DIM] as number);
  const rows = firsts.flatMap((first) => new Array(first % 3).fill(first));
  return {
    counts: Uint32Array.from(firsts, (first) => first % 3),
    rows: Uint32Array.from(rows),
    scores: Float32Array.from(rows),
  };
}

it.each([1, 2, 30])('gives the hits of %d queries each', async (count) => {
  const sizes: number[] = [];
  const tasks = {
    graphSearch: (input: IndexSearchInput) => {
      sizes.push(input.queries.byteLength / (DIM * 4));
      return search(input);
    },
  };
  const workers = new InlineWorkers({ timers: nodeTimers, tasks, parallelism: 4 });
  const region = workers.allocate(65_536, 65_536);
  const placement = {
    indexType: 'HNSW',
    metric: 'L2',
    elementType: 'float32',
    dim: DIM,
    rowCount: 1000,
    params: {},
    sections: {},
    workOffset: 0,
    workBytes: 0,
  };
  const index = new SegmentIndex(workers, { region, placement, bytes: 1, task: 'graphSearch' }, 'key');
  const store = { place: { dim: DIM, vectorsOffset: 0 }, vectorBytes: DIM * 4 };
  const vectors = { region, store, hold: <T>(task: () => Promise<T>) => task() };
  const queries = Float32Array.from({ length: count * DIM }, (_, at) => Math.floor(at / DIM));
  const hits = await index.search(vectors, { queries, k: K, params: { ef: 200 }, passing: 1000 });
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(count);
  expect(sizes.length).toBe(count === 30 ? 4 : 1);
  expect(hits.queryCount).toBe(count);
  for (let query = 0; query < count; query++) {
    expect(hits.counts[query]).toBe(query % 3);
    expect([...hits.rows.subarray(query * K, query * K + (query % 3))]).toEqual(
      new Array(query % 3).fill(query),
    );
  }
});

/** An index of eight nodes, node n is row 7 - n, which answers as `search` and says `givenUp` of each query. */
function filteredIndex(givenUp = 0, wentFar = 0) {
  const asked: IndexSearchInput[] = [];
  const tasks = {
    graphSearch: (input: IndexSearchInput) => {
      asked.push(input);
      return { ...search(input), givenUp, wentFar };
    },
  };
  const workers = new InlineWorkers({ timers: nodeTimers, tasks, parallelism: 1 });
  const region = workers.allocate(65_536, 65_536);
  new Uint32Array(region.memory.buffer, 1024, 8).set([7, 6, 5, 4, 3, 2, 1, 0]);
  const placement = {
    indexType: 'HNSW',
    metric: 'L2',
    elementType: 'float32',
    dim: DIM,
    rowCount: 8,
    params: { nodes: 8, degree: 4, hasRows: true },
    sections: { rows: { offset: 1024, bytes: 32 } },
    workOffset: 0,
    workBytes: 0,
  };
  const index = new SegmentIndex(workers, { region, placement, bytes: 1, task: 'graphSearch' }, 'key');
  const store = { place: { dim: DIM, vectorsOffset: 0 }, vectorBytes: DIM * 4 };
  const vectors = { region, store, hold: <T>(task: () => Promise<T>) => task() };
  return async (excluded: Uint8Array, keeper?: KeepsOfSearches) => {
    const by = { passing: 6, excluded, ...(keeper && { keeper }) };
    await index.search(vectors, { queries: new Float32Array(DIM), k: K, params: {}, ...by });
    return asked.at(-1);
  };
}

it('brings bits that are searched by again into the order of the nodes, once', async () => {
  const searchBy = filteredIndex();
  const nodesBy = async (excluded: Uint8Array) => (await searchBy(excluded))?.excludedNodes;
  const filter = Uint8Array.of(0b0000_0011);
  // Bits that no other search has need not be brought into an order.
  expect(await nodesBy(filter)).toBeUndefined();
  const byNode = await nodesBy(filter);
  expect(byNode?.[0]).toBe(0b1100_0000);
  // Bits are never written to: what was made of them is not made again.
  filter.fill(0xff);
  expect((await nodesBy(filter))?.[0]).toBe(0b1100_0000);
  expect(await nodesBy(Uint8Array.of(1))).toBeUndefined();
});

it('tries no walk by bits whose walks ended in scans, and does by others', async () => {
  const searchBy = filteredIndex(1);
  const filter = Uint8Array.of(0b0000_0011);
  for (let walk = 0; walk < 8; walk++) expect((await searchBy(filter))?.isWalkSkipped).toBeUndefined();
  expect((await searchBy(filter))?.isWalkSkipped).toBe(true);
  const other = Uint8Array.of(0b0000_0110);
  await searchBy(other);
  expect((await searchBy(other))?.isWalkSkipped).toBeUndefined();
});

it('keeps where walks ended with the bits that they went by, once one had to begin far from its query', async () => {
  const words = new Uint32Array(new SharedArrayBuffer(32));
  const asked: number[] = [];
  const keeper = {
    wordsFor: (_: object, bytes: number) => {
      asked.push(bytes);
      return words;
    },
  };
  const filter = Uint8Array.of(0b0000_0011);
  const near = filteredIndex();
  for (let search = 0; search < 3; search++)
    expect((await near(filter, keeper))?.knownEntries).toBeUndefined();
  const far = filteredIndex(0, 1);
  expect((await far(filter, keeper))?.knownEntries).toBeUndefined();
  const known = (await far(filter, keeper))?.knownEntries;
  words[3] = 9;
  expect(known?.[3]).toBe(9);
  // Bits that nobody keeps have nothing kept with them.
  expect((await far(filter))?.knownEntries).toBeUndefined();
  expect(asked).toEqual([entriesBytes(8)]);
});
