import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { decodeBools, decodeInt32s, decodeInt64s, encodeInt32s, encodeInt64s } from './packed-array.js';

const int64Bytes = (values: readonly bigint[]) => new Uint8Array(BigInt64Array.from(values).buffer);
const edges64 = [
  0n,
  1n,
  -1n,
  127n,
  128n,
  2n ** 31n,
  2n ** 32n,
  -(2n ** 31n),
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 35n - 1n,
  2n ** 28n,
];

describe('packed arrays agree with the protobuf library', () => {
  const reference = (write: (writer: BinaryWriter) => void) => {
    const writer = new BinaryWriter();
    write(writer);
    return writer.finish();
  };
  it('int64', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(...edges64)),
        ),
        (values) => {
          const packed = reference((writer) => values.forEach((value) => void writer.int64(value)));
          expect(encodeInt64s(int64Bytes(values))).toEqual(packed);
          expect(decodeInt64s(packed, 'x')).toEqual(int64Bytes(values));
        },
      ),
    );
  });
  it('int32', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer(), fc.constantFrom(0, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31)))),
        (values) => {
          const packed = reference((writer) => values.forEach((value) => void writer.int32(value)));
          expect(encodeInt32s(values)).toEqual(packed);
          expect([...decodeInt32s(packed, 'x')]).toEqual(values);
        },
      ),
    );
  });
  it('bool', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), (values) => {
        expect([...decodeBools(Uint8Array.from(values, Number), 'x')]).toEqual(values.map(Number));
      }),
    );
    expect([...decodeBools(Uint8Array.of(0x80, 1, 0x80, 0), 'x')]).toEqual([1, 0]);
  });
  it('any bytes either decode like the library or are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const expected: bigint[] = [];
        let isBad = false;
        try {
          const reader = new BinaryReader(bytes);
          while (reader.pos < reader.len) expected.push(BigInt(reader.int64()));
        } catch {
          isBad = true;
        }
        if (isBad) expect(() => decodeInt64s(bytes, 'x')).toThrow(ElanusError);
        else expect(decodeInt64s(bytes, 'x')).toEqual(int64Bytes(expected));
        for (const decode of [decodeInt32s, decodeBools]) {
          try {
            decode(bytes, 'x');
          } catch (error) {
            expect(error).toBeInstanceOf(ElanusError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
