// Columns of a request as clients send them, right or wrong as the caller says.
import { DataType, FieldData } from '#proto/milvus/schema.js';

/** Dimension of the vectors of the collection. */
export const DIM = 4;

export const floats = (values: readonly number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer);
const varints = (values: readonly bigint[]): Uint8Array => {
  const bytes: number[] = [];
  for (const value of values) {
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
  }
  return Uint8Array.from(bytes);
};

export const keysOf = (ids: readonly bigint[]): FieldData =>
  FieldData.fromPartial({
    fieldName: 'id',
    type: DataType.Int64,
    field: { $case: 'scalars', value: { data: { $case: 'longData', value: { data: varints(ids) } } } },
  });
export const vectorsOf = (values: readonly number[], dim = DIM): FieldData =>
  FieldData.fromPartial({
    fieldName: 'v',
    type: DataType.FloatVector,
    field: {
      $case: 'vectors',
      value: { dim: BigInt(dim), data: { $case: 'floatVector', value: { data: floats(values) } } },
    },
  });
export const textOf = (
  name: string,
  texts: readonly string[],
  validData: readonly boolean[] = [],
): FieldData =>
  FieldData.fromPartial({
    fieldName: name,
    type: DataType.VarChar,
    validData: [...validData],
    field: { $case: 'scalars', value: { data: { $case: 'stringData', value: { data: [...texts] } } } },
  });
