import fc from 'fast-check';
import { snappyUncompress } from 'hyparquet';
import { snappyCompress as otherCompress } from 'hyparquet-writer/src/snappy.js';
import { describe, expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { snappyCompress } from './snappy.js';
import { byKernel, snappyDecompress } from './snappy-decoder.js';

function unpacked(packed: Uint8Array, bytes: number): Uint8Array {
  const output = new Uint8Array(bytes);
  snappyUncompress(packed, output);
  const own = new Uint8Array(bytes);
  snappyDecompress(packed, own);
  expect(Buffer.compare(own, output)).toBe(0);
  return output;
}

/** Bytes in which pieces come again: a few letters, with copies of what came before. */
const repetitive = fc
  .tuple(fc.nat(), fc.nat(200_000), fc.constantFrom(1, 2, 4, 30, 256))
  .map(([seed, length, letters]) => {
    const random = seededRandom(seed);
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const some = Math.min(length - at, 1 + nextBelow(random, 200));
      const from = nextBelow(random, at + 1);
      const isCopy = nextBelow(random, 2) === 0;
      for (let i = 0; i < some; i++, at++)
        bytes[at] = isCopy && from < at ? (bytes[from + i] as number) : nextBelow(random, letters);
    }
    return bytes;
  });
const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), repetitive);

describe('snappy', () => {
  it('gives back what it compressed, and makes the bytes of another encoder', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const packed = snappyCompress(bytes);
        expect(Buffer.compare(unpacked(packed, bytes.length), bytes)).toBe(0);
        expect(byKernel(packed, new Uint8Array(bytes.length))).toBe(true);
        expect(Buffer.compare(packed, otherCompress(bytes))).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('of more than the kernel has room for gives back the same', () => {
    const bytes = new Uint8Array(9_000_000);
    const random = seededRandom(3);
    for (let at = 0; at < bytes.length; at += 1 + nextBelow(random, 40)) bytes[at] = nextBelow(random, 256);
    const packed = snappyCompress(bytes);
    expect(byKernel(packed, new Uint8Array(bytes.length))).toBe(false);
    expect(Buffer.compare(unpacked(packed, bytes.length), bytes)).toBe(0);
  });

  it('of any bytes gives what another decoder gives, or an error, and never a byte outside', () => {
    const room = new Uint8Array(600);
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      // Tags and small numbers, which fit more often.
      fc
        .array(fc.constantFrom(0, 1, 2, 3, 4, 5, 8, 9, 12, 240, 244, 252, 253, 254, 255), { maxLength: 40 })
        .map((all) => Uint8Array.of(...all)),
    );
    let fit = 0;
    fc.assert(
      fc.property(fc.nat(200), any, (length, rest) => {
        const input = Uint8Array.of(
          ...(length < 128 ? [length] : [(length & 127) | 128, length >> 7]),
          ...rest,
        );
        room.fill(7);
        const own = room.subarray(200, 200 + length);
        let ownFails = false;
        try {
          snappyDecompress(input, own);
        } catch {
          ownFails = true;
        }
        expect(room.subarray(0, 200).every((byte) => byte === 7)).toBe(true);
        expect(room.subarray(200 + length).every((byte) => byte === 7)).toBe(true);
        if (ownFails) return;
        fit++;
        const other = new Uint8Array(length);
        try {
          snappyUncompress(input, other);
        } catch (error) {
          // It wants four bytes behind the tag of a long literal, also where its length is one byte and the literal is short.
          expect(String(error)).toContain('literal pos + 3');
          return;
        }
        expect(Buffer.compare(own, other)).toBe(0);
      }),
      { numRuns: 20_000 },
    );
    expect(fit).toBeGreaterThan(20);
  });

  it.each([
    ['nothing', [], 0],
    ['another length', [3, 0, 1], 1],
    ['a length that never ends', [255, 255, 255, 255, 255, 255], 5],
    ['a literal that ends early', [4, 12, 1, 2], 4],
    ['a literal of more than there is room for', [1, 4, 1, 2], 1],
    ['a copy of nothing before', [8, 0, 1, 9, 2], 8],
    ['a copy at no distance', [8, 0, 1, 9, 0], 8],
    ['a copy of more than there is room for', [3, 0, 1, 9, 1], 3],
    ['a tag alone', [8, 0, 1, 9], 8],
    ['too little', [9, 0, 1], 9],
  ])('refuses %s', (_, input, bytes) => {
    expect(() => snappyDecompress(Uint8Array.from(input), new Uint8Array(bytes))).toThrow();
  });

  it('reads a short literal whose length has a byte of its own, at the end', () => {
    const bytes = new Uint8Array(1);
    snappyDecompress(Uint8Array.of(1, 240, 0, 9), bytes);
    expect([...bytes]).toEqual([9]);
  });

  it('takes what never repeats as it is', () => {
    const random = seededRandom(5);
    const bytes = Uint8Array.from({ length: 300_000 }, () => nextBelow(random, 256));
    const packed = snappyCompress(bytes);
    expect(packed.length).toBeLessThan(bytes.length + 100);
    expect(Buffer.compare(unpacked(packed, bytes.length), bytes)).toBe(0);
  });
});
