// Blocks of our own writer and of hand: what comes out is what went in, and damage is refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { snappyCompress } from '#segment/files/parquet/snappy.js';
import { unpackSnappy } from './snappy-block.js';

const unpacked = (block: Uint8Array, bytes: number): Uint8Array => {
  const out = new Uint8Array(bytes);
  unpackSnappy(block, out);
  return out;
};

describe('unpackSnappy', () => {
  it('gives back what was packed', () => {
    const parts = fc.array(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(90).fill(7))),
    );
    fc.assert(
      fc.property(parts, (list) => {
        const bytes = new Uint8Array(list.flatMap((part) => [...part]));
        expect(unpacked(snappyCompress(bytes), bytes.length)).toEqual(bytes);
      }),
    );
  });

  it('repeats what a copy has just written', () => {
    expect(unpacked(Uint8Array.of(6, 4, 1, 2, 0b1, 2), 6)).toEqual(Uint8Array.of(1, 2, 1, 2, 1, 2));
  });

  it.each([
    ['another length', [3, 4, 1, 2]],
    ['a run beyond its end', [2, 12, 1, 2]],
    ['a copy from before its begin', [6, 4, 1, 2, 1, 3]],
    ['a copy of nothing', [6, 4, 1, 2, 1, 0]],
    ['no length', []],
    ['an end within a number', [200, 1, 240]],
  ])('refuses %s', (_, bytes) => {
    expect(() => unpacked(Uint8Array.from(bytes), 6)).toThrow(/a Snappy block/);
  });

  it('ends on anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          unpacked(bytes, 40);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
