// Sparse vectors of a segment against a plain model: growing, deleted, filtered, null, with an index over the first rows, and from files.
// Tasks run in the dist of the last build.
import { afterAll, describe, expect, it } from 'vitest';
import { nextBelow, nextFloat, type Random, seededRandom } from '#base/random.js';
import { decodeIndexBlock } from '#index/block/index-block.js';
import { loadSparseIndex } from '#index/sparse/sparse-index.js';
import { batchOf, bytesAt, columnFromBytes, columnFromInt64, isNull } from '#model/columns/column.js';
import { sparseFromPairs } from '#model/columns/sparse-vector.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { type Column, IndexRecord, SegmentRecord } from '#proto/elanus/data.js';
import { BuildIndexRequest } from '#proto/elanus/roles.js';
import { CollectionSchema, type FieldSchema } from '#proto/milvus/schema.js';
import { readColumn, writeSegment } from '#segment/files/insert-log.js';
import { readSegment } from '#segment/files/read-segment.js';
import { attachSparseIndexes, writeSparseIndex } from '#segment/files/sparse-index-files.js';
import { SegmentData } from '#segment/segment-data.js';
import { searchSegment } from './segment-search.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 2 });
afterAll(() => platform.close());
const LATEST = 1n << 62n;
const SPARSE = 101n;
const schema = CollectionSchema.fromPartial({
  name: 'texts',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: SPARSE, name: 'sparse', dataType: DataType.SparseFloatVector, nullable: true },
  ],
});

type Row = ReadonlyMap<number, number> | null;
const bytesOf = (row: Row): Uint8Array | null =>
  row === null ? null : (sparseFromPairs([...row]) as Uint8Array);
/** Multiples of 1/8: sums are exact. */
const randomRow = (random: Random): Map<number, number> =>
  new Map(
    Array.from({ length: nextBelow(random, 12) }, () => [
      Math.floor(200 * nextFloat(random) ** 2),
      nextBelow(random, 16) / 8,
    ]),
  );
const randomRows = (random: Random, count: number): Row[] =>
  Array.from({ length: count }, () => (nextBelow(random, 10) === 0 ? null : randomRow(random)));
const batch = (first: number, rows: readonly Row[]) =>
  batchOf(rows.length, [
    columnFromInt64(
      100n,
      rows.map((_, i) => BigInt(first + i)),
    ),
    columnFromBytes(SPARSE, DataType.SparseFloatVector, rows.map(bytesOf)),
  ]);
function packed(query: ReadonlyMap<number, number>): Uint8Array {
  const pairs = bytesOf(query) as Uint8Array;
  return Uint8Array.from([...new Uint8Array(Uint32Array.of(pairs.length / 8).buffer), ...pairs]);
}

function expected(
  rows: readonly Row[],
  query: ReadonlyMap<number, number>,
  isIn: (row: number) => boolean,
  k: number,
) {
  return rows
    .map((values, row) => ({
      row,
      score: [...query].reduce((sum, [index, weight]) => sum + weight * (values?.get(index) ?? 0), 0),
    }))
    .filter(({ row, score }) => score > 0 && isIn(row))
    .sort((a, b) => b.score - a.score || a.row - b.row)
    .slice(0, k);
}

const segment = () => new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema });
async function search(data: SegmentData, query: ReadonlyMap<number, number>, more: object = {}, k = 10) {
  const request = {
    fieldId: SPARSE,
    metric: 'IP' as const,
    queries: new Float32Array(0),
    sparseQueries: packed(query),
    k,
    readTs: LATEST,
  };
  const { counts, rows, scores } = await searchSegment(data, { ...request, ...more });
  return Array.from({ length: counts[0] as number }, (_, i) => ({ row: rows[i], score: scores[i] }));
}

