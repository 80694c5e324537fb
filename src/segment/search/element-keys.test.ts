// Keys of elements: two elements of a row are two keys, in the order of rows and places, and the keys of rows come back.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { columnFromInt64, columnFromStrings, keyAt } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { ELEMENT_KEYS, elementKeys, offsetsOf, withRowKeys } from './element-keys.js';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const text = fc.string({ maxLength: 8, unit: 'grapheme' });

it('hold keys and places of rows', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.array(int64, { maxLength: 8 }), fc.array(text, { maxLength: 8 })),
      fc.array(fc.nat(4095), { minLength: 8, maxLength: 8 }),
      (keys, places) => {
        const isText = typeof keys[0] === 'string';
        const keyField = { fieldId: 100n, dataType: isText ? DataType.VarChar : DataType.Int64 };
        const column = isText
          ? columnFromStrings(100n, DataType.VarChar, keys as string[])
          : columnFromInt64(100n, keys as bigint[]);
        const offsets = Uint32Array.from(places.slice(0, keys.length));
        const hits = { keys: elementKeys(column, offsets), rows: new Uint32Array(keys.length) };
        expect(hits.keys.fieldId).toBe(ELEMENT_KEYS.fieldId);
        expect(offsetsOf(hits)).toEqual(offsets);
        const back = withRowKeys(hits, keyField).keys;
        expect(keys.map((_, at) => keyAt(back, at))).toEqual(keys);
        expect(withRowKeys({ ...hits, keys: back }, keyField).keys).toBe(back);
        expect(offsetsOf({ ...hits, keys: back })).toBeUndefined();
      },
    ),
  );
});

it('are in the order of the rows and of their places', () => {
  const keys = [-(2n ** 63n), -5n, -1n, 0n, 1n, 2n ** 62n];
  const texts = keys.flatMap((key) =>
    [0, 9, 10, 4095].map((offset) =>
      String(keyAt(elementKeys(columnFromInt64(1n, [key]), Uint32Array.of(offset)), 0)),
    ),
  );
  expect([...texts].sort()).toEqual(texts);
});
