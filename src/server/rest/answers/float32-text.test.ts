// The shortest text of a float32, against the plain way to find it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { float32Text } from './float32-text.js';

/** The first of all lengths whose nearest number reads back as the same float32. */
function plainText(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

const anyBits = fc
  .integer({ min: 0, max: 0xffff_ffff })
  .map((bits) => new Float32Array(Uint32Array.of(bits).buffer)[0] ?? 0)
  .filter(Number.isFinite);
const ordinary = fc.double({ min: -2, max: 2, noNaN: true }).map(Math.fround);
const short = fc.tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.integer({ min: 0, max: 9 }));
const powersOfTwo = fc.integer({ min: -149, max: 127 }).map((exponent) => Math.fround(2 ** exponent));

describe('float32Text', () => {
  it('is the shortest text of every float32', () => {
    const values = fc.oneof(
      anyBits,
      ordinary,
      powersOfTwo,
      short.map(([digits, places]) => Math.fround(digits / 10 ** places)),
    );
    fc.assert(
      fc.property(values, (value) => float32Text(value) === plainText(value)),
      { numRuns: 20_000 },
    );
  });

  it.each([
    [0, '0'],
    [-0, '0'],
    [0.1, '0.1'],
    [-1.5, '-1.5'],
    [9.999999, '9.999999'],
    [16_777_216, '16777216'],
    [1e-4, '0.0001'],
    [999_999_936, '999999940'],
    [3.4028234663852886e38, '3.4028235e+38'],
  ])('of %d is %s', (value, text) => {
    expect(float32Text(Math.fround(value))).toBe(text);
  });
});
