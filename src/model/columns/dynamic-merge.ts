// Columns a dynamic collection does not know become keys of `$meta`: the key and the value's JSON text are put into each row's object.
// Works on the bytes of the objects; nothing is parsed, so int64 stay exact.
import { ElanusError } from '#base/errors.js';
import { plainTypes } from '#model/schema/data-type.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import type { Column } from '#proto/elanus/data.js';
import { DataType, type FieldData, FieldSchema } from '#proto/milvus/schema.js';
import { bytesAt, column, int64At, isNull, stringAt } from './column.js';
import { repeatVariable, VariableWriter } from './column-values.js';
import { columnFromField, JSON_BYTES_MAX } from './field-column.js';

const scalarTypes: ReadonlySet<number> = new Set([...plainTypes, DataType.String, DataType.JSON]);

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** `{}` in every row. */
export function emptyMetaColumn(field: FieldSchema, numRows: number): Column {
  const { data, offsets } = repeatVariable(utf8.encode('{}'), numRows);
  return column(field.fieldID, field.dataType, data, offsets);
}

export function mergeIntoMeta(
  field: FieldSchema,
  meta: Column,
  unknown: readonly FieldData[],
  numRows: number,
): Column {
  const added = unknown.map((sent) => ({
    key: utf8.encode(`${JSON.stringify(sent.fieldName)}:`),
    from: columnOfUnknown(sent, numRows),
  }));
  const writer = new VariableWriter(numRows, meta.data.length * 2);
  for (let row = 0; row < numRows; row++) {
    const parts: Uint8Array[] = [];
    for (const { key, from } of added) if (!isNull(from, row)) parts.push(key, valueText(from, row));
    const value = parts.length === 0 ? bytesAt(meta, row) : withMembers(bytesAt(meta, row), parts);
    if (value.length > JSON_BYTES_MAX) {
      throw new ElanusError(
        'invalid_parameter',
        `the length (${value.length}) of json field (${field.name}) exceeds max length (${JSON_BYTES_MAX}), row number: ${row}`,
      );
    }
    writer.addBytes(value);
  }
  const { data, offsets } = writer.finish();
  return column(field.fieldID, field.dataType, data, offsets);
}

function columnOfUnknown(sent: FieldData, numRows: number): Column {
  if (!scalarTypes.has(sent.type)) {
    const text = `field ${sent.fieldName} of type ${dataTypeName(sent.type)} not exist in the schema; a dynamic key takes scalar or JSON values`;
    throw new ElanusError('invalid_parameter', text);
  }
  const dataType = sent.type === DataType.String ? DataType.VarChar : sent.type;
  const typeParams = [{ key: 'max_length', value: String(JSON_BYTES_MAX) }];
  return columnFromField(
    FieldSchema.create({ name: sent.fieldName, dataType, nullable: true, typeParams }),
    sent,
    numRows,
  );
}

/** The object text with members added at its end; `parts` are alternately a key with its colon and a value. */
function withMembers(object: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const close = object.lastIndexOf(0x7d);
  const open = object.indexOf(0x7b);
  const isEmpty = fromUtf8.decode(object.subarray(open + 1, close)).trim() === '';
  const out = new Uint8Array(
    close + 1 + parts.reduce((sum, part) => sum + part.length, 0) + parts.length / 2 - (isEmpty ? 1 : 0),
  );
  out.set(object.subarray(0, close));
  let to = close;
  parts.forEach((part, at) => {
    if (at % 2 === 0 && !(isEmpty && at === 0)) out[to++] = 0x2c;
    out.set(part, to);
    to += part.length;
  });
  out[to] = 0x7d;
  return out;
}

function valueText(from: Column, row: number): Uint8Array {
  const view = new DataView(from.data.buffer, from.data.byteOffset, from.data.length);
  switch (from.dataType) {
    case DataType.JSON:
      return bytesAt(from, row);
    case DataType.VarChar:
      return utf8.encode(JSON.stringify(stringAt(from, row)));
    case DataType.Bool:
      return utf8.encode(from.data[row] === 0 ? 'false' : 'true');
    case DataType.Int8:
      return utf8.encode(String(view.getInt8(row)));
    case DataType.Int16:
      return utf8.encode(String(view.getInt16(row * 2, true)));
    case DataType.Int32:
      return utf8.encode(String(view.getInt32(row * 4, true)));
    case DataType.Int64:
      return utf8.encode(String(int64At(from, row)));
    case DataType.Float:
      return utf8.encode(String(view.getFloat32(row * 4, true)));
    default:
      return utf8.encode(String(view.getFloat64(row * 8, true)));
  }
}
