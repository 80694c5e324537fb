// Columns back to the public messages: FieldData of an answer, IDs of hits and of mutations.
// Nullable scalars go out dense, a placeholder per null beside `valid_data`: the form every released client reads.
import { must } from '#base/assert.js';
import { briefBytes } from '#base/brief-arrays.js';
import { ElanusError } from '#base/errors.js';
import { decodeWkb } from '#model/geometry/wkb.js';
import { formatWkt } from '#model/geometry/wkt.js';
import { isDenseVector } from '#model/schema/data-type.js';
import { fieldById } from '#model/schema/field.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import { structOf } from '#model/schema/struct-arrays.js';
import { formatTimestamp } from '#model/time/timestamptz.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import {
  type CollectionSchema,
  DataType,
  FieldData,
  type FieldSchema,
  type IDs,
  type ScalarField,
} from '#proto/milvus/schema.js';
import { arrayRows } from './array-column.js';
import { bytesAt, column, findColumn, int64At, isNull, stringAt } from './column.js';
import { VariableWriter } from './column-values.js';
import { denseFieldOf } from './dense-vector.js';
import { decodeInt64s, encodeInt32s, encodeInt64s, varintBytesMax } from './packed-array.js';
import { sparseFieldOf } from './sparse-column.js';
import { structFieldData } from './struct-columns.js';
import { vectorListFieldOf } from './vector-list-column.js';

/**
 * One FieldData per id, in the order asked for. Vectors, floats and doubles are views of the batch.
 * @param zone in which times are written
 */
export function fieldsFromBatch(
  schema: CollectionSchema,
  batch: ColumnBatch,
  outputFieldIds: readonly bigint[],
  zone = 'UTC',
): FieldData[] {
  const columns = outputFieldIds.map((id) => columnFieldFromBatch(schema, batch, id, zone));
  return joinStructs(schema, columns);
}

/** One column, also where it is a part of a struct array; `joinStructs` puts such parts together. */
export function columnFieldFromBatch(
  schema: CollectionSchema,
  batch: ColumnBatch,
  id: bigint,
  zone = 'UTC',
): FieldData {
  const field = must(fieldById(schema, id), `field ${id} of collection ${schema.name}`);
  const from = must(findColumn(batch, id), `column of field ${field.name}`);
  return fieldOfColumn(field, from, batch.rowCount, zone);
}

/** Columns of one struct array go together, where the first of them is. */
export function joinStructs(schema: CollectionSchema, columns: FieldData[]): FieldData[] {
  if (schema.structArrayFields.length === 0) return columns;
  const structs = columns.map((data) => structOf(schema, data.fieldId));
  return columns.flatMap((data, at): FieldData[] => {
    const struct = structs[at];
    if (struct === undefined) return [data];
    if (structs.indexOf(struct) < at) return [];
    const own = columns.filter((_, index) => structs[index] === struct);
    return [structFieldData(struct, own)];
  });
}

/** @param zone in which times are written */
export function fieldOfColumn(field: FieldSchema, from: Column, rowCount: number, zone = 'UTC'): FieldData {
  const data = FieldData.create({
    type: field.dataType,
    fieldName: field.name,
    fieldId: field.fieldID,
    isDynamic: field.isDynamic,
  });
  if (isDenseVector(field.dataType)) {
    data.field = { $case: 'vectors', value: denseFieldOf(field, from, rowCount) };
    if (hasNulls(field, from)) data.validData = validityOf(from, rowCount);
    return data;
  }
  if (field.dataType === DataType.ArrayOfVector) {
    data.field = { $case: 'vectors', value: vectorListFieldOf(field, from, rowCount) };
    if (hasNulls(field, from)) data.validData = validityOf(from, rowCount);
    return data;
  }
  if (field.dataType === DataType.SparseFloatVector) {
    data.field = { $case: 'vectors', value: sparseFieldOf(from, rowCount) };
    if (hasNulls(field, from)) data.validData = validityOf(from, rowCount);
    return data;
  }
  data.field = { $case: 'scalars', value: { data: scalarsOf(field, from, rowCount, zone) } };
  if (hasNulls(field, from)) data.validData = validityOf(from, rowCount);
  return data;
}

/** Also of a field without nulls that rows lack for a while, as a function that makes it came later. */
const hasNulls = ({ nullable }: FieldSchema, { valid }: Column): boolean => nullable || valid.includes(0);

