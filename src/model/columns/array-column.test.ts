import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CollectionSchema, DataType, FieldSchema, type ScalarField } from '#proto/milvus/schema.js';
import {
  arrayColumn,
  arrayLength,
  arrayProblem,
  arrayRowBytes,
  arrayRows,
  elementsOf,
  textArrayBytes,
  textElement,
} from './array-column.js';
import { checkBatch } from './column.js';
import { encodeInt32s, encodeInt64s } from './packed-array.js';

const fieldOf = (elementType: DataType, params: Record<string, string> = {}): FieldSchema =>
  FieldSchema.fromPartial({
    fieldID: 101n,
    name: 'list',
    dataType: DataType.Array,
    elementType,
    typeParams: Object.entries({ max_capacity: '8', max_length: '8', ...params }).map(([key, value]) => ({
      key,
      value,
    })),
  });
const bytes = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer);
const texts = (...data: string[]): ScalarField => ({ data: { $case: 'stringData', value: { data } } });
const ints = (...data: number[]): ScalarField => ({
  data: { $case: 'intData', value: { data: encodeInt32s(data) } },
});

describe('rows of elements', () => {
  it.each([
    [DataType.Bool, { $case: 'boolData', value: { data: Uint8Array.of(1, 0, 1) } }],
    [DataType.Int8, { $case: 'intData', value: { data: encodeInt32s([-128, 127]) } }],
    [DataType.Int16, { $case: 'intData', value: { data: encodeInt32s([-32_768, 32_767]) } }],
    [DataType.Int32, { $case: 'intData', value: { data: encodeInt32s([-(2 ** 31), 2 ** 31 - 1]) } }],
    [
      DataType.Int64,
      {
        $case: 'longData',
        value: { data: encodeInt64s(bytes(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n))) },
      },
    ],
    [DataType.Float, { $case: 'floatData', value: { data: bytes(Float32Array.of(1.5, -0, Number.NaN)) } }],
    [DataType.Double, { $case: 'doubleData', value: { data: bytes(Float64Array.of(Math.PI)) } }],
    [DataType.VarChar, { $case: 'stringData', value: { data: ['', 'ü', 'abc'] } }],
  ] as [DataType, NonNullable<ScalarField['data']>][])(
    'of type %s come back as they went in',
    (elementType, data) => {
      const field = fieldOf(elementType);
      const row = arrayRowBytes(field, { data }, 0);
      expect(arrayProblem(row, elementType)).toBeUndefined();
      expect(elementsOf(row, elementType)).toEqual({ data });
    },
  );

  it('may be empty, whatever an encoder makes of that', () => {
    for (const sent of [undefined, { data: undefined }, texts()]) {
      const row = arrayRowBytes(fieldOf(DataType.VarChar), sent, 0);
      expect(arrayLength(row, DataType.VarChar)).toBe(0);
    }
    expect(arrayLength(arrayRowBytes(fieldOf(DataType.Int16), ints(), 0), DataType.Int16)).toBe(0);
  });

  it('of text are found by their index', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 20 }), (list) => {
        const row = textArrayBytes(list);
        expect(arrayProblem(row, DataType.VarChar)).toBeUndefined();
        expect(arrayLength(row, DataType.VarChar)).toBe(list.length);
        const found = list.map((_, index) => new TextDecoder().decode(textElement(row, index)));
        expect(found).toEqual(list.map((text) => new TextDecoder().decode(new TextEncoder().encode(text))));
      }),
    );
  });
});

describe('what a request must not say', () => {
  it.each([
    ['too many', fieldOf(DataType.Int8, { max_capacity: '2' }), ints(1, 2, 3), 'exceeds max capacity'],
    ['out of range', fieldOf(DataType.Int8), ints(128), 'out of range for Int8'],
    ['another type', fieldOf(DataType.Int8), texts('a'), 'are of another type'],
    ['too long', fieldOf(DataType.VarChar), texts('123456789'), 'exceeds max length'],
  ])('%s', (_, field, sent, text) => {
    expect(() => arrayRowBytes(field, sent, 3)).toThrow(text);
  });
});

it('a column has its nulls, from rows with and without places for them', () => {
  const field = { ...fieldOf(DataType.VarChar), nullable: true };
  const schema = CollectionSchema.fromPartial({ name: 'c', fields: [field] });
  for (const values of [
    [texts('a'), texts('c', 'd')],
    [texts('a'), texts(), texts('c', 'd')],
  ]) {
    const made = arrayColumn(field, values, 3, Uint8Array.of(1, 0, 1));
    checkBatch({ rowCount: 3, columns: [made] }, schema);
    expect(arrayRows(made, DataType.VarChar, 3)).toEqual([texts('a'), texts(), texts('c', 'd')]);
  }
});

it('damaged rows are recognised', () => {
  const row = textArrayBytes(['abc', 'd']);
  expect(arrayProblem(row.subarray(0, row.length - 1), DataType.VarChar)).toBeDefined();
  expect(arrayProblem(Uint8Array.of(9, 0, 0, 0), DataType.VarChar)).toBeDefined();
  expect(arrayProblem(Uint8Array.of(1), DataType.VarChar)).toBeDefined();
  expect(arrayProblem(Uint8Array.of(1, 2, 3), DataType.Int16)).toBeDefined();
});
