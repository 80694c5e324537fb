// Random inputs that are nearly right: bytes of a valid message with damage, and messages whose parts do not fit together.
import fc from 'fast-check';
import { damaged } from './invariant.js';

export const damageArbitrary = fc.record({
  flips: fc.array(
    fc.tuple(fc.double({ min: 0, max: 0.999_999, noNaN: true }), fc.integer({ min: 1, max: 255 })),
    { maxLength: 6 },
  ),
  keep: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  more: fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ maxLength: 8 })),
});

export const nearly = (valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    {
      arbitrary: fc.tuple(valid, damageArbitrary).map(([bytes, damage]) => damaged(bytes, damage)),
      weight: 4,
    },
    { arbitrary: fc.uint8Array({ maxLength: 64 }), weight: 1 },
  );
/** Sizes that are wrong by one, by sign, or by gigabytes. */
export const sizes = fc.oneof(
  fc.integer({ min: -2, max: 20 }),
  fc.constantFrom(2 ** 31 - 1, 2 ** 32 - 1, 2 ** 31, -(2 ** 31)),
);
export const int64s = fc.oneof(
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  fc.constantFrom(0n, 1n, -1n, (1n << 63n) - 1n, -(1n << 63n)),
);
