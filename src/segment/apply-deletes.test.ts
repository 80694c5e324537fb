// Many deletes in slices: the same rows go as one by one, a read in between sees none of them, and a released segment is left alone.
import { afterAll, describe, expect, it } from 'vitest';
import { seededRandom } from '#base/random.js';
import { columnFromInt64, columnFromStrings } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { KEY, testBatch, testSchema } from '../../test/support/segments.js';
import { applyDeletes } from './apply-deletes.js';
import { SegmentData } from './segment-data.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const ROWS = 3000;
const keysOf = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => BigInt(from + i));
const unhurried = { isDue: false, rest: async () => {} };
const never = () => false;

function segment() {
  const data = new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema: testSchema() });
  data.appendBatch(testBatch(keysOf(0, ROWS), seededRandom(1)), 10n);
  return data;
}

const deletes = (from: number, to: number, partitionId = 0n) => ({
  keys: columnFromInt64(KEY, keysOf(from, to)),
  timestampAt: () => 20n,
  partitionAt: () => partitionId,
});

describe('deletes in slices', () => {
  it('take out the rows of their keys, in their partition', async () => {
    const data = segment();
    expect(await applyDeletes(data, deletes(-500, 1000), unhurried, never)).toBe(1000);
    expect(await applyDeletes(data, deletes(1000, 2000, 4n), unhurried, never)).toBe(0);
    expect(await applyDeletes(data, deletes(1000, 2000, 3n), unhurried, never)).toBe(1000);
    expect([data.liveCount(19n), data.liveCount(20n)]).toEqual([ROWS, 1000]);
    data.release();
  });

  it('leave rows alone whose keys are of another type', async () => {
    const data = segment();
    const texts = { ...deletes(0, 2), keys: columnFromStrings(KEY, DataType.VarChar, ['0', '1']) };
    expect(await applyDeletes(data, texts, unhurried, never)).toBe(0);
    data.release();
  });

  it('rest when they are due; what is read then is as before', async () => {
    const data = segment();
    const seen: number[] = [];
    const pace = {
      isDue: true,
      rest: async () => {
        seen.push(data.liveCount(19n));
        expect(data.find(0n, 19n)).toBe(0);
      },
    };
    expect(await applyDeletes(data, deletes(0, ROWS), pace, never)).toBe(ROWS);
    expect(seen.length).toBeGreaterThan(4);
    expect(new Set(seen)).toEqual(new Set([ROWS]));
    data.release();
  });

  it('stop at a segment that was released while they rested', async () => {
    const data = segment();
    let isGone = false;
    let rests = 0;
    const pace = {
      isDue: true,
      rest: async () => {
        if (++rests < 3) return;
        data.release();
        isGone = true;
      },
    };
    expect(await applyDeletes(data, deletes(0, ROWS), pace, () => isGone)).toBeLessThan(ROWS);
    expect(rests).toBe(3);
  });
});
