// Insert logs with a column of every type, damaged under a right checksum: each ends in a typed error or in columns that fit the schema,
// soon, and without more memory than the file could fill.
import { afterAll, describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { nextBelow, type Random, seededRandom } from '#base/random.js';
import { checkBatch } from '#model/columns/column.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { FileRecord } from '#proto/elanus/data.js';
import { readInsertFile, writeSegment } from '#segment/files/insert-log.js';
import { SegmentData } from '#segment/segment-data.js';
import { typedBatch, typedSchema } from '../test/golden/typed-rows.js';
import { SEED } from './invariant.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
const ROUNDS = 200;

async function typedFiles(): Promise<FileRecord[]> {
  const data = new SegmentData(platform, { ...address, id: 1n, schema: typedSchema });
  const batch = typedBatch();
  data.appendBatch(batch);
  const write = { address, schema: typedSchema, data, rowBegin: 0, rowEnd: batch.rowCount, logId: 1n };
  const files = await writeSegment(platform, write);
  data.release();
  return files;
}

/** Some bytes are others, or the file is shorter. */
function damaged(good: Uint8Array, random: Random): Uint8Array {
  const { length } = good;
  const bad = good.slice(0, nextBelow(random, 20) === 0 ? nextBelow(random, length) : length);
  for (let i = nextBelow(random, 3); i >= 0 && bad.length > 0; i--)
    bad[nextBelow(random, bad.length)] = nextBelow(random, 256);
  return bad;
}

describe('damaged insert logs', () => {
  it('are refused or read as columns that fit', async () => {
    const random = seededRandom(SEED);
    let [refused, taken] = [0, 0];
    for (const file of await typedFiles()) {
      const good = await platform.objectStore.get(file.key);
      for (const fieldId of file.fieldIds) {
        for (let round = 0; round < ROUNDS; round++) {
          const bad = damaged(good, random);
          await platform.objectStore.put(file.key, [bad]);
          const record = { ...file, crc32: platform.crc32(bad), bytes: BigInt(bad.length) };
          try {
            const batch = await readInsertFile(platform, record, typedSchema, [fieldId]);
            checkBatch(batch, typedSchema);
            taken++;
          } catch (error) {
            refused++;
            if (!(error instanceof ElanusError) || !/^(data_corrupt|unsupported)$/.test(error.key))
              throw new Error(`field ${fieldId}, round ${round}`, { cause: error });
          }
        }
      }
    }
    expect(refused).toBeGreaterThan(1000);
    expect(taken).toBeGreaterThan(1000);
  }, 120_000);
});
