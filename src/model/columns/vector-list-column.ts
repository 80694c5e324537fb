// Columns of arrays of vectors, which only struct arrays have: a row is any number of vectors of one type and dim, and lies in its column
// as their bytes one after the other, so that their number is bytes divided by the width of a vector. Null rows have no bytes.
import { ElanusError } from '#base/errors.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import { elementField } from '#model/schema/struct-arrays.js';
import type { Column } from '#proto/elanus/data.js';
import type { FieldData, FieldSchema, VectorField } from '#proto/milvus/schema.js';
import { checkCapacity } from './array-column.js';
import { bytesAt, column, isNull } from './column.js';
import { VariableWriter } from './column-values.js';
import { bytesOfVectors, findNotFiniteIn, vectorsOf, vectorWidth } from './dense-vector.js';

const EMPTY = new Uint8Array(0);

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

/** Bytes of one vector of the lists. */
export const listedVectorWidth = (field: FieldSchema): number => vectorWidth(elementField(field));

/**
 * A column from the rows of a request, one VectorField each.
 * @param valid one byte a row, 0 for null; null rows may be left out of the data
 * @throws invalid_parameter for vectors of another type or dim, too many of them, or values that are not finite
 */
export function vectorListColumn(
  field: FieldSchema,
  sent: FieldData,
  numRows: number,
  valid: Uint8Array | undefined,
): Column {
  const rows = rowsOf(field, sent, valid !== undefined);
  const present = valid === undefined ? numRows : valid.reduce((sum, flag) => sum + flag, 0);
  if (rows.length !== numRows && rows.length !== present)
    refuse(
      `the num_rows (${rows.length}) of field (${field.name}) is not equal to passed num_rows (${numRows})`,
    );
  const element = elementField(field);
  const lists = rows.map((row) => bytesOfVectors(element.dataType, row));
  const writer = new VariableWriter(
    numRows,
    lists.reduce((sum, list) => sum + (list?.length ?? 0), 0),
  );
  const isDense = rows.length === numRows;
  for (let row = 0, next = 0; row < numRows; row++) {
    if (valid?.[row] === 0) writer.addBytes(EMPTY);
    else {
      const at = isDense ? row : next++;
      writer.addBytes(checkedList(field, element, { sent: rows[at], bytes: lists[at], row }));
    }
  }
  const { data, offsets } = writer.finish();
  if (findNotFiniteIn(element.dataType, data) >= 0)
    refuse(
      `a vector of field(${field.name}) has a value that is not a number or infinity; send finite values`,
    );
  return column(field.fieldID, field.dataType, data, offsets, valid ?? EMPTY);
}

function rowsOf(field: FieldSchema, sent: FieldData, hasNulls: boolean): readonly VectorField[] {
  const data = sent.field?.$case === 'vectors' ? sent.field.value.data : undefined;
  if (data?.$case === 'vectorArray') return data.value.data;
  // A column of nulls only may come without a slot.
  if (data === undefined && hasNulls) return [];
  return refuse(
    `the data of field(${field.name}) is missing or of another type, expected arrays of ${dataTypeName(field.elementType)}`,
  );
}

interface SentList {
  readonly sent: VectorField | undefined;
  readonly bytes: Uint8Array | undefined;
  readonly row: number;
}

function checkedList(field: FieldSchema, element: FieldSchema, { sent, bytes, row }: SentList): Uint8Array {
  const dim = dimOf(field);
  if (sent === undefined || sent.data === undefined) return EMPTY;
  if (bytes === undefined)
    return refuse(
      `the vectors of field(${field.name}) in row ${row} are of another type, expected ${dataTypeName(field.elementType)}`,
    );
  if (sent.dim !== 0n && sent.dim !== BigInt(dim))
    refuse(
      `the dim (${sent.dim}) of field data(${field.name}) is not equal to schema dim (${dim}), row ${row}`,
    );
  const width = vectorWidth(element);
  if (bytes.length % width !== 0)
    refuse(
      `row ${row} of field(${field.name}) has ${bytes.length} bytes of vectors, not a multiple of ${width} (dim ${dim})`,
    );
  checkCapacity(field, bytes.length / width, row);
  return bytes;
}

/** The rows of an answer, a placeholder for each null: clients find a row by its number. */
export function vectorListFieldOf(field: FieldSchema, from: Column, rowCount: number): VectorField {
  const dim = BigInt(dimOf(field));
  const data = Array.from({ length: rowCount }, (_, row): VectorField => {
    const bytes = isNull(from, row) ? EMPTY : bytesAt(from, row);
    return { dim, data: vectorsOf(field.elementType, bytes) };
  });
  return { dim, data: { $case: 'vectorArray', value: { dim, data, elementType: field.elementType } } };
}
