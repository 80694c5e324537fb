// Arrays of one call: zero, aligned, and never over one another.
import { describe, expect, test } from 'vitest';
import { briefBytes, briefFloats, briefInt64s, briefUint32s, briefUint64s } from './brief-arrays.js';

describe('brief arrays', () => {
  test('begin with zeros, where any array may begin, and have what was written to them while others are made', () => {
    const made: { readonly array: Uint8Array | Uint32Array | Float32Array; readonly value: number }[] = [];
    for (let i = 0; i < 2000; i++) {
      const length = (i * 37) % 700;
      const array = [briefBytes(length), briefUint32s(length), briefFloats(length)][i % 3] ?? briefBytes(0);
      expect(array.every((one) => one === 0)).toBe(true);
      expect(array.byteOffset % 16).toBe(0);
      array.fill((i % 250) + 1);
      made.push({ array, value: (i % 250) + 1 });
    }
    for (const { array, value } of made) expect(array.every((one) => one === value)).toBe(true);
  });

  test('of int64 they are whole, whatever came before', () => {
    briefBytes(3);
    const [signed, unsigned] = [briefInt64s(5).fill(-7n), briefUint64s(5).fill(9n)];
    expect([...signed, ...unsigned]).toEqual([...Array(5).fill(-7n), ...Array(5).fill(9n)]);
  });

  test('long ones have memory of their own', () => {
    expect(briefBytes(8193).buffer.byteLength).toBe(8193);
    expect(briefUint32s(3000).buffer.byteLength).toBe(12_000);
    expect(briefFloats(3000).buffer.byteLength).toBe(12_000);
    expect(briefInt64s(3000).buffer.byteLength).toBe(24_000);
    expect(briefUint64s(3000).buffer.byteLength).toBe(24_000);
  });
});
