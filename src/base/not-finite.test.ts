// Floats that are no numbers are found wherever they stand, at any address, and nothing else is.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BFLOAT16, FLOAT16, FLOAT32, type FloatBits, findExponents } from './not-finite.js';

/** One float at a time, by its value. */
const floatAt = {
  float32: (view: DataView, at: number) => view.getFloat32(at, true),
  bfloat16: (view: DataView, at: number) => {
    const wide = new DataView(new ArrayBuffer(4));
    wide.setUint16(2, view.getUint16(at, true), true);
    return wide.getFloat32(0, true);
  },
  // The exponent of a half is five bits, all ones for what is no number.
  float16: (view: DataView, at: number) => ((view.getUint16(at, true) >> 10) % 32 === 31 ? NaN : 0),
};

const kinds: [keyof typeof floatAt, FloatBits][] = [
  ['float32', FLOAT32],
  ['float16', FLOAT16],
  ['bfloat16', BFLOAT16],
];

function expected(kind: keyof typeof floatAt, bytes: Uint8Array, width: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + width <= bytes.length; at += width)
    if (!Number.isFinite(floatAt[kind](view, at))) return at / width;
  return -1;
}

/** Words that are seldom no numbers, and often nearly. */
const word = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }).map((bits) => bits & ~0x0080_0080),
  },
  { weight: 20, arbitrary: fc.constantFrom(0, 0x7f7f_ffff, 0x7bff_7bff, 0x7f7f_7f7f, 0x8000_8000 | 0) },
  { weight: 1, arbitrary: fc.constantFrom(0x7f80_0000, 0x7c00_0000, 0xfc00, 0x7f80, 0xffc0_0001 | 0) },
);

describe.each(kinds)('%s', (kind, bits) => {
  it('finds the first that is none', () => {
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 64 }),
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 0, max: 3 }),
        (words, shift, cut) => {
          const plain = new Uint8Array(Int32Array.from(words).buffer);
          const all = new Uint8Array(plain.length + 8);
          all.set(plain, shift);
          const bytes = all.subarray(shift, shift + Math.max(0, plain.length - cut));
          expect(findExponents(bytes, bits)).toBe(expected(kind, bytes, bits.width));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('looks at every place of a block', () => {
    for (let at = 0; at < 1200; at += at < 40 ? 1 : 3) {
      const floats = kind === 'float32' ? new Uint32Array(1300) : new Uint16Array(1300);
      floats[at] = kind === 'float16' ? 0xfc00 : kind === 'bfloat16' ? 0x7fff : 0xff80_0000;
      expect(findExponents(new Uint8Array(floats.buffer), bits)).toBe(at);
    }
  });
});
