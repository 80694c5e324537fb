// Values gathered for one call: what `gather` gives, or nothing where values are of another width or may be null.
import { expect, it } from 'vitest';
import { columnFromInt64, column as columnOf } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { ColumnStore } from './column-store.js';

const KEY = 100n;

it('gathers values of 8 bytes as `gather` does, in any order, before and after the store grew', () => {
  const store = new ColumnStore(KEY, DataType.Int64, 0);
  for (const first of [0n, 5n]) {
    const values = [first, -1n - first, 2n ** 62n + first, -(2n ** 63n), 7n];
    store.append(columnFromInt64(KEY, values), values.length);
    const rows = Uint32Array.from({ length: store.rowCount * 2 }, (_, i) => (i * 3) % store.rowCount);
    expect(store.gatherBriefly(rows)).toEqual(store.gather(rows));
  }
  expect(store.gatherBriefly(new Uint32Array(0))).toEqual(store.gather(new Uint32Array(0)));
});

it('leaves other values to `gather`', () => {
  const small = new ColumnStore(KEY, DataType.Int32, 0);
  small.append(columnOf(KEY, DataType.Int32, Uint8Array.of(1, 0, 0, 0)), 1);
  expect(small.gatherBriefly(Uint32Array.of(0))).toBeUndefined();
  const nulls = new ColumnStore(KEY, DataType.Int64, 0);
  nulls.appendSame(undefined, 2);
  expect(nulls.gatherBriefly(Uint32Array.of(0))).toBeUndefined();
});
