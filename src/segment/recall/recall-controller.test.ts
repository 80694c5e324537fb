// The controller on a small HNSW index over clustered vectors, on a seeded platform: what it promises is measured.

import { describe, expect, it } from 'vitest';
import { bytesForBits, bytesView } from '#base/bytes.js';
import { nextFloat, type Random, seededRandom } from '#base/random.js';
import { buildVectorIndex, loadVectorIndex } from '#index/vector-indexes.js';
import { column } from '#model/columns/column.js';
import type { BuildParams } from '#model/params/index-types.js';
import { DataType } from '#model/schema/data-type.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { type IndexedSearch, SegmentIndex } from '#segment/fields/segment-index.js';
import { VectorColumn } from '#segment/fields/vector-column.js';
import { type RecallController, RecallControllers, widthNameOf } from './recall-controller.js';
import { recallOf } from './recall-sample.js';

const DIM = 24;
const ROWS = 6000;
const K = 10;
const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - nextFloat(random))) * Math.cos(2 * Math.PI * nextFloat(random));
/** Points around 60 centres. */
function clustered(random: Random, centres: Float32Array, count: number): Float32Array {
  const vectors = new Float32Array(count * DIM);
  for (let row = 0; row < count; row++) {
    const centre = Math.floor(nextFloat(random) * 60) * DIM;
    for (let i = 0; i < DIM; i++)
      vectors[row * DIM + i] = (centres[centre + i] as number) + normal(random) * 0.35;
  }
  return vectors;
}

const sparseGraph: BuildParams = { kind: 'HNSW', M: 5, efConstruction: 24 };
async function world(seed: number, build = sparseGraph) {
  const cluster = simulatedCluster(seed);
  const platform = openMemoryPlatform({ cluster, host: 'a' });
  const random = seededRandom(99);
  const centres = Float32Array.from({ length: 60 * DIM }, () => normal(random));
  const rows = clustered(random, centres, ROWS);
  const queries = clustered(random, centres, 400);
  const vectors = new VectorColumn(platform.workers, 101n, DataType.FloatVector, DIM, ROWS);
  vectors.append(column(101n, DataType.FloatVector, bytesView(rows)), ROWS);
  const run = <T>(task: Promise<T>): Promise<T> => cluster.world.runUntil(task);
  const spec = {
    metric: 'L2',
    elementType: 'float32',
    dim: DIM,
    rowCount: ROWS,
    threads: 1,
    seed: 1,
  } as const;
  const source = { region: vectors.region, place: vectors.store.place };
  const block = await run(buildVectorIndex(platform.workers, { ...spec, build }, source));
  const load = (): SegmentIndex =>
    new SegmentIndex(platform.workers, loadVectorIndex(platform.workers, block, 'test'), 'index_files/HNSW');
  return { platform, run, vectors, queries, load };
}

const place = { collectionId: 1n, fieldId: 101n };
type World = Awaited<ReturnType<typeof world>>;
const query = ({ queries }: World, at: number): Float32Array => queries.slice(at * DIM, (at + 1) * DIM);

/** Searches with the target again and again, as clients do. @returns the widths that were chosen, 0 for exact. */
async function warmUp(
  one: World,
  controller: RecallController,
  target: number,
  searches: number,
): Promise<number[]> {
  const widths: number[] = [];
  for (let at = 0; at < searches; at++) {
    const choice = controller.choose({
      queries: query(one, at % 200),
      k: K,
      params: { ef: 16, targetRecall: target },
      passing: ROWS,
    });
    widths.push(choice.isExact ? 0 : choice.width);
    await one.run(controller.idle);
  }
  return widths;
}

/** Mean recall of queries that were not used to learn. */
async function measured(one: World, index: SegmentIndex, ef: number): Promise<number> {
  let sum = 0;
  for (let at = 200; at < 400; at++) {
    const search = { queries: query(one, at), k: K, passing: ROWS };
    const exact = await one.run(index.search(one.vectors, { ...search, params: { ef: 4000 } }));
    const found = await one.run(index.search(one.vectors, { ...search, params: { ef } }));
    sum += recallOf('L2', exact, found, 0);
  }
  return sum / 200;
}

