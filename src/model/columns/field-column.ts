// One FieldData of a write to one column of the batch: slot, counts, nulls, defaults, ranges, lengths.
// Vectors and floats stay views of the request's buffer; integers are unpacked by the loops of packed-array.ts.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { decodeWkb, encodeWkb, WkbError } from '#model/geometry/wkb.js';
import { parseWkt, WktError } from '#model/geometry/wkt.js';
import { isJsonObject, isJsonText } from '#model/json/json-text.js';
import { fixedWidth, isDenseVector } from '#model/schema/data-type.js';
import { intRanges } from '#model/schema/default-value.js';
import { dataTypeName, maxLengthOf } from '#model/schema/schema-view.js';
import { parseTimestamp, TIMESTAMP_MAX, TIMESTAMP_MIN } from '#model/time/timestamptz.js';
import type { Column } from '#proto/elanus/data.js';
import { DataType, type FieldData, type FieldSchema } from '#proto/milvus/schema.js';
import { arrayColumn } from './array-column.js';
import { column } from './column.js';
import { defaultBytes, spreadFixed, VariableWriter } from './column-values.js';
import { denseColumn, findNotFinite } from './dense-vector.js';
import { decodeBools, decodeInt32s, decodeInt64s } from './packed-array.js';
import { sparseColumn } from './sparse-column.js';
import { vectorListColumn } from './vector-list-column.js';

export const JSON_BYTES_MAX = 65_536;
const EMPTY = new Uint8Array(0);
const EMPTY_OBJECT = Uint8Array.of(0x7b, 0x7d);

export const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', text);
};

/**
 * @param zone of times that are written without an offset
 * @throws invalid_parameter
 */
export function columnFromField(field: FieldSchema, sent: FieldData, numRows: number, zone = 'UTC'): Column {
  checkType(field, sent);
  const valid = validityOf(field, sent, numRows);
  switch (field.dataType) {
    case DataType.VarChar:
    case DataType.Text:
      return textColumn(field, sent, numRows, valid);
    case DataType.JSON:
      return jsonColumn(field, sent, numRows, valid);
    case DataType.SparseFloatVector:
      return sparseColumn(field, sent, numRows, valid);
    case DataType.Array:
      return listColumn(field, sent, numRows, valid);
    case DataType.ArrayOfVector:
      return vectorListColumn(field, sent, numRows, valid);
    case DataType.Geometry:
      return geometryColumn(field, sent, numRows, valid);
    case DataType.Timestamptz:
      return timestampColumn({ field, sent, numRows, valid, zone });
    default:
      if (isDenseVector(field.dataType)) return denseColumn(field, sent, numRows, valid);
      return fixedColumn(field, sent, numRows, valid);
  }
}

function checkType(field: FieldSchema, sent: FieldData): void {
  const isText =
    (field.dataType === DataType.VarChar && (sent.type === DataType.String || sent.type === DataType.Text)) ||
    (field.dataType === DataType.Text && (sent.type === DataType.String || sent.type === DataType.VarChar));
  // Clients send times and geometries as what their text is.
  const isWritten =
    (field.dataType === DataType.Timestamptz || field.dataType === DataType.Geometry) &&
    (sent.type === DataType.VarChar || sent.type === DataType.String);
  if (sent.type === field.dataType || sent.type === DataType.None || isText || isWritten) return;
  refuse(
    `fieldData type(${dataTypeName(sent.type)}) of field(${field.name}) is not match with schema's type(${dataTypeName(field.dataType)})`,
  );
}

/** One byte a row, 0 for null; undefined when every row has a value. */
function validityOf(field: FieldSchema, sent: FieldData, numRows: number): Uint8Array | undefined {
  const flags = sent.validData;
  if (flags.length === 0) return undefined;
  if (flags.length !== numRows) {
    return refuse(
      `the length of valid_data(${flags.length}) of field(${field.name}) is wrong, expected num_rows(${numRows})`,
    );
  }
  const firstNull = flags.indexOf(false);
  if (firstNull < 0) return undefined;
  if (!field.nullable && field.defaultValue === undefined) {
    return refuse(
      `field(${field.name}) is not nullable and has no default value, but row ${firstNull} is null; send a value`,
    );
  }
  return Uint8Array.from(flags, Number);
}