async function attachIndex(
  data: SegmentData,
  column: { data: Uint8Array; offsets: Uint8Array },
): Promise<void> {
  const input = { data: column.data, offsets: column.offsets, metric: 'IP', algorithm: 'BLOCK_MAX_WAND' };
  const block = await platform.workers.run<Uint8Array>('sparseBuild', input, []);
  data.sparseVectors(SPARSE)?.attach(loadSparseIndex(platform.workers, decodeIndexBlock(block), 32));
}

describe('sparse vectors of a segment', () => {
  it('are found while rows come and go, with filters, at any time', async () => {
    const random = seededRandom(1);
    const data = segment();
    const rows: Row[] = [];
    const deleted = new Set<number>();
    for (let round = 0; round < 12; round++) {
      const fresh = randomRows(random, nextBelow(random, 200));
      data.appendBatch(batch(rows.length, fresh), BigInt(round * 10 + 10));
      rows.push(...fresh);
      for (let i = 0; i < 10 && rows.length > 0; i++) {
        const row = nextBelow(random, rows.length);
        data.applyDelete(BigInt(row), BigInt(round * 10 + 15));
        deleted.add(row);
      }
      const query = randomRow(random);
      expect(await search(data, query)).toEqual(expected(rows, query, (row) => !deleted.has(row), 10));
      const filterRows = Uint32Array.from([...rows.keys()].filter((row) => row % 3 === 0));
      expect(await search(data, query, { filterRows })).toEqual(
        expected(rows, query, (row) => !deleted.has(row) && row % 3 === 0, 10),
      );
      expect(await search(data, query, { filterRows, negated: true })).toEqual(
        expected(rows, query, (row) => !deleted.has(row) && row % 3 !== 0, 10),
      );
      expect(await search(data, query, { radius: 1, rangeFilter: 3 }, 500)).toEqual(
        expected(rows, query, (row) => !deleted.has(row), 9999).filter(
          ({ score }) => score > 1 && score <= 3,
        ),
      );
    }
    data.release();
  });
  it('come back from files as they were, and are found through an index over a part of them', async () => {
    const random = seededRandom(2);
    const rows = randomRows(random, 3000);
    const data = segment();
    data.appendBatch(batch(0, rows), 10n);
    const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
    const files = await writeSegment(platform, {
      address,
      schema,
      data,
      rowBegin: 0,
      rowEnd: rows.length,
      logId: 1n,
    });
    data.release();
    const record = SegmentRecord.fromPartial({
      id: 1n,
      collectionId: 2n,
      partitionId: 3n,
      rowCount: BigInt(rows.length),
      files,
    });
    const back = await readSegment(platform, record, schema);
    const fetched = back.fetch(
      Uint32Array.from(rows, (_, row) => row),
      [SPARSE],
    ).columns[0];
    expect(rows.map((_, row) => (fetched && !isNull(fetched, row) ? bytesAt(fetched, row) : null))).toEqual(
      rows.map(bytesOf),
    );

    const [field] = schema.fields.slice(1);
    const column = await readColumn(platform, { files }, field as (typeof schema.fields)[number]);
    const begin = back.memoryBytes;
    await attachIndex(back, { data: column.data, offsets: column.offsets });
    expect(back.memoryBytes).toBeGreaterThan(begin);
    const later = randomRows(random, 500);
    back.appendBatch(batch(rows.length, later), 20n);
    const all = [...rows, ...later];
    back.applyDelete(5n, 30n);
    back.applyDelete(3100n, 30n);
    for (let i = 0; i < 20; i++) {
      const query = randomRow(random);
      const wanted = expected(all, query, (row) => row !== 5 && row !== 3100, 20);
      for (const params of [
        {},
        { invertedIndexAlgo: 'TAAT_NAIVE' },
        { invertedIndexAlgo: 'DAAT_MAXSCORE', dropRatioSearch: 0 },
      ]) {
        expect(await search(back, query, { params }, 20)).toEqual(wanted);
      }
    }
    const running = search(back, new Map([[1, 1]]));
    back.release();
    expect((await running).length).toBeGreaterThan(0);
  });
  it('have an index file that is loaded, and when it is damaged or gone are scanned', async () => {
    const random = seededRandom(3);
    const rows = randomRows(random, 300);
    const data = segment();
    data.appendBatch(batch(0, rows), 10n);
    const column = data.fetch(
      Uint32Array.from(rows, (_, row) => row),
      [SPARSE],
    ).columns[0] as Column;
    const index = IndexRecord.fromPartial({ id: 5n, indexType: 'SPARSE_WAND', metricType: 'IP', params: {} });
    const request = BuildIndexRequest.fromPartial({
      buildId: 1n,
      segmentId: 1n,
      field: schema.fields[1] as FieldSchema,
      index,
    });
    const { key } = await writeSparseIndex(platform, request, column);
    const record = SegmentRecord.fromPartial({
      id: 1n,
      indexes: [{ indexId: 5n, fieldId: SPARSE, key, state: 'finished' }],
    });
    const good = await platform.objectStore.get(key);
    const query = randomRow(random);
    const wanted = expected(rows, query, () => true, 10);
    const bad = good.slice();
    bad[100] = (bad[100] as number) ^ 1;
    for (const damage of [bad, good.subarray(0, 64), undefined]) {
      if (damage) await platform.objectStore.put(key, [damage]);
      else await platform.objectStore.remove(key);
      expect(await attachSparseIndexes(platform, record, data)).toEqual([5n]);
      expect(data.sparseVectors(SPARSE)?.index).toBeUndefined();
      expect(await search(data, query)).toEqual(wanted);
    }
    await platform.objectStore.put(key, [good]);
    expect(await attachSparseIndexes(platform, record, data)).toEqual([]);
    expect(data.sparseVectors(SPARSE)?.index?.placement.params.inverted_index_algo).toBe('DAAT_MAXSCORE');
    const loaded = data.sparseVectors(SPARSE)?.index;
    await attachSparseIndexes(platform, record, data);
    expect(data.sparseVectors(SPARSE)?.index).toBe(loaded);
    expect(await search(data, query)).toEqual(wanted);
    const running = search(data, query);
    await attachSparseIndexes(platform, SegmentRecord.fromPartial({ id: 1n }), data);
    expect(data.sparseVectors(SPARSE)?.index).toBeUndefined();
    expect(await running).toEqual(wanted);
    expect(await search(data, query)).toEqual(wanted);
    data.appendBatch(batch(300, randomRows(random, 1)), 20n);
    expect(await attachSparseIndexes(platform, record, data)).toEqual([5n]);
    data.release();
  });
  it('refuses what it cannot search or store', async () => {
    const data = segment();
    data.appendBatch(batch(0, [new Map([[1, 1]])]), 10n);
    await expect(search(data, new Map([[1, 1]]), { metric: 'L2' })).rejects.toThrow('expected IP');
    await expect(search(data, new Map([[1, 1]]), {}, 16_385)).rejects.toThrow('limit is 16385');
    const broken = batchOf(1, [
      columnFromInt64(100n, [1n]),
      columnFromBytes(SPARSE, DataType.SparseFloatVector, [new Uint8Array(7)]),
    ]);
    expect(() => data.appendBatch(broken, 20n)).toThrow('wrong length');
    expect(data.rowCount).toBe(1);
    expect(await search(data, new Map([[1, 2]]))).toEqual([{ row: 0, score: 2 }]);
    data.release();
  });
  it('grows far beyond its first memory', async () => {
    const data = segment();
    const wide = new Map(Array.from({ length: 20_000 }, (_, index) => [index, 1]));
    for (let i = 0; i < 30; i++) data.appendBatch(batch(i, [wide]), 10n);
    expect((await search(data, new Map([[19_999, 0.5]]))).length).toBe(10);
    data.release();
  });
});
