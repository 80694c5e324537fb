import { describe, expect, test } from 'vitest';
import { DataType } from '#model/schema/data-type.js';
import type { DiskReads } from '#segment/files/disk-index-files.js';
import { rowsEstimate } from '#segment/files/memory-estimate.js';
import { readSegment } from '#segment/files/read-segment.js';
import { attachVectorIndexes } from '#segment/files/vector-index-files.js';
import type { PlanOfSegment } from '#segment/search/search-report.js';
import { searchSegment } from '#segment/search/segment-search.js';
import {
  bytesAs,
  DIM,
  everyRow,
  hitsOf,
  KEY,
  load,
  makeWorld,
  query,
  ROWS,
  schema,
  search,
  VECTOR,
} from '../../../test/support/coded-world.js';
import { CodedVectors } from './coded-vectors.js';

describe('a segment of which only codes are in memory', () => {
  for (const metric of ['L2', 'IP', 'COSINE'] as const) {
    test(`${metric}: searches, deletes, filters, ranges, older reads, rows without a vector, rows read back`, async () => {
      const world = await makeWorld({ metric });
      expect(world.key.endsWith('/HNSW_SQ_CODES')).toBe(true);
      const data = await load(world);
      expect(data.diskVectors(VECTOR)).toBeInstanceOf(CodedVectors);
      expect(data.denseVectors(VECTOR)).toBeUndefined();
      expect(data.hasNullVectors(VECTOR)).toBe(true);
      for (const one of [data, world.original])
        for (let row = 0; row < ROWS; row += 9) one.applyDelete(BigInt(row), 50n);
      const filterRows = Uint32Array.from({ length: 60 }, (_, i) => i * 20 + 1);
      const many = Uint32Array.from({ length: 1200 }, (_, i) => i + 100);
      const bounds =
        metric === 'L2'
          ? { radius: 22, rangeFilter: 14 }
          : { radius: 0.05, rangeFilter: metric === 'IP' ? 3 : 0.3 };
      const cases = [
        {},
        { k: 200 },
        { filterRows },
        { filterRows, negated: true },
        { filterRows: many },
        { filterRows: new Uint32Array(0) },
        { readTs: 20n },
        { readTs: 5n },
        { ...bounds, k: 50 },
        { ...bounds, k: 50, filterRows },
        { queries: Float32Array.of(...query(1), ...query(2), ...query(3)) },
      ];
      for (const more of cases) {
        const exact = hitsOf(await search(world.original, { metric, ...more }));
        const coded = hitsOf(await search(data, { metric, ...more }));
        expect(coded.counts).toEqual(exact.counts);
        const truth = new Map(
          hitsOf(
            await search(world.original, {
              metric,
              ...more,
              radius: undefined,
              rangeFilter: undefined,
              k: ROWS,
            }),
          ).rows.map((row) => [row, true]),
        );
        for (const row of coded.rows) expect(truth.has(row)).toBe(true);
        for (const [i, score] of coded.scores.entries())
          expect(Math.abs(score - (exact.scores[i] as number))).toBeLessThan(0.15);
        // Exact scores of more candidates than there are rows: what an exact search answers, to the last bit.
        expect(hitsOf(await search(data, { metric, ...more, params: { ef: 300, refineK: 200 } }))).toEqual(
          exact,
        );
      }
      expect(await data.fetchAll(everyRow, [VECTOR, KEY, 1n])).toEqual(
        world.original.fetch(everyRow, [VECTOR, KEY, 1n]),
      );
      expect(() => data.fetch(everyRow, [VECTOR])).toThrow('in a file');
      await expect(search(data, { metric: metric === 'L2' ? 'IP' : 'L2' })).rejects.toThrow('built for');
      await expect(search(data, { metric, queries: new Float32Array(7) })).rejects.toThrow(
        'expected a multiple',
      );
      expect(world.reserved).toBe(0);
    });
  }
  test('no refining reads no page; refining reads those of its candidates', async () => {
    const world = await makeWorld();
    const data = await load(world);
    await search(data);
    await search(data, { params: { ef: 300, refineK: 1 } });
    expect(world.cache.bytes).toBe(0);
    await search(data, { params: { ef: 300, refineK: 1.5 } });
    expect(world.cache.bytes).toBeGreaterThan(0);
    expect(world.cache.bytes).toBeLessThanOrEqual(15 * 4096);
  });
  test('is planned as what it takes, which is a part of the vectors', async () => {
    const world = await makeWorld({ hasNulls: false });
    const data = await load(world);
    const { vectors, indexes } = data.memoryParts;
    expect(indexes).toBe(0);
    const opened = data.diskVectors(VECTOR);
    expect(vectors).toBe(opened?.bytes);
    const planned = rowsEstimate(schema, world.record, 1);
    const without = rowsEstimate(schema, { ...world.record, indexes: [] }) - ROWS * (DIM * 4 + 8);
    expect(planned - without).toBeGreaterThanOrEqual(vectors);
    expect(planned - without).toBeLessThan(vectors * 1.05);
    data.release();
  });
  test('says how it searched, and what it was built as; a recall that was asked for becomes a usual width', async () => {
    const world = await makeWorld();
    expect(world.builtAs).toContain('refine=false');
    expect(world.builtAs).toContain('vectors in the file');
    const data = await load(world);
    const plans: PlanOfSegment[] = [];
    const ask = (more: object) =>
      searchSegment(
        data,
        { fieldId: VECTOR, metric: 'L2', queries: query(1), k: 10, readTs: 100n, ...more },
        undefined,
        {
          report: (plan) => plans.push(plan),
        },
      );
    await ask({ params: { ef: 70 } });
    await ask({ params: { ef: 70, refineK: 3 } });
    await ask({ params: { targetRecall: 0.9 } });
    await ask({ params: { targetRecall: 0.99 } });
    await ask({ params: { ef: 70 }, filterRows: Uint32Array.of(1, 2, 4) });
    expect(plans.map(({ plan }) => plan)).toEqual([
      'walk, by codes',
      'walk, by codes, refined',
      'walk, by codes',
      'walk, by codes',
      'exact, by codes',
    ]);
    expect(plans[0]).toMatchObject({
      indexType: 'HNSW_SQ',
      widthName: 'ef',
      width: 70,
      rows: ROWS,
      recall: 0,
    });
    expect(plans[3]?.width).toBeGreaterThan(plans[2]?.width ?? 0);
    expect(plans[2]?.width).toBeGreaterThan(10);
    expect(plans[4]?.passing).toBe(3);
  });
  test('every form of codes; with refine the vectors are in memory', async () => {
    for (const sq_type of ['SQ4U', 'SQ6', 'SQ8', 'FP16', 'BF16']) {
      const world = await makeWorld({ params: { sq_type } });
      const data = await load(world);
      const exact = hitsOf(await search(world.original));
      const refined = hitsOf(await search(data, { params: { ef: 300, refineK: 20 } }));
      expect(refined).toEqual(exact);
      expect(
        hitsOf(await search(data)).rows.filter((row) => exact.rows.includes(row)).length,
      ).toBeGreaterThan(sq_type === 'SQ4U' ? 4 : 7);
    }
    const world = await makeWorld({ params: { refine: 'true' } });
    expect(world.key.endsWith('/HNSW_SQ')).toBe(true);
    expect(world.builtAs).not.toContain('in the file');
    const data = await load(world);
    expect(data.diskVectors(VECTOR)).toBeUndefined();
    await attachVectorIndexes(world.platform, world.record, data, world.reads);
    expect(hitsOf(await search(data))).toEqual(hitsOf(await search(world.original)));
    expect(data.memoryParts.indexes).toBeGreaterThan(0);
  });
  test('moves there when its index is built, and back when the index is gone', async () => {
    const world = await makeWorld();
    const { platform, record, reads } = world;
    const data = await readSegment(platform, { ...record, indexes: [] }, schema);
    const running = search(data);
    const before = data.memoryParts.vectors;
    expect(before).toBeGreaterThan(ROWS * DIM * 4);
    expect(await attachVectorIndexes(platform, record, data, reads)).toEqual([]);
    expect(world.reserved).toBeGreaterThan(0);
    expect(world.held).toBe(0);
    expect(data.diskVectors(VECTOR)?.key).toBe(world.key);
    expect(hitsOf(await running)).toEqual(hitsOf(await search(world.original)));
    const slow = search(data);
    expect(await attachVectorIndexes(platform, { ...record, indexes: [] }, data, reads)).toEqual([]);
    expect(data.diskVectors(VECTOR)).toBeUndefined();
    expect((await slow).counts).toEqual(Uint32Array.of(10));
    expect(hitsOf(await search(data))).toEqual(hitsOf(await search(world.original)));
    expect(await data.fetchAll(everyRow, [VECTOR])).toEqual(world.original.fetch(everyRow, [VECTOR]));
  });
  test('no room for the index: the vectors stay where they are, and nothing is reported as damaged', async () => {
    const world = await makeWorld();
    const data = await readSegment(world.platform, { ...world.record, indexes: [] }, schema);
    const reads: DiskReads = {
      ...world.reads,
      reserve: () => {
        throw new Error('no room');
      },
    };
    expect(await attachVectorIndexes(world.platform, world.record, data, reads)).toEqual([]);
    expect(data.denseVectors(VECTOR)).toBeDefined();
  });
  test('comes back into memory when its file is damaged or gone, and says so when it is asked to load it', async () => {
    for (const kind of ['damaged head', 'damaged block', 'damaged pages', 'gone', 'gone later'] as const) {
      const world = await makeWorld({ cacheBytes: 0 });
      const { platform, key, record, reads } = world;
      const isLater = kind === 'damaged pages' || kind === 'gone later';
      const spoil = async (): Promise<void> => {
        if (kind.startsWith('gone')) return platform.objectStore.remove(key);
        const bytes = (await platform.objectStore.get(key)).slice();
        const [from, to] =
          kind === 'damaged head'
            ? [40, 41]
            : kind === 'damaged block'
              ? [40_000, 40_001]
              : [bytes.length - 100, 0];
        if (to > 0) bytes[from] = (bytes[from] as number) ^ 1;
        // A page in each sector from the end.
        else for (let at = from; at > bytes.length * 0.6; at -= 4096) bytes[at] = (bytes[at] as number) ^ 1;
        await platform.objectStore.put(key, [bytes]);
      };
      if (!isLater) await spoil();
      const data = await load(world);
      expect(data.diskVectors(VECTOR) === undefined, kind).toBe(!isLater);
      if (isLater) await spoil();
      if (isLater) expect(hitsOf(await search(data)).counts).toEqual([10]); // Codes need no page.
      const refining = { params: { ef: 300, refineK: 2 } };
      const [one, two, rows] = await Promise.all([
        search(data, refining),
        search(data, refining),
        data.fetchAll(everyRow, [VECTOR]),
      ]);
      for (const hits of [one, two]) expect(hitsOf(hits)).toEqual(hitsOf(await search(world.original)));
      expect(rows).toEqual(world.original.fetch(everyRow, [VECTOR]));
      expect(data.diskVectors(VECTOR)).toBeUndefined();
      expect(world.reserved, kind).toBe(ROWS * DIM * 4);
      expect(await attachVectorIndexes(platform, record, data, reads)).toEqual([4n]);
      expect(await attachVectorIndexes(platform, record, data, reads)).toEqual([4n]);
    }
  });
  test('vectors of other types: exact when refined, and read back to the byte', async () => {
    for (const dataType of [DataType.Int8Vector, DataType.BFloat16Vector]) {
      for (const metric of ['L2', 'IP', 'COSINE'] as const) {
        const world = await makeWorld({ metric, dataType, params: { sq_type: 'BF16' } });
        const data = await load(world);
        const asked = { metric, queries: bytesAs(dataType, query(1)) };
        const exact = hitsOf(await search(world.original, asked));
        expect(hitsOf(await search(data, { ...asked, params: { ef: 300, refineK: 5 } }))).toEqual(exact);
        expect(
          hitsOf(await search(data, asked)).rows.filter((row) => exact.rows.includes(row)).length,
        ).toBeGreaterThan(6);
        expect(await data.fetchAll(everyRow, [VECTOR])).toEqual(world.original.fetch(everyRow, [VECTOR]));
      }
    }
  });
  test('refined: a range that begins far from the query is looked for until it is filled', async () => {
    const world = await makeWorld();
    const data = await load(world);
    const all = hitsOf(await search(world.original, { k: ROWS }));
    const bounds = { rangeFilter: all.scores[400], radius: all.scores[700] };
    const exact = hitsOf(await search(world.original, { k: 20, ...bounds }));
    const refined = hitsOf(await search(data, { k: 20, ...bounds, params: { ef: 64, refineK: 1.5 } }));
    expect(refined.counts).toEqual([20]);
    for (const score of refined.scores)
      expect(score >= (bounds.rangeFilter ?? 0) && score < (bounds.radius ?? 0)).toBe(true);
    expect(refined.rows.filter((row) => exact.rows.includes(row)).length).toBeGreaterThan(15);
    // Nothing lies there: it ends.
    const none = await search(data, {
      k: 20,
      radius: all.scores[0],
      rangeFilter: 0,
      params: { ef: 64, refineK: 1.5 },
    });
    expect([...none.counts]).toEqual([0]);
  });
  test('gives its memory back when the last search ends', async () => {
    const world = await makeWorld();
    const data = await load(world);
    const { workers } = world.platform;
    const release = workers.release.bind(workers);
    let released = 0;
    Object.assign(workers, {
      release: (region: Parameters<typeof release>[0]) => {
        released++;
        release(region);
      },
    });
    const running = search(data, { params: { ef: 300, refineK: 3 } });
    data.release();
    expect(released).toBe(0);
    expect((await running).counts).toEqual(Uint32Array.of(10));
    expect(released).toBe(1);
    await expect(search(data)).rejects.toThrow('released');
    expect(world.cache.bytes).toBe(0);
  });
  test('a search that nobody waits for any more stops', async () => {
    const data = await load(await makeWorld());
    const asked = {
      fieldId: VECTOR,
      metric: 'L2' as const,
      queries: query(1),
      k: 10,
      readTs: 100n,
      params: { ef: 300, refineK: 3 },
    };
    await expect(searchSegment(data, asked, AbortSignal.abort())).rejects.toThrow();
  });
});
