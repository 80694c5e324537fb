// Numbers as files have them, to the bytes of dense vectors. What is already of the right type is a view; nothing is rounded in silence
// but what the field's own type rounds.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { bfloat16Bits, float16Bits } from '#model/columns/half-float.js';
import { DataType } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import type { FieldSchema } from '#proto/milvus/schema.js';

export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Types of elements that are bytes of vectors, not their values. */
const isByteType = (type: string): boolean => /^[ui]\d$/.test(type);

const isHalf = (field: FieldSchema): boolean =>
  field.dataType === DataType.Float16Vector || field.dataType === DataType.BFloat16Vector;

/** Elements of a row. @param type of one, as `f4`; halves may come as pairs of bytes */
export function elementsPerVector(field: FieldSchema, type: string): number {
  const dim = dimOf(field);
  if (field.dataType === DataType.BinaryVector) return Math.ceil(dim / 8);
  return isHalf(field) && isByteType(type) ? dim * 2 : dim;
}

const wrong = (field: FieldSchema, text: string): ElanusError =>
  new ElanusError(
    'import_failed',
    `field ${JSON.stringify(field.name)}: ${text} for ${dataTypeName(field.dataType)}; correct the file`,
  );

/** Bytes of the vectors, as a column has them. @throws import_failed for elements that are no such values */
export function vectorBytes(field: FieldSchema, values: NumberArray, type: string): Uint8Array {
  switch (field.dataType) {
    case DataType.FloatVector:
      if (values instanceof Float32Array) return bytesView(values);
      if (type === 'f2') throw wrong(field, 'has halves, expected float32');
      return bytesView(Float32Array.from(numbers(values)));
    case DataType.Float16Vector:
    case DataType.BFloat16Vector:
      return halfBytes(field, values, type);
    case DataType.Int8Vector:
      if (values instanceof Int8Array) return bytesView(values);
      return bytesOf(field, values, -128, 127);
    case DataType.BinaryVector:
      if (values instanceof Uint8Array) return values;
      return bytesOf(field, values, 0, 255);
    default:
      throw wrong(field, 'has numbers, expected none');
  }
}

function halfBytes(field: FieldSchema, values: NumberArray, type: string): Uint8Array {
  const isFloat16 = field.dataType === DataType.Float16Vector;
  if (values instanceof Uint8Array) return values;
  if (isByteType(type)) return bytesOf(field, values, 0, 255);
  if (type === 'f2') {
    if (!isFloat16) throw wrong(field, 'has float16 values, expected bfloat16 as bytes, or float32');
    return bytesView(values);
  }
  const bitsOf = isFloat16 ? float16Bits : bfloat16Bits;
  return bytesView(Uint16Array.from(numbers(values), bitsOf));
}

const numbers = (values: NumberArray): Iterable<number> =>
  values instanceof BigInt64Array || values instanceof BigUint64Array
    ? Float64Array.from(values, Number)
    : values;

function bytesOf(field: FieldSchema, values: NumberArray, least: number, most: number): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = Number(values[at]);
    if (!Number.isInteger(value) || value < least || value > most)
      throw wrong(field, `has the element ${value}, expected integers from ${least} to ${most}`);
    bytes[at] = value;
  }
  return bytes;
}
