// A growing segment with a graph against exact search: rows come, are deleted and searched while the graph is made and outgrows its room.

import { afterAll, expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { nextFloat, seededRandom } from '#base/random.js';
import { batchOf, column, columnFromInt64 } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { IndexRecord } from '#proto/elanus/data.js';
import { indexGrowing } from '#segment/files/vector-index-files.js';
import { searchSegment } from '#segment/search/segment-search.js';
import { SegmentData } from '#segment/segment-data.js';
import { KEY, testSchema, VECTOR } from '../../../test/support/segments.js';

const DIM = 8;
const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 2 });
afterAll(() => platform.close());

const random = seededRandom(5);
const centres = Array.from({ length: 20 }, () =>
  Float32Array.from({ length: DIM }, () => nextFloat(random) * 4),
);
function vectors(count: number): Float32Array {
  const out = new Float32Array(count * DIM);
  for (let row = 0; row < count; row++) {
    const centre = centres[Math.floor(nextFloat(random) * centres.length)] as Float32Array;
    for (let i = 0; i < DIM; i++)
      out[row * DIM + i] = (centre[i] as number) + nextFloat(random) + nextFloat(random);
  }
  return out;
}

const batch = (first: number, values: Float32Array): ColumnBatch => {
  const count = values.length / DIM;
  const ids = Array.from({ length: count }, (_, i) => BigInt(first + i));
  return batchOf(count, [
    columnFromInt64(0n, ids),
    columnFromInt64(KEY, ids),
    column(VECTOR, DataType.FloatVector, bytesView(values)),
  ]);
};

test.each(['L2', 'IP', 'COSINE'] as const)(
  '%s: recall, deletes and times hold while it grows',
  async (metric) => {
    const options = { id: 1n, collectionId: 2n, partitionId: 3n, schema: testSchema() };
    const [data, exact] = [new SegmentData(platform, options), new SegmentData(platform, options)];
    const definition = IndexRecord.fromPartial({
      id: 9n,
      fieldId: VECTOR,
      indexType: 'HNSW',
      metricType: metric,
    });
    let rows = 0;
    let [found, wanted] = [0, 0];
    for (let step = 1; step <= 8; step++) {
      const values = vectors(6000);
      for (const one of [data, exact]) one.appendBatch(batch(rows, values), BigInt(step * 10));
      rows += 6000;
      for (let i = 0; i < 500; i++) {
        const key = BigInt(Math.floor(nextFloat(random) * rows));
        for (const one of [data, exact]) one.applyDelete(key, BigInt(step * 10 + 1));
      }
      indexGrowing(platform, data, [definition]);
      for (const readTs of [BigInt(step * 10 + 2), BigInt(step * 10 - 5)]) {
        const request = { fieldId: VECTOR, metric, queries: vectors(10), k: 10, readTs, params: { ef: 64 } };
        // While the graph is being made, and when it is.
        for (let round = 0; round < 2; round++) {
          const [hits, truth] = await Promise.all([
            searchSegment(data, request),
            searchSegment(exact, request),
          ]);
          for (let q = 0; q < 10; q++) {
            const rowsOf = (from: typeof hits): number[] => [
              ...from.rows.subarray(q * from.k, q * from.k + (from.counts[q] as number)),
            ];
            const right = new Set(rowsOf(truth));
            for (const row of rowsOf(hits)) {
              expect(data.isVisible(row, readTs)).toBe(true);
              if (right.has(row)) found++;
            }
            wanted += right.size;
          }
          await data.denseVectors(VECTOR)?.growing?.idle;
        }
      }
    }
    expect(data.denseVectors(VECTOR)?.growing?.rowCount).toBe(rows);
    // Inner products with vectors of very different lengths are the hard case of every graph.
    expect(found / wanted).toBeGreaterThan(metric === 'IP' ? 0.9 : 0.97);
    // The index is dropped for an exact one, with these rows still growing.
    indexGrowing(platform, data, [{ ...definition, indexType: 'FLAT' }]);
    expect(data.denseVectors(VECTOR)?.growing).toBeUndefined();
    const request = { fieldId: VECTOR, metric, queries: vectors(10), k: 10, readTs: 99n, params: {} };
    const [hits, truth] = await Promise.all([searchSegment(data, request), searchSegment(exact, request)]);
    expect(hits.rows).toEqual(truth.rows);
    data.release();
    exact.release();
  },
);
