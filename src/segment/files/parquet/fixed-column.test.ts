// Rows of vectors, some of them null, read window by window as they lie in the file, are those of the column read whole.
import { afterAll, describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { nextBelow, nextFloat, seededRandom } from '#base/random.js';
import { batchOf, column, columnFromInt64, packNulls } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { requestOf, writeSegment } from '#segment/files/insert-log.js';
import { SegmentData } from '#segment/segment-data.js';
import { ParquetFileReader } from './parquet-reader.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
const DIM = 128;

async function readerOf(rows: number, nullShare: number) {
  const random = seededRandom(rows);
  const schema = CollectionSchema.fromPartial({
    name: 'c',
    fields: [
      { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      {
        ...{ fieldID: 101n, name: 'v', dataType: DataType.FloatVector, nullable: true },
        typeParams: [{ key: 'dim', value: `${DIM}` }],
      },
    ],
  });
  const valid = Uint8Array.from({ length: rows }, () => (nextFloat(random) < nullShare ? 0 : 1));
  const floats = Float32Array.from({ length: rows * DIM }, (_, i) => (valid[Math.floor(i / DIM)] ? i : 0));
  const data = new SegmentData(platform, { ...address, id: 1n, schema });
  const keys = columnFromInt64(
    100n,
    Array.from({ length: rows }, (_, i) => BigInt(i)),
  );
  const vectors = column(101n, DataType.FloatVector, bytesView(floats), undefined, valid);
  data.appendBatch(batchOf(rows, [keys, vectors]), 5n);
  const [, file] = await writeSegment(platform, {
    ...{ address, schema, data, rowBegin: 0, rowEnd: rows, logId: BigInt(rows) },
  });
  data.release();
  if (!file) return expect.fail();
  const field = requestOf(schema.fields[1] ?? expect.fail());
  const reader = new ParquetFileReader(await platform.objectStore.get(file.key), file.key);
  return { random, valid, floats, field, reader };
}

describe('a column as it lies in a file', () => {
  it.each([0, 0.01, 0.5, 1])('gives any windows of rows, a share of %f of them null', async (nullShare) => {
    const { random, valid, floats, field, reader } = await readerOf(20_000, nullShare);
    const whole = reader.readColumn(field);
    expect(Buffer.compare(whole.data, bytesView(floats))).toBe(0);
    const fixed = reader.openFixed(field) ?? expect.fail();
    expect(fixed.pageEnds.length).toBeGreaterThan(2);
    const windows = [[0, 20_000], ...fixed.pageEnds.map((end, i) => [fixed.pageEnds[i - 1] ?? 0, end])];
    for (let i = 0; i < 30; i++) {
      const begin = nextBelow(random, 20_000);
      windows.push([begin, begin + 1 + nextBelow(random, 20_000 - begin)]);
    }
    for (const [begin = 0, end = 0] of windows) {
      const flags = valid.subarray(begin, end);
      const bytes = bytesView(floats.subarray(begin * DIM, end * DIM));
      const wanted = packNulls(column(101n, DataType.FloatVector, bytes, undefined, flags), end - begin);
      const rows = fixed.rows(begin, end);
      expect(Buffer.compare(rows.data, wanted.data)).toBe(0);
      expect(rows.packed ?? false).toBe(flags.includes(0));
      if (rows.packed) expect(Buffer.compare(rows.valid, flags)).toBe(0);
    }
  });
});
