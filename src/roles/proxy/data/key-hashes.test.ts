// Hashes of a whole key column are those of its keys one by one, with Milvus's own values at the edges.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnFromInt64, columnFromStrings } from '#model/columns/column.js';
import { hashKey } from '#model/columns/row-key.js';
import { DataType } from '#model/schema/data-type.js';
import { hashKeys } from './key-hashes.js';

describe('key hashes', () => {
  it('murmur3 of int64 keys without the sign bit, CRC-32 of the first 100 bytes of a text', () => {
    expect([...hashKeys(columnFromInt64(100n, [0n, 1n, -1n, (1n << 63n) - 1n]), 4)]).toEqual([
      1669671676, 1392991556, 1651860712, 40977599,
    ]);
    expect([
      ...hashKeys(
        columnFromStrings(100n, DataType.VarChar, ['', 'milvus', 'a'.repeat(100), 'a'.repeat(150)]),
        4,
      ),
    ]).toEqual([0, 725768567, 2943384164, 2943384164]);
  });
  it('of a column as of each key alone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n })),
        fc.array(fc.string({ unit: 'binary' })),
        (numbers, texts) => {
          expect([...hashKeys(columnFromInt64(100n, numbers), numbers.length)]).toEqual(numbers.map(hashKey));
          const clean = texts.map((text) => new TextDecoder().decode(new TextEncoder().encode(text)));
          expect([...hashKeys(columnFromStrings(100n, DataType.VarChar, clean), clean.length)]).toEqual(
            clean.map(hashKey),
          );
        },
      ),
      { seed: 5 },
    );
  });
});
