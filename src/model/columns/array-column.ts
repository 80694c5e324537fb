// How a row of an Array field lies in its column, which is one of variable width. Elements of fixed width follow one another,
// little-endian as in a column of their own type, so their number is bytes divided by width and no header is needed. Text elements come
// behind a table: a uint32 count, then for each element a uint32 end, counted from the first byte behind the table, then the UTF-8 bytes.
// A row begins at any address: numbers are read through a DataView or after a copy. Null rows have no bytes; elements are never null.
import { ElanusError } from '#base/errors.js';
import { fixedWidth, isStringType } from '#model/schema/data-type.js';
import { intRanges } from '#model/schema/default-value.js';
import { dataTypeName, maxLengthOf, typeParam } from '#model/schema/schema-view.js';
import type { Column } from '#proto/elanus/data.js';
import { DataType, type FieldSchema, ScalarField } from '#proto/milvus/schema.js';
import { bytesAt, column, isNull, uint32At } from './column.js';
import { VariableWriter } from './column-values.js';
import {
  countVarints,
  decodeBools,
  decodeInt32s,
  decodeInt64s,
  encodeInt32s,
  encodeInt64s,
} from './packed-array.js';

const EMPTY = new Uint8Array(0);
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Bytes of one element; undefined for text. */
export const elementWidth = (elementType: number): number | undefined =>
  isStringType(elementType) ? undefined : fixedWidth(elementType, 0);

/** Elements of a row. @param row bytes of one row that is not null */
export function arrayLength(row: Uint8Array, elementType: number): number {
  const width = elementWidth(elementType);
  if (width !== undefined) return row.length / width;
  return row.length === 0 ? 0 : uint32At(row, 0);
}

/** The UTF-8 bytes of an element of a row of texts. @param index below `arrayLength` */
export function textElement(row: Uint8Array, index: number): Uint8Array {
  const first = 4 + uint32At(row, 0) * 4;
  const begin = index === 0 ? 0 : uint32At(row, index);
  return row.subarray(first + begin, first + uint32At(row, index + 1));
}

/** The bytes of a row of texts. No elements: no bytes. */
export function textArrayBytes(texts: readonly string[]): Uint8Array {
  if (texts.length === 0) return EMPTY;
  return joinTexts(texts.map((text) => encoder.encode(text)));
}

function joinTexts(parts: readonly Uint8Array[]): Uint8Array {
  const table = 4 + parts.length * 4;
  const row = new Uint8Array(parts.reduce((sum, part) => sum + part.length, table));
  const view = new DataView(row.buffer);
  view.setUint32(0, parts.length, true);
  let end = 0;
  for (const [index, part] of parts.entries()) {
    row.set(part, table + end);
    end += part.length;
    view.setUint32(4 + index * 4, end, true);
  }
  return row;
}

/** How many elements a row of the field may have. */
const maxCapacityOf = (field: FieldSchema): number => Number(typeParam(field, 'max_capacity') ?? 0);

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', text);
}

const wrongElements = (field: FieldSchema, row: number): never =>
  refuse(
    `the elements of field(${field.name}) in row ${row} are of another type, expected ${dataTypeName(field.elementType)} values`,
  );

/**
 * The bytes of a row from its elements as they come over the wire.
 * @throws invalid_parameter for elements of another type, out of range, too long or too many
 */
export function arrayRowBytes(field: FieldSchema, sent: ScalarField | undefined, row: number): Uint8Array {
  const { data } = sent ?? { data: undefined };
  if (data === undefined) return EMPTY;
  if (isStringType(field.elementType)) {
    if (data.$case !== 'stringData') return wrongElements(field, row);
    checkCapacity(field, data.value.data.length, row);
    const parts = data.value.data.map((text) => encoder.encode(text));
    for (const part of parts) checkTextElement(field, part, row);
    return parts.length === 0 ? EMPTY : joinTexts(parts);
  }
  const bytes = fixedElements(field, data, row);
  const width = elementWidth(field.elementType) ?? 1;
  if (bytes.length % width !== 0)
    refuse(`row ${row} of field(${field.name}) has ${bytes.length} bytes, not a multiple of ${width}`);
  checkCapacity(field, bytes.length / width, row);
  return bytes;
}

function fixedElements(field: FieldSchema, data: NonNullable<ScalarField['data']>, row: number): Uint8Array {
  switch (field.elementType) {
    case DataType.Bool:
      return data.$case === 'boolData' ? decodeBools(data.value.data, field.name) : wrongElements(field, row);
    case DataType.Int8:
    case DataType.Int16:
    case DataType.Int32:
      return data.$case === 'intData'
        ? narrowInts(field, decodeInt32s(data.value.data, field.name), row)
        : wrongElements(field, row);
    case DataType.Int64:
      if (data.$case !== 'longData') return wrongElements(field, row);
      checkCapacity(field, countVarints(data.value.data), row);
      return decodeInt64s(data.value.data, field.name);
    case DataType.Float:
      return data.$case === 'floatData' ? data.value.data : wrongElements(field, row);
    case DataType.Double:
      return data.$case === 'doubleData' ? data.value.data : wrongElements(field, row);
    default:
      return wrongElements(field, row);
  }
}

