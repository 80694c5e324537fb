import fc from 'fast-check';
import { expect, it } from 'vitest';
import { alignUp, bytesForBits, bytesView, copyBytes } from './bytes.js';

it('rounds up to the next multiple, past 32 bits too', () => {
  expect([0, 1, 63, 64, 65].map((value) => alignUp(value, 64))).toEqual([0, 64, 64, 64, 128]);
  expect(alignUp(2 ** 40 + 1, 4096)).toBe(2 ** 40 + 4096);
  expect(alignUp(7, 12)).toBe(12);
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 65_536 }), (value, to) => {
      const up = alignUp(value, to);
      expect(up % to).toBe(0);
      expect(up - value).toBeGreaterThanOrEqual(0);
      expect(up - value).toBeLessThan(to);
    }),
  );
});

it('shows the bytes of a part of a buffer and no others', () => {
  const words = Uint16Array.of(0x0102, 0x0304, 0x0506, 0x0708);
  const bytes = bytesView(words.subarray(1, 3));
  expect([...bytes]).toEqual([4, 3, 6, 5]);
  bytes[0] = 9;
  expect(words[1]).toBe(0x0309);
  expect(bytesView(new BigInt64Array(0))).toHaveLength(0);
  expect([...bytesView(new DataView(words.buffer, 1, 2))]).toEqual([1, 9]);
  const shared = new Float32Array(new SharedArrayBuffer(8), 4, 1);
  expect(bytesView(shared).buffer).toBe(shared.buffer);
});

it('counts the bytes of whole words of bits', () =>
  expect([0, 1, 64, 65, 128].map(bytesForBits)).toEqual([0, 8, 8, 16, 16]));

it('copies bytes as they are, whatever their number, their place and whose memory it is', () => {
  const memories = [
    (length: number) => new Uint8Array(length),
    (length: number) => new Uint8Array(new SharedArrayBuffer(length)),
  ];
  for (const make of memories)
    for (const other of memories)
      for (const length of [0, 1, 40, 41, 1023, 1024, 5000]) {
        const from = make(length + 10).map((_, at) => at * 7 + 1);
        const to = other(length + 20);
        copyBytes(from.subarray(2), 1, length + 1, to.subarray(5), 3);
        const expected = new Uint8Array(length + 20);
        expected.set(from.slice(3, length + 3), 8);
        expect(Buffer.compare(to, expected)).toBe(0);
      }
});

it('copies nothing where not all of it fits', () => {
  const from = new Uint8Array(4000).fill(1);
  const to = new Uint8Array(4000);
  expect(() => copyBytes(from, 0, 4000, to, 1)).toThrow();
  expect(() => copyBytes(from, 1, 4001, to, 0)).toThrow();
  expect(to.every((byte) => byte === 0)).toBe(true);
});
