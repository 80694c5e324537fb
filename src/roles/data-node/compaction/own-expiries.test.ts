// What data-coord learns of the times at which rows of a segment expire.
import { expect, it } from 'vitest';
import { expiryQuantiles, isExpired } from './own-expiries.js';

const NO_NULLS = new Uint8Array(0);

it('names the first row, then each twentieth of all rows, as far as they expire', () => {
  const values = BigInt64Array.from({ length: 100 }, (_, row) => BigInt(100 - row));
  expect(expiryQuantiles({ values, valid: NO_NULLS })).toEqual([
    1n,
    ...Array.from({ length: 20 }, (_, part) => BigInt((part + 1) * 5)),
  ]);
  const valid = Uint8Array.from({ length: 100 }, (_, row) => (row < 90 ? 0 : 1));
  expect(expiryQuantiles({ values, valid })).toEqual([1n, 5n, 10n]);
  expect(expiryQuantiles({ values: BigInt64Array.of(-7n), valid: NO_NULLS })).toEqual(
    Array.from({ length: 21 }, () => -7n),
  );
  expect(expiryQuantiles({ values: new BigInt64Array(3), valid: new Uint8Array(3) })).toEqual([]);
});

it('calls expired what is not after the time, and never a null', () => {
  const times = { values: BigInt64Array.of(5n, 6n, 5n), valid: Uint8Array.of(1, 1, 0) };
  expect([0, 1, 2].map((row) => isExpired(times, row, 5n))).toEqual([true, false, false]);
});
