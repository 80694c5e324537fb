// What a partial update makes of rows: arrays of every kind of element, and objects put over objects.
import { describe, expect, it } from 'vitest';
import { textArrayBytes } from '#model/columns/array-column.js';
import { mergeObjects } from '#model/json/merge-objects.js';
import { DataType, FieldSchema } from '#proto/milvus/schema.js';
import { changedArray } from './array-ops.js';

const fieldOf = (elementType: DataType, capacity = 8): FieldSchema =>
  FieldSchema.fromPartial({
    name: 'list',
    dataType: DataType.Array,
    elementType,
    typeParams: [{ key: 'max_capacity', value: String(capacity) }],
  });
const bytes = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();

describe('array operations', () => {
  const lists = [
    [DataType.Bool, Uint8Array.of(1, 0, 1), Uint8Array.of(1), Uint8Array.of(0)],
    [DataType.Int8, Int8Array.of(-1, 2, -1), Int8Array.of(-1), Int8Array.of(2)],
    [DataType.Int16, Int16Array.of(-300, 2), Int16Array.of(2, 7), Int16Array.of(-300)],
    [DataType.Int32, Int32Array.of(1 << 30, 2), Int32Array.of(2), Int32Array.of(1 << 30)],
    [
      DataType.Int64,
      BigInt64Array.of(2n ** 63n - 1n, 2n ** 53n + 1n),
      BigInt64Array.of(2n ** 53n + 1n),
      BigInt64Array.of(2n ** 63n - 1n),
    ],
    [DataType.Float, Float32Array.of(0.5, -0, 1), Float32Array.of(0, 1), Float32Array.of(0.5)],
    [
      DataType.Double,
      Float64Array.of(Number.NaN, 1),
      Float64Array.of(Number.NaN, 1),
      Float64Array.of(Number.NaN),
    ],
  ] as const;
  it.each(lists)('of element type %i', (elementType, base, sent, left) => {
    const rows = { base: bytes(base), sent: bytes(sent), row: 0 };
    expect(changedArray(fieldOf(elementType), 'remove', rows)).toEqual(bytes(left));
    const both = new Uint8Array([...rows.base, ...rows.sent]);
    expect(changedArray(fieldOf(elementType), 'append', rows)).toEqual(both);
    expect(() => changedArray(fieldOf(elementType, 2), 'append', rows)).toThrow('exceeds max capacity (2)');
  });

  it('of texts, from and to nothing', () => {
    const field = fieldOf(DataType.VarChar);
    const [base, sent] = [textArrayBytes(['é', '', 'b', 'é']), textArrayBytes(['é', 'z'])];
    expect(changedArray(field, 'remove', { base, sent, row: 0 })).toEqual(textArrayBytes(['', 'b']));
    expect(changedArray(field, 'append', { base, sent, row: 0 })).toEqual(
      textArrayBytes(['é', '', 'b', 'é', 'é', 'z']),
    );
    const none = new Uint8Array(0);
    expect(changedArray(field, 'append', { base: none, sent, row: 0 })).toEqual(sent);
    expect(changedArray(field, 'remove', { base: sent, sent, row: 0 })).toEqual(none);
  });
});

describe('objects', () => {
  it.each([
    ['{"a":1,"b":[2, 3]}', '{"b":null,"c":{"d":1}}', '{"a":1,"b":null,"c":{"d":1}}'],
    ['{}', '{"a":12345678901234567890}', '{"a":12345678901234567890}'],
    ['', '{"a":1}', '{"a":1}'],
    ['{"a":1}', '{}', '{"a":1}'],
    ['{"\\u0061":1}', '{"a":2}', '{"a":2}'],
    ['{"__proto__":1}', '{"constructor":2}', '{"__proto__":1,"constructor":2}'],
  ])('%s and %s', (old, given, merged) => {
    expect(mergeObjects(old, given)).toBe(merged);
  });
});
