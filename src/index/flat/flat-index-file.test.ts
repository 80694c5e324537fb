// The FLAT index file round-trips, and any flipped byte, cut or addition is data_corrupt.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';
import { decodeFlatIndex, encodeFlatIndex, type FlatIndex } from './flat-index-file.js';

const uint32 = fc.nat(0xffff_ffff);
const index: fc.Arbitrary<FlatIndex> = fc.oneof(
  fc.record({
    metric: fc.constantFrom('L2' as const, 'IP' as const, 'HAMMING' as const, 'SUPERSTRUCTURE' as const),
    dim: fc.integer({ min: 1, max: 32_768 }),
    rowCount: uint32,
  }),
  fc
    .tuple(fc.integer({ min: 1, max: 32_768 }), fc.float32Array({ maxLength: 200 }))
    .map(([dim, inverseNorms]) => ({
      metric: 'COSINE' as const,
      dim,
      rowCount: inverseNorms.length,
      inverseNorms,
    })),
);
function expectCorrupt(bytes: Uint8Array, message = ''): void {
  try {
    decodeFlatIndex(bytes, 'file x');
  } catch (error) {
    expect(error).toBeInstanceOf(ElanusError);
    expect(error).toMatchObject({ key: 'data_corrupt', message: expect.stringContaining('file x') });
    expect(error).toMatchObject({ message: expect.stringContaining(message) });
    return;
  }
  expect.unreachable('a corrupt file was accepted');
}

/** Changes a byte and makes the checksum right again. */
function forged(at: number, value: number): Uint8Array {
  const bytes = encodeFlatIndex({ metric: 'L2', dim: 8, rowCount: 3 });
  bytes[at] = value;
  new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

describe('FLAT index file', () => {
  it('has the bytes of the format document', () => {
    const bytes = encodeFlatIndex({
      metric: 'COSINE',
      dim: 258,
      rowCount: 1,
      inverseNorms: Float32Array.of(1),
    });
    const body = [
      ...new TextEncoder().encode('ELFI'),
      1,
      0,
      2,
      0,
      2,
      1,
      0,
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      128,
      63,
    ];
    expect([...bytes.subarray(0, -4)]).toEqual(body);
    expect(new DataView(bytes.buffer).getUint32(24, true)).toBe(crc32(Uint8Array.from(body)));
  });
  it('round-trips, from any offset of a buffer', () => {
    fc.assert(
      fc.property(index, fc.nat(7), (value, shift) => {
        const bytes = encodeFlatIndex(value);
        const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
        shifted.set(bytes);
        expect(decodeFlatIndex(shifted)).toEqual(value);
      }),
    );
  });
  it('detects every flipped byte', () => {
    fc.assert(
      fc.property(index, fc.integer({ min: 1, max: 255 }), (value, flip) => {
        const bytes = encodeFlatIndex(value);
        for (let at = 0; at < bytes.length; at++) {
          const changed = bytes.slice();
          changed[at] = (changed[at] as number) ^ flip;
          expectCorrupt(changed);
        }
      }),
      { numRuns: 30 },
    );
  });
  it('detects cuts and additions', () => {
    fc.assert(
      fc.property(index, fc.uint8Array({ minLength: 1, maxLength: 9 }), (value, tail) => {
        const bytes = encodeFlatIndex(value);
        for (let length = 0; length < bytes.length; length++) expectCorrupt(bytes.subarray(0, length));
        const longer = new Uint8Array(bytes.length + tail.length);
        longer.set(bytes);
        longer.set(tail, bytes.length);
        expectCorrupt(longer);
      }),
      { numRuns: 30 },
    );
  });
  it.each([
    [4, 2, 'format version 2'],
    [6, 7, 'unknown metric'],
    [6, 2, 'for 3 rows'],
    [7, 1, 'flags'],
    [8, 0, 'dim is 0'],
    [16, 1, 'flags'],
  ])('refuses byte %i set to %i though its checksum is right', (at, value, message) => {
    expectCorrupt(forged(at, value), message);
  });
  it('takes inverse norms for COSINE only', () => {
    expect(() =>
      encodeFlatIndex({ metric: 'L2', dim: 1, rowCount: 0, inverseNorms: new Float32Array(0) }),
    ).toThrow('COSINE');
    expect(() => encodeFlatIndex({ metric: 'COSINE', dim: 1, rowCount: 0 })).toThrow('COSINE');
    expect(() =>
      encodeFlatIndex({ metric: 'COSINE', dim: 1, rowCount: 2, inverseNorms: new Float32Array(1) }),
    ).toThrow('one inverse norm');
  });
});
