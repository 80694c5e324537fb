import fc from 'fast-check';
import { snappyUncompress } from 'hyparquet';
import { snappyCompress as otherCompress } from 'hyparquet-writer/src/snappy.js';
import { describe, expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { snappyCompress } from './snappy.js';

function unpacked(packed: Uint8Array, bytes: number): Uint8Array {
  const output = new Uint8Array(bytes);
  snappyUncompress(packed, output);
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
        expect(Buffer.compare(packed, otherCompress(bytes))).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('takes what never repeats as it is', () => {
    const random = seededRandom(5);
    const bytes = Uint8Array.from({ length: 300_000 }, () => nextBelow(random, 256));
    const packed = snappyCompress(bytes);
    expect(packed.length).toBeLessThan(bytes.length + 100);
    expect(Buffer.compare(unpacked(packed, bytes.length), bytes)).toBe(0);
  });
});