const validCount = (valid: Uint8Array): number => valid.reduce((sum, flag) => sum + flag, 0);
function checkCount(field: FieldSchema, count: number, numRows: number, valid: Uint8Array | undefined): void {
  if (count === numRows || (valid !== undefined && count === validCount(valid))) return;
  refuse(`the num_rows (${count}) of field (${field.name}) is not equal to passed num_rows (${numRows})`);
}

const wrongSlot = (field: FieldSchema): never =>
  refuse(
    `the data of field(${field.name}) is missing or of another type, expected ${dataTypeName(field.dataType)} values`,
  );

function fixedColumn(
  field: FieldSchema,
  sent: FieldData,
  numRows: number,
  valid: Uint8Array | undefined,
): Column {
  const width = fixedWidth(field.dataType, 0) ?? 1;
  const values = fixedValues(field, sent);
  if (values.length % width !== 0)
    refuse(`the data of field(${field.name}) has ${values.length} bytes, not a multiple of ${width}`);
  checkCount(field, values.length / width, numRows, valid);
  if (valid === undefined) {
    checkFinite(field, values);
    return column(field.fieldID, field.dataType, values);
  }
  const filler = defaultBytes(field);
  const data = spreadFixed(values, width, valid, filler);
  checkFinite(field, data);
  return column(field.fieldID, field.dataType, data, EMPTY, filler ? EMPTY : valid);
}

function fixedValues(field: FieldSchema, sent: FieldData): Uint8Array {
  const data = sent.field?.$case === 'scalars' ? sent.field.value.data : undefined;
  // An array without elements is sent as no slot at all by some encoders.
  if (data === undefined) return sent.field?.$case === 'vectors' ? wrongSlot(field) : EMPTY;
  switch (field.dataType) {
    case DataType.Bool:
      return data.$case === 'boolData' ? decodeBools(data.value.data, field.name) : wrongSlot(field);
    case DataType.Int8:
    case DataType.Int16:
    case DataType.Int32:
      return data.$case === 'intData'
        ? narrow(field, decodeInt32s(data.value.data, field.name))
        : wrongSlot(field);
    case DataType.Int64:
      return data.$case === 'longData' ? decodeInt64s(data.value.data, field.name) : wrongSlot(field);
    case DataType.Float:
      return data.$case === 'floatData' ? data.value.data : wrongSlot(field);
    case DataType.Double:
      return data.$case === 'doubleData' ? data.value.data : wrongSlot(field);
    default:
      return wrongSlot(field);
  }
}

function narrow(field: FieldSchema, values: Int32Array): Uint8Array {
  if (field.dataType === DataType.Int32) return new Uint8Array(values.buffer);
  const { min, max } = intRanges.get(field.dataType) ?? { min: 0, max: 0 };
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number;
    if (value < min || value > max) {
      refuse(
        `[${value}] of field(${field.name}) is out of range for ${dataTypeName(field.dataType)}, expected ${min} to ${max}, row number: ${row}`,
      );
    }
  }
  const out = field.dataType === DataType.Int8 ? Int8Array.from(values) : Int16Array.from(values);
  return new Uint8Array(out.buffer);
}

/** Reads only exponent bytes, so that the values may start at any address. */
function checkFinite(field: FieldSchema, data: Uint8Array): void {
  if (field.dataType === DataType.Double) {
    for (let at = 6; at < data.length; at += 8) {
      if (((data[at + 1] as number) & 0x7f) === 0x7f && (data[at] as number) >= 0xf0)
        refuseNotFinite(field, (at - 6) / 8);
    }
  } else if (field.dataType === DataType.Float) {
    const row = findNotFinite(data);
    if (row >= 0) refuseNotFinite(field, row);
  }
}

