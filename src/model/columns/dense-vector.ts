// Dense vectors between the public messages and columns: rows of a write in, rows of an answer out. Bytes stay bytes: a column without
// nulls is a view of the request. What differs from type to type (slot, width, which values are refused) is the table here.
import { ElanusError } from '#base/errors.js';
import { BFLOAT16, FLOAT16, FLOAT32, findExponents } from '#base/not-finite.js';
import { fixedWidth } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import type { Column } from '#proto/elanus/data.js';
import { PlaceholderType } from '#proto/milvus/common.js';
import { DataType, type FieldData, type FieldSchema, type VectorField } from '#proto/milvus/schema.js';
import { column } from './column.js';

interface DenseType {
  /** How messages call its data, as Milvus words them. */
  readonly word: string;
  readonly placeholder: PlaceholderType;
  readonly bytesOf: (data: VectorField['data']) => Uint8Array | undefined;
  readonly dataOf: (bytes: Uint8Array) => NonNullable<VectorField['data']>;
  /** Index of the first element that is NaN or infinite, -1: none. Absent: there are no such values. */
  readonly findNotFinite?: (bytes: Uint8Array) => number;
}

const types: ReadonlyMap<number, DenseType> = new Map<number, DenseType>([
  [
    DataType.FloatVector,
    {
      word: 'float',
      placeholder: PlaceholderType.FloatVector,
      bytesOf: (data) => (data?.$case === 'floatVector' ? data.value.data : undefined),
      dataOf: (data) => ({ $case: 'floatVector', value: { data } }),
      findNotFinite: (bytes) => findExponents(bytes, FLOAT32),
    },
  ],
  [
    DataType.Float16Vector,
    {
      word: 'float16',
      placeholder: PlaceholderType.Float16Vector,
      bytesOf: (data) => (data?.$case === 'float16Vector' ? data.value : undefined),
      dataOf: (value) => ({ $case: 'float16Vector', value }),
      findNotFinite: (bytes) => findExponents(bytes, FLOAT16),
    },
  ],
  [
    DataType.BFloat16Vector,
    {
      word: 'bfloat16',
      placeholder: PlaceholderType.BFloat16Vector,
      bytesOf: (data) => (data?.$case === 'bfloat16Vector' ? data.value : undefined),
      dataOf: (value) => ({ $case: 'bfloat16Vector', value }),
      findNotFinite: (bytes) => findExponents(bytes, BFLOAT16),
    },
  ],
  [
    DataType.Int8Vector,
    {
      word: 'int8',
      placeholder: PlaceholderType.Int8Vector,
      bytesOf: (data) => (data?.$case === 'int8Vector' ? data.value : undefined),
      dataOf: (value) => ({ $case: 'int8Vector', value }),
    },
  ],
  [
    DataType.BinaryVector,
    {
      word: 'binary',
      placeholder: PlaceholderType.BinaryVector,
      bytesOf: (data) => (data?.$case === 'binaryVector' ? data.value : undefined),
      dataOf: (value) => ({ $case: 'binaryVector', value }),
    },
  ],
]);

/** Placeholder type of queries for such a field; undefined when it is no dense vector. */
export const placeholderOf = (dataType: number): PlaceholderType | undefined =>
  types.get(dataType)?.placeholder;
/** Bytes of one vector of the field. */
export const vectorWidth = (field: FieldSchema): number => fixedWidth(field.dataType, dimOf(field)) ?? 0;

/** The bytes of vectors of a type as they come over the wire; undefined: they are of another type. */
export const bytesOfVectors = (dataType: number, sent: VectorField): Uint8Array | undefined =>
  types.get(dataType)?.bytesOf(sent.data);

/** Vectors of a dense type for the wire. */
export function vectorsOf(dataType: number, bytes: Uint8Array): NonNullable<VectorField['data']> {
  const type = types.get(dataType);
  if (type === undefined)
    throw new ElanusError('internal', `type ${dataTypeName(dataType)} is no dense vector`);
  return type.dataOf(bytes);
}

const EMPTY = new Uint8Array(0);
const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