function narrowInts(field: FieldSchema, values: Int32Array, row: number): Uint8Array {
  if (field.elementType === DataType.Int32) return new Uint8Array(values.buffer);
  const { min, max } = intRanges.get(field.elementType) ?? { min: 0, max: 0 };
  for (const value of values) {
    if (value < min || value > max)
      refuse(
        `[${value}] in an array of field(${field.name}) is out of range for ${dataTypeName(field.elementType)}, expected ${min} to ${max}, row number: ${row}`,
      );
  }
  const out = field.elementType === DataType.Int8 ? Int8Array.from(values) : Int16Array.from(values);
  return new Uint8Array(out.buffer);
}

/** @param row negative: whoever catches the error says where it is. @throws invalid_parameter with Milvus's text */
export function checkCapacity(field: FieldSchema, length: number, row: number): void {
  const max = maxCapacityOf(field);
  if (length <= max) return;
  refuse(
    `the length (${length}) of ${row < 0 ? 'the' : `${row}th`} array exceeds max capacity (${max}): array length exceeds max capacity, field ${field.name}`,
  );
}

/** @throws invalid_parameter with Milvus's text */
function checkTextElement(field: FieldSchema, text: Uint8Array, row: number): void {
  const max = maxLengthOf(field);
  if (text.length <= max) return;
  refuse(
    `length of varchar array field ${field.name} exceeds max length, row number: ${row}, length: ${text.length}, max length: ${max}`,
  );
}

/**
 * A column from the rows of a request.
 * @param values one for each row, or one for each row that is not null
 */
export function arrayColumn(
  field: FieldSchema,
  values: readonly ScalarField[],
  numRows: number,
  valid: Uint8Array | undefined,
): Column {
  const isDense = values.length === numRows;
  const writer = new VariableWriter(numRows, numRows * 16);
  let next = 0;
  for (let row = 0; row < numRows; row++) {
    if (valid?.[row] === 0) writer.addBytes(EMPTY);
    else writer.addBytes(arrayRowBytes(field, values[isDense ? row : next++], row));
  }
  const { data, offsets } = writer.finish();
  return column(field.fieldID, field.dataType, data, offsets, valid ?? EMPTY);
}

/** A row's elements for the wire. @param row bytes of the row; none for null */
export function elementsOf(row: Uint8Array, elementType: number): ScalarField {
  return ScalarField.create({ data: elementsSlot(row, elementType) });
}

function elementsSlot(row: Uint8Array, elementType: number): ScalarField['data'] {
  const copied = (): ArrayBuffer => new Uint8Array(row).buffer;
  switch (elementType) {
    case DataType.Bool:
      return { $case: 'boolData', value: { data: row } };
    case DataType.Int8:
      return { $case: 'intData', value: { data: encodeInt32s(new Int8Array(copied())) } };
    case DataType.Int16:
      return { $case: 'intData', value: { data: encodeInt32s(new Int16Array(copied())) } };
    case DataType.Int32:
      return { $case: 'intData', value: { data: encodeInt32s(new Int32Array(copied())) } };
    case DataType.Int64:
      return { $case: 'longData', value: { data: encodeInt64s(row) } };
    case DataType.Float:
      return { $case: 'floatData', value: { data: row } };
    case DataType.Double:
      return { $case: 'doubleData', value: { data: row } };
    default:
      return {
        $case: 'stringData',
        value: {
          data: Array.from({ length: arrayLength(row, elementType) }, (_, index) =>
            decoder.decode(textElement(row, index)),
          ),
        },
      };
  }
}

/** The rows of a column for the wire, a placeholder for each null. */
export const arrayRows = (from: Column, elementType: number, rowCount: number): ScalarField[] =>
  Array.from({ length: rowCount }, (_, row) =>
    elementsOf(isNull(from, row) ? EMPTY : bytesAt(from, row), elementType),
  );

/** Why bytes are no row of such elements; undefined when they are one. For what comes from files and peers. */
export function arrayProblem(row: Uint8Array, elementType: number): string | undefined {
  const width = elementWidth(elementType);
  if (width !== undefined)
    return row.length % width === 0 ? undefined : `${row.length} bytes, not a multiple of ${width}`;
  if (row.length === 0) return undefined;
  if (row.length < 4) return `${row.length} bytes, expected at least 4`;
  const count = uint32At(row, 0);
  const table = 4 + count * 4;
  if (table > row.length) return `${count} elements in ${row.length} bytes`;
  let previous = 0;
  for (let index = 0; index < count; index++) {
    const end = uint32At(row, index + 1);
    if (end < previous) return `a decreasing end at element ${index}`;
    previous = end;
  }
  return table + previous === row.length
    ? undefined
    : `${row.length} bytes, but its elements end at ${table + previous}`;
}