const controllerOf = (one: World, all: RecallControllers, index: SegmentIndex): RecallController => {
  const controller = all.of(place, one.vectors, index);
  if (controller === undefined) throw new Error('no controller');
  return controller;
};

describe('RecallController', () => {
  it('keeps its promise, with a width that grows with the target', async () => {
    const one = await world(5);
    const index = one.load();
    const controller = controllerOf(one, new RecallControllers(one.platform), index);
    await warmUp(one, controller, 0.9, 200);
    const targets = [0.9, 0.95, 0.99];
    const widths: number[] = [];
    for (const target of targets) {
      const choice = controller.choose({
        queries: query(one, 0),
        k: K,
        params: { targetRecall: target },
        passing: ROWS,
      });
      if (choice.isExact) throw new Error('nothing was learned');
      expect(choice.params.ef).toBe(choice.width);
      expect(choice.recall).toBeGreaterThanOrEqual(target);
      const recall = await measured(one, index, choice.width);
      expect(recall).toBeGreaterThanOrEqual(target - 0.02);
      expect(Math.abs(recall - choice.recall)).toBeLessThan(0.05);
      widths.push(choice.width);
    }
    expect(widths[0]).toBeLessThan(widths[1] as number);
    expect(widths[1]).toBeLessThan(widths[2] as number);
    expect(widths[2]).toBeLessThan(512);
  });
  it('begins with rows that were moved, and measures the least width as it is', async () => {
    const one = await world(5);
    const index = one.load();
    const rounds: IndexedSearch[] = [];
    const search = index.search.bind(index);
    index.search = (vectors, asked, signal) => {
      if (asked.queries.byteLength > DIM * 4) rounds.push(asked);
      return search(vectors, asked, signal);
    };
    await warmUp(one, controllerOf(one, new RecallControllers(one.platform), index), 0.9, 1);
    expect(Math.min(...rounds.map(({ params }) => Number(params.ef)))).toBe(K);
    const rows = new Set(Array.from({ length: ROWS }, (_, row) => one.vectors.store.view(row).join()));
    const all = rounds.map(({ queries }) => bytesView(queries));
    const standIns = all.flatMap((bytes) =>
      Array.from({ length: bytes.length / DIM / 4 }, (_, i) =>
        bytes.subarray(i * DIM * 4, (i + 1) * DIM * 4).join(),
      ),
    );
    expect(standIns.length).toBeGreaterThanOrEqual(32);
    expect(standIns.filter((query) => rows.has(query))).toEqual([]);
  });
  it('chooses lists of an inverted file, with a filter too', async () => {
    const one = await world(6, { kind: 'IVF_FLAT', nlist: 64 });
    const index = one.load();
    const controller = controllerOf(one, new RecallControllers(one.platform), index);
    // Two rows of three do not count.
    const excluded = new Uint8Array(bytesForBits(ROWS));
    for (let row = 0; row < ROWS; row++)
      if (row % 3 !== 0) excluded[row >> 3] = (excluded[row >> 3] as number) | (1 << (row & 7));
    for (const filter of [{ passing: ROWS }, { passing: ROWS / 3, excluded }]) {
      const search = (at: number) => ({ queries: query(one, at), k: K, ...filter });
      for (let at = 0; at < 100; at++) {
        controller.choose({ ...search(at), params: { nprobe: 8, targetRecall: 0.95 } });
        await one.run(controller.idle);
      }
      const choice = controller.choose({ ...search(0), params: { nprobe: 8, targetRecall: 0.95 } });
      if (choice.isExact) throw new Error('nothing was learned');
      expect(choice.params.nprobe).toBe(choice.width);
      expect(choice.width).toBeLessThan(64);
      let sum = 0;
      for (let at = 200; at < 300; at++) {
        const exact = await one.run(index.search(one.vectors, { ...search(at), params: { nprobe: 64 } }));
        const found = await one.run(index.search(one.vectors, { ...search(at), params: choice.params }));
        expect(found.computed).toBeLessThan(exact.computed ?? 0);
        sum += recallOf('L2', exact, found, 0);
      }
      expect(sum / 100).toBeGreaterThanOrEqual(0.93);
    }
  });
  it('is exact before it knows, and the same seed chooses the same widths', async () => {
    const runs: number[][] = [];
    for (let attempt = 0; attempt < 2; attempt++) {
      const one = await world(7);
      runs.push(
        await warmUp(one, controllerOf(one, new RecallControllers(one.platform), one.load()), 0.95, 60),
      );
    }
    expect(runs[0]?.[0]).toBe(0);
    expect(runs[0]?.at(-1)).toBeGreaterThanOrEqual(K);
    expect(runs[1]).toEqual(runs[0]);
  });
  it('hands what it knows to the next index of the field, which need not begin with scans', async () => {
    const one = await world(9);
    const all = new RecallControllers(one.platform);
    await warmUp(one, controllerOf(one, all, one.load()), 0.9, 40);
    const next = controllerOf(one, all, one.load());
    const [first] = await warmUp(one, next, 0.9, 1);
    expect(first).toBeGreaterThanOrEqual(K);
    const other = all.of({ ...place, fieldId: 7n }, one.vectors, one.load());
    expect(
      other?.choose({ queries: query(one, 0), k: K, params: { targetRecall: 0.9 }, passing: ROWS }).isExact,
    ).toBe(true);
    await one.run(other?.idle ?? Promise.resolve());
  });
  it('rests when it finds no stored vector that counts, and looks again later', async () => {
    const one = await world(5);
    const controller = controllerOf(one, new RecallControllers(one.platform), one.load());
    const [queries, excluded] = [query(one, 0), new Uint8Array(bytesForBits(ROWS)).fill(255)];
    const search = { queries, k: K, params: { ef: 16, targetRecall: 0.9 }, passing: 1, excluded };
    for (let round = 0; round < 2; round++) {
      expect(controller.choose(search)).toEqual({ isExact: true });
      await one.run(controller.idle);
      await one.run(one.platform.timers.sleep(1000));
    }
  });
  it('does not fail when the index goes while it is measured', async () => {
    const one = await world(11);
    const index = one.load();
    const controller = controllerOf(one, new RecallControllers(one.platform), index);
    controller.choose({ queries: query(one, 0), k: K, params: { targetRecall: 0.9 }, passing: ROWS });
    index.release();
    one.vectors.release();
    await one.run(controller.idle);
  });
});

