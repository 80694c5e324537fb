// Search in a segment of every dense vector type: few rows are scored by number, many by a scan, both with the same scores to the last bit;
// rows without a vector are never found.
import { afterAll, describe, expect, it } from 'vitest';
import { nextBelow, nextFloat, seededRandom } from '#base/random.js';
import { batchOf, column, columnFromInt64 } from '#model/columns/column.js';
import { vectorWidth } from '#model/columns/dense-vector.js';
import { DataType } from '#model/schema/data-type.js';
import { vectorTypes } from '#model/schema/vector-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import type { SegmentHits } from '#segment/fields/segment-hits.js';
import { SegmentData } from '#segment/segment-data.js';
import { searchSegment } from './segment-search.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 2 });
afterAll(() => platform.close());
const LATEST = 1n << 62n;
const DIM = 64;
const ROWS = 3000;

const names = ['FloatVector', 'Float16Vector', 'BFloat16Vector', 'Int8Vector', 'BinaryVector'] as const;
describe.each(names)('%s', (name) => {
  const schema = CollectionSchema.fromPartial({
    name: 'c',
    fields: [
      { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      {
        fieldID: 101n,
        name: 'v',
        dataType: DataType[name],
        nullable: true,
        typeParams: [{ key: 'dim', value: `${DIM}` }],
      },
    ],
  });
  const width = vectorWidth(schema.fields[1] as (typeof schema.fields)[number]);
  const random = seededRandom(11);
  // High bytes of 0 to 0x3f: finite in every float type, and all kinds of magnitudes.
  const bytes = (rows: number) =>
    Uint8Array.from({ length: rows * width }, (_, at) => nextBelow(random, at % 2 === 0 ? 256 : 0x40));
  const hitsOf = (hits: SegmentHits) =>
    Array.from(hits.counts, (count, q) =>
      Array.from({ length: count }, (_, i) => ({
        row: hits.rows[q * hits.k + i] as number,
        score: hits.scores[q * hits.k + i] as number,
      })),
    );
  it('finds the same by number and by scan, and no nulls', async () => {
    const data = new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema });
    const valid = Uint8Array.from({ length: ROWS }, () => (nextFloat(random) < 0.1 ? 0 : 1));
    data.appendBatch(
      batchOf(ROWS, [
        columnFromInt64(
          100n,
          Array.from({ length: ROWS }, (_, row) => BigInt(row)),
        ),
        column(101n, DataType[name], bytes(ROWS), undefined, valid),
      ]),
      1n,
    );
    const queries = bytes(5);
    for (const metric of vectorTypes[name].metrics.filter((one) => one !== 'MHJACCARD')) {
      const search = async (filterRows?: Uint32Array) =>
        hitsOf(
          await searchSegment(data, {
            fieldId: 101n,
            metric,
            queries,
            k: ROWS,
            readTs: LATEST,
            ...(filterRows && { filterRows }),
          }),
        );
      const all = await search();
      expect(all.map((hits) => hits.length)).toEqual(
        new Array(5).fill(valid.reduce((sum, flag) => sum + flag, 0)),
      );
      for (const hits of all) expect(hits.every(({ row }) => valid[row] === 1)).toBe(true);
      for (const count of [0, 1, 5, 90, 95, 1500]) {
        const chosen = new Set(Array.from({ length: count }, () => nextBelow(random, ROWS)));
        expect(await search(Uint32Array.from(chosen).sort())).toEqual(
          all.map((hits) => hits.filter(({ row }) => chosen.has(row))),
        );
      }
    }
    data.release();
  });
});