const validityOf = (from: Column, rowCount: number): boolean[] =>
  Array.from({ length: rowCount }, (_, row) => from.valid.length === 0 || from.valid[row] !== 0);

function scalarsOf(
  field: FieldSchema,
  from: Column,
  rowCount: number,
  zone: string,
): NonNullable<ScalarField['data']> {
  const { data } = from;
  switch (field.dataType) {
    case DataType.Bool:
      return { $case: 'boolData', value: { data } }; // one byte of 0 or 1 is its own varint
    case DataType.Int8:
      return {
        $case: 'intData',
        value: { data: encodeInt32s(new Int8Array(data.buffer, data.byteOffset, data.length)) },
      };
    case DataType.Int16:
      return { $case: 'intData', value: { data: encodeInt32s(new Int16Array(aligned(data, 2))) } };
    case DataType.Int32:
      return { $case: 'intData', value: { data: encodeInt32s(new Int32Array(aligned(data, 4))) } };
    case DataType.Int64:
      return { $case: 'longData', value: { data: encodeInt64s(data) } };
    case DataType.Float:
      return { $case: 'floatData', value: { data } };
    case DataType.Double:
      return { $case: 'doubleData', value: { data } };
    case DataType.VarChar:
    case DataType.Text:
      return {
        $case: 'stringData',
        value: { data: Array.from({ length: rowCount }, (_, row) => stringAt(from, row)) },
      };
    case DataType.JSON:
      return {
        $case: 'jsonData',
        value: { data: Array.from({ length: rowCount }, (_, row) => bytesAt(from, row)) },
      };
    case DataType.Array:
      return {
        $case: 'arrayData',
        value: { data: arrayRows(from, field.elementType, rowCount), elementType: field.elementType },
      };
    case DataType.Geometry:
      return {
        $case: 'geometryWktData',
        value: { data: Array.from({ length: rowCount }, (_, row) => geometryText(from, row)) },
      };
    case DataType.Timestamptz:
      return {
        $case: 'stringData',
        value: {
          data: Array.from({ length: rowCount }, (_, row) =>
            isNull(from, row) ? '' : formatTimestamp(int64At(from, row), zone),
          ),
        },
      };
    default:
      throw new ElanusError(
        'unsupported',
        `field ${field.name}: type ${dataTypeName(field.dataType)} cannot be returned in this version`,
      );
  }
}

const geometryText = (from: Column, row: number): string =>
  isNull(from, row) ? '' : formatWkt(decodeWkb(bytesAt(from, row)));

/** A buffer of exactly these bytes; integers are re-encoded anyway, so a copy costs little beside that. */
const aligned = (data: Uint8Array, width: number): ArrayBuffer =>
  new Uint8Array(data.subarray(0, data.length - (data.length % width))).buffer;

/** The one row a `count(*)` query answers with. */
export function countFieldData(count: bigint): FieldData {
  const data = encodeInt64s(new Uint8Array(BigInt64Array.of(count).buffer));
  const scalars: ScalarField = { data: { $case: 'longData', value: { data } } };
  return FieldData.create({
    type: DataType.Int64,
    fieldName: 'count(*)',
    field: { $case: 'scalars', value: scalars },
  });
}

/** @param from a key column: Int64 or VarChar */
export function idsFromColumn(from: Column): IDs {
  if (from.dataType === DataType.Int64) {
    const data = encodeInt64s(from.data, briefBytes(varintBytesMax(from.data.length / 8)));
    return { idField: { $case: 'intId', value: { data } } };
  }
  const count = Math.max(0, from.offsets.length / 4 - 1);
  return {
    idField: {
      $case: 'strId',
      value: { data: Array.from({ length: count }, (_, row) => stringAt(from, row)) },
    },
  };
}

/** Back again; no ids at all give an empty Int64 column. */
export function columnFromIds(ids: IDs | undefined, fieldId: bigint): Column {
  const sent = ids?.idField;
  if (sent === undefined) return column(fieldId, DataType.Int64, new Uint8Array(0));
  if (sent.$case === 'intId') return column(fieldId, DataType.Int64, decodeInt64s(sent.value.data, 'ids'));
  const writer = new VariableWriter(sent.value.data.length, sent.value.data.length * 16);
  for (const text of sent.value.data) writer.addText(text);
  const { data, offsets } = writer.finish();
  return column(fieldId, DataType.VarChar, data, offsets);
}
