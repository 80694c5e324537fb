// Values of fields as answers have them.
import { decodeInt64s } from '#model/columns/packed-array.js';
import type { FieldData } from '#proto/milvus/schema.js';

export const int64sOf = (packed: Uint8Array): bigint[] => [
  ...new BigInt64Array(decodeInt64s(packed, 'an answer').slice().buffer),
];

export const numbersOf = (packed: Uint8Array): number[] => int64sOf(packed).map(Number);

/** Those that are too large for numbers. */
export function wideLongsOf(field: FieldData | undefined): bigint[] {
  const data = field?.field?.$case === 'scalars' ? field.field.value.data : undefined;
  return data?.$case === 'longData' ? int64sOf(data.value.data) : [];
}

export const longsOf = (field: FieldData | undefined): number[] => wideLongsOf(field).map(Number);

export function textsOf(field: FieldData | undefined): readonly string[] {
  const data = field?.field?.$case === 'scalars' ? field.field.value.data : undefined;
  return data?.$case === 'stringData' ? data.value.data : [];
}
