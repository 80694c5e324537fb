// Rows that have expired by the time of a read: hidden in every form in which rows are asked for, and compared with a row by row rule.
import { expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { readTimeOf } from '#base/read-time.js';
import { hasBitAt, RowVersions } from './row-versions.js';

it('hides what was written at or before the bound, whatever else is hidden', () => {
  const random = seededRandom(11);
  for (let round = 0; round < 60; round++) {
    const versions = new RowVersions();
    const isSorted = round % 2 === 0;
    const times = Array.from({ length: 40 }, () => BigInt(1 + nextBelow(random, 30)));
    if (isSorted) times.sort((a, b) => Number(a - b));
    versions.append(times.length, BigInt64Array.from(times));
    if (round % 5 === 0) versions.setCommit(20n);
    for (let row = 0; row < 10; row++) versions.delete(nextBelow(random, 40), BigInt(nextBelow(random, 40)));
    for (const [at, until] of [
      [50n, 0n],
      [50n, 15n],
      [25n, 10n],
      [50n, 49n],
      [50n, 20n],
    ] as const) {
      const time = readTimeOf(at, { expiredUntil: until, expiryField: 0n, expiryMicros: 0n });
      const expected = times.map((_, row) => versions.isVisible(row, at) && versions.writtenAt(row) > until);
      const bits = versions.hiddenBits(time);
      expect(times.map((_, row) => versions.isVisible(row, time))).toEqual(expected);
      expect(times.map((_, row) => !hasBitAt(bits, row))).toEqual(expected);
      expect(versions.liveCount(time)).toBe(expected.filter(Boolean).length);
      if (versions.seesAll(time))
        expect(expected).toEqual(times.map((_, row) => versions.deletedAt(row) === undefined));
    }
    // Asking changed nothing.
    expect(versions.liveCount(50n)).toBe(times.filter((_, row) => versions.isVisible(row, 50n)).length);
  }
});
