// The key index against a Map, with few and many keys, repeated keys and hashes that share slots.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnFromInt64, columnFromStrings, type Key } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import { ColumnStore } from './column-store.js';
import { KeyIndex } from './key-index.js';

function check(keys: readonly Key[], absent: readonly Key[], type: number): void {
  const store = new ColumnStore(100n, type, 0);
  const index = new KeyIndex(store);
  const map = new Map<Key, number[]>();
  keys.forEach((key, row) => {
    store.append(
      typeof key === 'string' ? columnFromStrings(100n, type, [key]) : columnFromInt64(100n, [key]),
      1,
    );
    index.insert(row);
    map.set(key, [row, ...(map.get(key) ?? [])]);
  });
  for (const [key, rows] of map) expect(index.find(key)).toEqual(rows);
  for (const key of absent) expect(index.find(key)).toEqual(map.get(key) ?? []);
  keys.forEach((key, row) => {
    expect(index.rowsOf(store.view(), row)).toEqual(map.get(key));
  });
}

describe('key index', () => {
  it('finds what a map finds', () => {
    const int64 = fc.oneof(
      fc.bigInt({ min: -3n, max: 3n }),
      fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
    );
    fc.assert(
      fc.property(fc.array(int64, { maxLength: 200 }), fc.array(int64), (keys, absent) =>
        check(keys, absent, DataType.Int64),
      ),
    );
    const text = fc.string({ maxLength: 3 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 200 }), fc.array(text), (keys, absent) =>
        check(keys, absent, DataType.VarChar),
      ),
    );
  });
  it('finds keys behind those that rise', () => {
    // Also such that are one as floating-point numbers, and the outermost of all.
    const near = fc.constantFrom(
      0n,
      0n,
      1n << 32n,
      -(1n << 32n),
      1n << 62n,
      (1n << 63n) - 50n,
      50n - (1n << 63n),
    );
    const keyWithin = (bound: bigint) =>
      fc.tuple(near, fc.bigInt({ min: -bound, max: bound })).map(([from, by]) => from + by);
    const rising = fc.uniqueArray(keyWithin(40n), { maxLength: 60 });
    const others = fc.array(keyWithin(45n), { maxLength: 30 });
    fc.assert(
      fc.property(rising, others, others, (first, behind, absent) => {
        const sorted = first.sort((a, b) => Number(a - b));
        check([...sorted, ...behind], absent, DataType.Int64);
        // As texts they rise in another order, and mostly not for long.
        const text = (keys: readonly bigint[]): string[] => keys.map(String);
        check([...text(sorted).sort(), ...text(behind)], text(absent), DataType.VarChar);
      }),
    );
  });

  it('takes no memory for keys that rise, and for others when they come', () => {
    const store = new ColumnStore(100n, DataType.Int64, 0);
    const keys = Array.from({ length: 10_000 }, (_, i) => BigInt(i * 3 - 5000));
    store.append(columnFromInt64(100n, [...keys, 4n, 4n]), keys.length + 2);
    const index = new KeyIndex(store, keys.length + 2);
    for (let row = 0; row < keys.length; row++) expect(index.insert(row)).toBe(-1);
    expect(index.bytes).toBeLessThan(1000);
    expect(index.insert(keys.length)).toBe(1668);
    expect(index.insert(keys.length + 1)).toBe(keys.length);
    expect(index.find(4n)).toEqual([keys.length + 1, keys.length, 1668]);
    expect([index.find(1n), index.find(5n)]).toEqual([[1667], []]);
  });

  it('holds many keys, and no key of another type', () => {
    const keys = Array.from({ length: 50_000 }, (_, i) => BigInt(i) << 20n);
    const store = new ColumnStore(100n, DataType.Int64, 0);
    store.append(columnFromInt64(100n, keys), keys.length);
    const index = new KeyIndex(store);
    for (let row = 0; row < keys.length; row++) index.insert(row);
    for (const [row, key] of keys.entries()) expect(index.newest(key)).toBe(row);
    expect([index.find('0'), index.find(1n << 70n), index.find(1n)]).toEqual([[], [], []]);
  });
});