const refuseNotFinite = (field: FieldSchema, row: number): never =>
  refuse(`value of field(${field.name}) is not a number or infinity, row number: ${row}; send finite values`);

function textColumn(
  field: FieldSchema,
  sent: FieldData,
  numRows: number,
  valid: Uint8Array | undefined,
): Column {
  const slot = sent.field?.$case === 'scalars' ? sent.field.value.data : undefined;
  if (slot !== undefined && slot.$case !== 'stringData') return wrongSlot(field);
  const values = slot?.value.data ?? [];
  checkCount(field, values.length, numRows, valid);
  const max = maxLengthOf(field);
  const filler = valid && defaultBytes(field);
  const isDense = values.length === numRows;
  const writer = new VariableWriter(
    numRows,
    values.reduce((sum, value) => sum + value.length, 0),
  );
  let next = 0;
  for (let row = 0; row < numRows; row++) {
    if (valid?.[row] === 0) {
      writer.addBytes(filler ?? EMPTY);
      continue;
    }
    const length = writer.addText(values[isDense ? row : next] ?? '');
    next++;
    if (length > max && field.dataType === DataType.VarChar) {
      refuse(
        `length of varchar field ${field.name} exceeds max length, row number: ${row}, length: ${length}, max length: ${max}`,
      );
    }
  }
  const { data, offsets } = writer.finish();
  return column(field.fieldID, field.dataType, data, offsets, filler ? EMPTY : (valid ?? EMPTY));
}

function listColumn(
  field: FieldSchema,
  sent: FieldData,
  numRows: number,
  valid: Uint8Array | undefined,
): Column {
  const slot = sent.field?.$case === 'scalars' ? sent.field.value.data : undefined;
  if (slot !== undefined && slot.$case !== 'arrayData') return wrongSlot(field);
  const values = slot?.value.data ?? [];
  checkCount(field, values.length, numRows, valid);
  return arrayColumn(field, values, numRows, valid);
}

function geometryColumn(
  field: FieldSchema,
  sent: FieldData,
  numRows: number,
  valid: Uint8Array | undefined,
): Column {
  const slot = sent.field?.$case === 'scalars' ? sent.field.value.data : undefined;
  if (
    slot !== undefined &&
    slot.$case !== 'geometryWktData' &&
    slot.$case !== 'geometryData' &&
    slot.$case !== 'stringData'
  )
    return wrongSlot(field);
  const values: readonly (string | Uint8Array)[] = slot?.value.data ?? [];
  checkCount(field, values.length, numRows, valid);
  const isDense = values.length === numRows;
  const writer = new VariableWriter(numRows, numRows * 32);
  let next = 0;
  for (let row = 0; row < numRows; row++) {
    if (valid?.[row] === 0) writer.addBytes(EMPTY);
    else writer.addBytes(geometryBytes(field, values[isDense ? row : next++] ?? EMPTY, row));
  }
  const { data, offsets } = writer.finish();
  return column(field.fieldID, field.dataType, data, offsets, valid ?? EMPTY);
}

/** The WKB of a text, or WKB as it came once it was read. @throws invalid_parameter */
function geometryBytes(field: FieldSchema, value: string | Uint8Array, row: number): Uint8Array {
  try {
    if (typeof value === 'string') return encodeWkb(parseWkt(value));
    return encodeWkb(decodeWkb(value));
  } catch (error) {
    if (!(error instanceof WktError) && !(error instanceof WkbError)) throw error;
    const shown = typeof value === 'string' ? ` ${JSON.stringify(value.slice(0, 64))}` : '';
    return refuse(
      `invalid geometry data${shown} of field(${field.name}), row number: ${row}: ${error.message}; send Well-Known Text of two dimensions`,
    );
  }
}

