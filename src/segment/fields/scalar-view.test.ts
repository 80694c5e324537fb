import { expect, test } from 'vitest';
import { columnFromBytes, columnFromInt64 } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { Column } from '#proto/elanus/data.js';
import { ColumnStore } from './column-store.js';

test('values of fixed width are a typed array over a range of rows', () => {
  const store = new ColumnStore(100n, DataType.Int64, 0);
  store.append(columnFromInt64(100n, BigInt64Array.of(5n, -1n, 7n, 1n << 40n)), 4);
  expect(store.scalars()).toMatchObject({ dataType: DataType.Int64, rowCount: 4, offsets: undefined });
  expect(store.scalars().values).toEqual(BigInt64Array.of(5n, -1n, 7n, 1n << 40n));
  expect(store.scalars(1, 3).values).toEqual(BigInt64Array.of(-1n, 7n));
  expect(store.scalars(4, 4).values).toEqual(new BigInt64Array(0));
  expect(() => store.scalars(2, 5)).toThrow('rows 2 to 5 of 4');
});

test.each([
  [DataType.Bool, Uint8Array.of(1, 0, 1)],
  [DataType.Int8, Int8Array.of(-1, 2, 3)],
  [DataType.Int16, Int16Array.of(-300, 2, 3)],
  [DataType.Int32, Int32Array.of(-70_000, 2, 3)],
  [DataType.Float, Float32Array.of(0.5, -2, 3)],
  [DataType.Double, Float64Array.of(0.1, -2, 3)],
])('type %i is read in its own array', (dataType, values) => {
  const store = new ColumnStore(100n, dataType, 0);
  store.append(Column.create({ fieldId: 100n, dataType, data: new Uint8Array(values.buffer) }), 3);
  expect(store.scalars().values).toEqual(values);
  expect(store.scalars(1, 3).values).toEqual(values.slice(1));
});

test('texts come as bytes and offsets, nulls as bits that rows written later do not change', () => {
  const store = new ColumnStore(100n, DataType.VarChar, 0);
  const encoder = new TextEncoder();
  store.append(
    columnFromBytes(100n, DataType.VarChar, [encoder.encode('ab'), null, encoder.encode('cde')]),
    3,
  );
  const view = store.scalars(1, 3);
  for (let batch = 0; batch < 40; batch++)
    store.append(columnFromBytes(100n, DataType.VarChar, [encoder.encode('more of it')]), 1);
  expect(view.values).toBeUndefined();
  const { data, offsets } = view;
  const texts = [0, 1].map((i) => new TextDecoder().decode(data.subarray(offsets?.[i], offsets?.[i + 1])));
  expect(texts).toEqual(['', 'cde']);
  expect([...(view.valid ?? [])]).toEqual([0, 1]);
  expect(store.scalars(3, 5).valid).toEqual(Uint8Array.of(1, 1));
});

test('a row whose batch lacks the field has its default, or none', () => {
  const store = new ColumnStore(100n, DataType.Int32, 0);
  store.setDefault(Uint8Array.of(9, 0, 0, 0));
  store.appendMissing(2);
  store.setDefault(undefined);
  store.appendMissing(1);
  expect(store.scalars().values).toEqual(Int32Array.of(9, 9, 0));
  expect(store.scalars().valid).toEqual(Uint8Array.of(1, 1, 0));
});
