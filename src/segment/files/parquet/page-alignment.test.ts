// Where the values of pages lie in the file.
import { afterAll, describe, expect, it } from 'vitest';
import { seededRandom } from '#base/random.js';
import { dimOf } from '#model/schema/field.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { writeSegment } from '#segment/files/insert-log.js';
import { SegmentData } from '#segment/segment-data.js';
import { testBatch, testSchema, VECTOR } from '../../../../test/support/segments.js';
import { ParquetFileReader } from './parquet-reader.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };

describe('pages of vectors', () => {
  it('have their floats, in every large page, at a multiple of eight', async () => {
    const schema = testSchema();
    const data = new SegmentData(platform, { ...address, id: 1n, schema });
    const count = 70_000;
    const keys = Array.from({ length: count }, (_, i) => BigInt(i));
    data.appendBatch(testBatch(keys, seededRandom(3)), 5n);
    const write = { address, schema, data, rowBegin: 0, rowEnd: count, logId: 1n };
    const [, vectors] = await writeSegment(platform, write);
    if (vectors === undefined) return expect.fail();
    const reader = new ParquetFileReader(await platform.objectStore.get(vectors.key), vectors.key);
    const field = schema.fields.find(({ fieldID }) => fieldID === VECTOR) ?? expect.fail();
    const { fieldID, name, dataType, elementType } = field;
    const column = reader.openFixed({ fieldId: fieldID, name, dataType, elementType, dim: dimOf(field) });
    const begins = [0, ...(column?.pageEnds.slice(0, -1) ?? [])];
    expect(begins.length).toBeGreaterThan(3);
    expect(begins.map((row) => (column?.rows(row, row + 1).data.byteOffset ?? 1) % 8)).toEqual(
      begins.map(() => 0),
    );
    data.release();
  });
});