/** @param valid one byte a row, 0 for null; null rows may be left out of the data. @throws invalid_parameter */
export function denseColumn(
  field: FieldSchema,
  sent: FieldData,
  numRows: number,
  valid: Uint8Array | undefined,
): Column {
  const vectors = sent.field?.$case === 'vectors' ? sent.field.value : undefined;
  const type = types.get(field.dataType);
  // A column of nulls only may come without a slot.
  const data = vectors?.data === undefined && valid !== undefined ? EMPTY : type?.bytesOf(vectors?.data);
  if (type === undefined || data === undefined) {
    return refuse(
      `the data of field(${field.name}) is missing or of another type, expected ${dataTypeName(field.dataType)} values`,
    );
  }
  const dim = dimOf(field);
  const width = vectorWidth(field);
  const length = field.dataType === DataType.BinaryVector ? data.length * 8 : (data.length * dim) / width;
  const unequal = `the length(${length}) of ${type.word} data should divide the dim(${dim})`;
  if (!Number.isInteger(length))
    refuse(`the data of field(${field.name}) has ${data.length} bytes, not a multiple of ${width / dim}`);
  if (data.length % width !== 0) refuse(unequal);
  if (vectors !== undefined && vectors.dim !== 0n && vectors.dim !== BigInt(dim)) {
    refuse(
      `the dim (${vectors.dim}) of field data(${field.name}) is not equal to schema dim (${dim}); ${unequal}`,
    );
  }
  const rows = data.length / width;
  const present = valid === undefined ? numRows : valid.reduce((sum, flag) => sum + flag, 0);
  if (rows !== numRows && rows !== present) {
    refuse(`the num_rows (${rows}) of field (${field.name}) is not equal to passed num_rows (${numRows})`);
  }
  const values = valid === undefined ? data : spreadVectors(data, width, valid, rows);
  checkFiniteVectors(field, values);
  return column(field.fieldID, field.dataType, values, EMPTY, valid ?? EMPTY);
}

/** Vectors to their rows, zeros where a row is null. */
function spreadVectors(data: Uint8Array, width: number, valid: Uint8Array, rows: number): Uint8Array {
  const spread = new Uint8Array(valid.length * width);
  let next = 0;
  for (let row = 0; row < valid.length; row++) {
    const from = rows === valid.length ? row : next;
    if (valid[row] === 0) continue;
    spread.set(data.subarray(from * width, (from + 1) * width), row * width);
    next++;
  }
  return spread;
}

function checkFiniteVectors(field: FieldSchema, data: Uint8Array): void {
  const at = findNotFiniteIn(field.dataType, data);
  if (at < 0) return;
  const row = Math.floor(at / Math.max(1, dimOf(field)));
  refuse(`value of field(${field.name}) is not a number or infinity, row number: ${row}; send finite values`);
}

/** Index of the first element of the vectors that is NaN or infinite, -1 when there is none. */
export const findNotFiniteIn = (dataType: number, data: Uint8Array): number =>
  types.get(dataType)?.findNotFinite?.(data) ?? -1;

/** Index of the first float32 that is NaN or infinite, -1 when there is none. The values may start at any address. */
export const findNotFinite = (data: Uint8Array): number => findExponents(data, FLOAT32);

/** The vectors of an answer; rows that are null are left out, as clients expect of vectors. */
export function denseFieldOf(field: FieldSchema, from: Column, rowCount: number): VectorField {
  const type = types.get(field.dataType);
  if (type === undefined) throw new ElanusError('internal', `field ${field.name} is no dense vector`);
  const isWhole = from.valid.length === 0 || from.valid.indexOf(0) < 0;
  const bytes = isWhole ? from.data : compact(from, vectorWidth(field), rowCount);
  return { dim: BigInt(dimOf(field)), data: type.dataOf(bytes) };
}

function compact(from: Column, width: number, rowCount: number): Uint8Array {
  const bytes = new Uint8Array(rowCount * width);
  let end = 0;
  for (let row = 0; row < rowCount; row++) {
    if (from.valid[row] === 0) continue;
    bytes.set(from.data.subarray(row * width, (row + 1) * width), end);
    end += width;
  }
  return bytes.subarray(0, end);
}
