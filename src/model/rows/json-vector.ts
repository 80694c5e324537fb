// The list of a dense vector in JSON, element by element into the bytes of its row. Binary vectors are lists of bytes (0 to 255), int8
// vectors of integers, the others of numbers that are rounded to the type. Types whose values JSON has no numbers for may come as base64 of their
// bytes instead, as REST writes them.

import { bytesFromBase64 } from '#base/base64.js';
import { findNotFiniteIn } from '#model/columns/dense-vector.js';
import { bfloat16Bits, float16Bits } from '#model/columns/half-float.js';
import { DataType } from '#proto/milvus/schema.js';

interface ElementWriter {
  readonly bytes: number;
  readonly expected: string;
  /** False: the value does not fit. */
  readonly set: (view: DataView, at: number, value: number) => boolean;
}

const halfWriter = (bitsOf: (value: number) => number, infinity: number): ElementWriter => ({
  bytes: 2,
  expected: 'finite numbers',
  set: (view, at, value) => {
    const bits = bitsOf(value);
    view.setUint16(at, bits, true);
    return (bits & infinity) !== infinity;
  },
});

const integerWriter = (min: number, max: number): ElementWriter => ({
  bytes: 1,
  expected: `integers from ${min} to ${max}`,
  set: (view, at, value) => {
    view.setInt8(at, value);
    return Number.isInteger(value) && value >= min && value <= max;
  },
});

const writers: ReadonlyMap<number, ElementWriter> = new Map<number, ElementWriter>([
  [
    DataType.FloatVector,
    {
      bytes: 4,
      expected: 'finite numbers',
      set: (view, at, value) => {
        view.setFloat32(at, value, true);
        return Number.isFinite(Math.fround(value));
      },
    },
  ],
  [DataType.Float16Vector, halfWriter(float16Bits, 0x7c00)],
  [DataType.BFloat16Vector, halfWriter(bfloat16Bits, 0x7f80)],
  [DataType.Int8Vector, integerWriter(-128, 127)],
  [DataType.BinaryVector, integerWriter(0, 255)],
]);

/** Elements of the list for a vector of so many dimensions. */
export const jsonVectorLength = (dataType: number, dim: number): number =>
  dataType === DataType.BinaryVector ? Math.ceil(dim / 8) : dim;
/** Writes the elements at `begin`. @returns what is wrong with which element; undefined when all fit */
export function writeJsonVector(
  dataType: number,
  values: readonly unknown[],
  view: DataView,
  begin: number,
): { readonly index: number; readonly expected: string } | undefined {
  const writer = writers.get(dataType);
  if (writer === undefined) return { index: 0, expected: 'no list' };
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'number' || !writer.set(view, begin + index * writer.bytes, value))
      return { index, expected: writer.expected };
  }
  return undefined;
}

/** Types that may be written as base64: their bytes are what clients hold. */
const base64Types: ReadonlySet<number> = new Set([
  DataType.BinaryVector,
  DataType.Float16Vector,
  DataType.BFloat16Vector,
  DataType.Int8Vector,
]);

/** Writes the bytes of a vector. @returns what was expected instead; undefined when it fits */
export function writeBase64Vector(
  text: string,
  view: DataView,
  to: { readonly dataType: number; readonly begin: number; readonly length: number },
): string | undefined {
  const width = to.length * (writers.get(to.dataType)?.bytes ?? 0);
  if (!base64Types.has(to.dataType)) return `a list of ${to.length} numbers`;
  const bytes = bytesFromBase64(text);
  if (bytes?.length !== width) return `a list of ${to.length} numbers, or base64 of ${width} bytes`;
  if (findNotFiniteIn(to.dataType, bytes) >= 0) return 'finite numbers';
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(bytes, to.begin);
  return undefined;
}
