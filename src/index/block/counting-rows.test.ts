import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countingRows } from './counting-rows.js';

test('rows whose bit is clear or behind the last, as many as are asked for, at any alignment', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(0xff), fc.nat(255)), { maxLength: 40 }),
      fc.nat(3),
      fc.nat(400),
      fc.nat(400),
      (bytes, shift, rowCount, most) => {
        const excluded = new Uint8Array(shift + bytes.length).subarray(shift);
        excluded.set(bytes);
        const all = Array.from({ length: rowCount }, (_, row) => row).filter(
          (row) => (((bytes[row >> 3] ?? 0) >> (row & 7)) & 1) === 0,
        );
        expect([...countingRows(excluded, rowCount, most)]).toEqual(all.slice(0, most));
      },
    ),
  );
});