describe('recallOf', () => {
  const hits = (rows: number[], scores: number[]) => ({
    queryCount: 1,
    k: rows.length,
    counts: Uint32Array.of(rows.length),
    rows: Uint32Array.from(rows),
    scores: Float32Array.from(scores),
  });
  it('counts rows as near as the last, and leaves out the query itself', () => {
    expect(recallOf('L2', hits([1, 2, 3], [0, 1, 2]), hits([1, 3, 9], [0, 2, 5]), 0)).toBeCloseTo(2 / 3);
    expect(recallOf('L2', hits([1, 2, 3], [0, 1, 2]), hits([1, 2, 7], [0, 1, 2]), 0)).toBe(1);
    expect(recallOf('L2', hits([5, 2, 3], [0, 1, 2]), hits([5, 3, 4], [0, 2, 3]), 0, [5])).toBe(0.5);
    expect(
      recallOf('L2', hits([5, 2, 6, 3], [0, 1, 2, 3]), hits([5, 6, 3, 4], [0, 2, 3, 4]), 0, [5, 6]),
    ).toBe(0.5);
    // No more places than were looked for.
    expect(recallOf('L2', hits([5, 2, 6, 3], [0, 1, 2, 3]), hits([5, 4], [0, 4]), 0, [5])).toBe(0);
    expect(recallOf('L2', hits([5, 2, 6, 3], [0, 1, 2, 3]), hits([5, 2], [0, 1]), 0, [5])).toBe(1);
    expect(recallOf('COSINE', hits([1, 2], [0.9, 0.8]), hits([1, 7], [0.9, 0.7]), 0)).toBe(0.5);
    expect(recallOf('L2', hits([], []), hits([], []), 0)).toBe(1);
  });
});

describe('widthNameOf', () => {
  it('knows the families', () => {
    expect(
      ['HNSW', 'HNSW_SQ', 'QG', 'IVF_PQ', 'SCANN', 'DISKANN', 'MINHASH_LSH', 'FLAT'].map(widthNameOf),
    ).toEqual(['ef', 'ef', 'ef', 'nprobe', 'nprobe', 'searchList', undefined, undefined]);
  });
});
