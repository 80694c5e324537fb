// What a data type means for storage: its code, and how many bytes a row takes in a column. The codes are those of the wire and of
// files on disk, so they have one definition, the protocol's.
import { DataType } from '#proto/milvus/schema.js';

export { DataType };

const integerTypes = [DataType.Int8, DataType.Int16, DataType.Int32, DataType.Int64] as const;
export const numberTypes = [...integerTypes, DataType.Float, DataType.Double] as const;
/** What an array may hold, and every field of one short value is. */
export const plainTypes = [DataType.Bool, ...numberTypes, DataType.VarChar] as const;
/** By which rows and hits can be grouped: floating-point numbers are too many, and seldom the same. */
export const groupedTypes: ReadonlySet<number> = new Set([
  DataType.Bool,
  ...integerTypes,
  DataType.VarChar,
  DataType.Timestamptz,
]);

/** Bytes of one row in a column's `data`; undefined: rows differ in length and the column has offsets. */
export function fixedWidth(type: number, dim: number): number | undefined {
  switch (type) {
    case DataType.Bool:
    case DataType.Int8:
      return 1;
    case DataType.Int16:
      return 2;
    case DataType.Int32:
    case DataType.Float:
    case DataType.Date:
      return 4;
    case DataType.Int64:
    case DataType.Double:
    case DataType.Timestamptz:
    case DataType.Time:
      return 8;
    case DataType.BinaryVector:
      return Math.ceil(dim / 8);
    case DataType.FloatVector:
      return dim * 4;
    case DataType.Float16Vector:
    case DataType.BFloat16Vector:
      return dim * 2;
    case DataType.Int8Vector:
      return dim;
    default:
      return undefined;
  }
}

export const isVectorType = (type: number): boolean =>
  type >= DataType.BinaryVector && type <= DataType.ArrayOfVector;
/** Vectors of one width a field: all but sparse vectors and arrays of vectors. */
export const isDenseVector = (type: number): boolean =>
  isVectorType(type) && type !== DataType.SparseFloatVector && type !== DataType.ArrayOfVector;
/** Types whose values are text: as keys, as filter operands, and in files. */
export const isStringType = (type: number): boolean =>
  type === DataType.VarChar || type === DataType.String || type === DataType.Text;