interface TimestampRows {
  readonly field: FieldSchema;
  readonly sent: FieldData;
  readonly numRows: number;
  readonly valid: Uint8Array | undefined;
  readonly zone: string;
}

function timestampColumn({ field, sent, numRows, valid, zone }: TimestampRows): Column {
  const slot = sent.field?.$case === 'scalars' ? sent.field.value.data : undefined;
  if (slot !== undefined && slot.$case !== 'stringData' && slot.$case !== 'timestamptzData')
    return wrongSlot(field);
  const values: readonly (string | bigint)[] = slot?.value.data ?? [];
  checkCount(field, values.length, numRows, valid);
  const isDense = values.length === numRows;
  const filler = valid && defaultBytes(field);
  const fill = filler === undefined ? 0n : new DataView(filler.buffer).getBigInt64(0, true);
  const micros = new BigInt64Array(numRows);
  let next = 0;
  for (let row = 0; row < numRows; row++) {
    if (valid?.[row] === 0) {
      micros[row] = fill;
      if (isDense) next++;
    } else micros[row] = timestampOf(field, values[isDense ? row : next++] ?? '', row, zone);
  }
  return column(field.fieldID, field.dataType, bytesView(micros), EMPTY, filler ? EMPTY : (valid ?? EMPTY));
}

/** @throws invalid_parameter */
function timestampOf(field: FieldSchema, value: string | bigint, row: number, zone: string): bigint {
  const micros = typeof value === 'bigint' ? value : parseTimestamp(value, zone);
  if (micros !== undefined && micros >= TIMESTAMP_MIN && micros <= TIMESTAMP_MAX) return micros;
  return refuse(
    `got invalid timestamptz string '${String(value).slice(0, 64)}' of field(${field.name}), row number: ${row}; send ISO 8601, such as 2025-01-31T23:59:59+08:00`,
  );
}

function jsonColumn(
  field: FieldSchema,
  sent: FieldData,
  numRows: number,
  flags: Uint8Array | undefined,
): Column {
  const slot = sent.field?.$case === 'scalars' ? sent.field.value.data : undefined;
  if (slot !== undefined && slot.$case !== 'jsonData') return wrongSlot(field);
  const values = slot?.value.data ?? [];
  checkCount(field, values.length, numRows, flags);
  const isDense = values.length === numRows;
  const writer = new VariableWriter(
    numRows,
    values.reduce((sum, value) => sum + value.length, 0),
  );
  const valid = new Uint8Array(numRows);
  let next = 0;
  let nulls = 0;
  for (let row = 0; row < numRows; row++) {
    let value = flags?.[row] === 0 ? EMPTY : (values[isDense ? row : next++] ?? EMPTY);
    if (value.length === 0 && field.isDynamic) value = EMPTY_OBJECT;
    // Old clients send a JSON null as no bytes at all.
    if (value.length === 0) {
      if (!field.nullable)
        refuse(`field(${field.name}) is not nullable, but row ${row} is null; send JSON text`);
      nulls++;
    } else {
      checkJson(field, value, row);
      valid[row] = 1;
    }
    writer.addBytes(value);
  }
  const { data, offsets } = writer.finish();
  return column(field.fieldID, field.dataType, data, offsets, nulls > 0 ? valid : EMPTY);
}

function checkJson(field: FieldSchema, value: Uint8Array, row: number): void {
  if (value.length > JSON_BYTES_MAX) {
    refuse(
      `the length (${value.length}) of json field (${field.name}) exceeds max length (${JSON_BYTES_MAX}), row number: ${row}`,
    );
  }
  if (field.isDynamic ? isJsonObject(value) : isJsonText(value)) return;
  refuse(
    `invalid JSON in field(${field.name}), row number: ${row}; expected ${field.isDynamic ? 'a JSON object' : 'one JSON text in UTF-8'}`,
  );
}
