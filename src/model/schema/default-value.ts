// Default values of fields: a ValueField whose case must suit the type and the limits of its field.
import { ElanusError } from '#base/errors.js';
import { parseTimestamp } from '#model/time/timestamptz.js';
import { DataType, type FieldSchema, type ValueField } from '#proto/milvus/schema.js';
import { dataTypeName, maxLengthOf } from './schema-view.js';

export const intRanges: ReadonlyMap<number, { readonly min: number; readonly max: number }> = new Map([
  [DataType.Int8, { min: -128, max: 127 }],
  [DataType.Int16, { min: -32_768, max: 32_767 }],
  [DataType.Int32, { min: -2_147_483_648, max: 2_147_483_647 }],
]);

const caseOfType: ReadonlyMap<number, string> = new Map([
  [DataType.Bool, 'boolData'],
  [DataType.Int8, 'intData'],
  [DataType.Int16, 'intData'],
  [DataType.Int32, 'intData'],
  [DataType.Int64, 'longData'],
  [DataType.Float, 'floatData'],
  [DataType.Double, 'doubleData'],
  [DataType.VarChar, 'stringData'],
  [DataType.Text, 'stringData'],
  [DataType.Timestamptz, 'timestamptzData'],
]);

const nameOfCase: Readonly<Record<string, string>> = {
  boolData: 'Bool',
  intData: 'Int32',
  longData: 'Int64',
  floatData: 'Float',
  doubleData: 'Double',
  stringData: 'VarChar',
  bytesData: 'Bytes',
  timestamptzData: 'Timestamptz',
  dateData: 'Date',
  timeData: 'Time',
};

const utf8 = new TextEncoder();

/** The default a client meant, undefined when the message is there but empty (as some clients send it). */
export const defaultOf = (field: FieldSchema): ValueField['data'] => field.defaultValue?.data;

/** The default as rows get it: of a time that was sent as text the number. @throws invalid_parameter when the text is no time */
export function storedDefault(field: FieldSchema, zone: string): ValueField | undefined {
  const value = defaultOf(field);
  if (value === undefined) return undefined;
  if (field.dataType !== DataType.Timestamptz || value.$case !== 'stringData') return field.defaultValue;
  const micros = parseTimestamp(value.value, zone);
  if (micros !== undefined) return { data: { $case: 'timestamptzData', value: micros } };
  throw new ElanusError(
    'invalid_parameter',
    `got invalid timestamptz string '${value.value.slice(0, 64)}' as default_value of field ${field.name}; expected ISO 8601`,
  );
}

/** @throws invalid_parameter when the default does not suit the field. */
export function checkDefaultValue(field: FieldSchema): void {
  const value = defaultOf(field);
  if (value === undefined) return;
  const expected = caseOfType.get(field.dataType);
  const refuse = (text: string): never => {
    throw new ElanusError('invalid_parameter', text);
  };
  if (expected === undefined)
    refuse(`type not support default_value, type:${dataTypeName(field.dataType)}, name:${field.name}`);
  if (field.dataType === DataType.Timestamptz && value.$case === 'stringData') return;
  if (expected !== value.$case) {
    const actual = nameOfCase[value.$case] ?? value.$case;
    refuse(
      `type (${dataTypeName(field.dataType)}) of field (${field.name}) is not equal to the type(${actual}) of default_value`,
    );
  }
  if (value.$case === 'intData') {
    const range = intRanges.get(field.dataType);
    if (range !== undefined && (value.value < range.min || value.value > range.max)) {
      refuse(
        `[${value.value}] of field (${field.name}) is out of range [${range.min}, ${range.max}] of ${dataTypeName(field.dataType)}`,
      );
    }
  }
  if ((value.$case === 'floatData' || value.$case === 'doubleData') && !Number.isFinite(value.value)) {
    refuse(`value '${value.value}' is not a number or infinity, field (${field.name})`);
  }
  if (value.$case === 'stringData') {
    const length = utf8.encode(value.value).length;
    if (field.dataType === DataType.VarChar && length > maxLengthOf(field))
      refuse(
        `the length (${length}) of string exceeds max length (${maxLengthOf(field)}) of field (${field.name})`,
      );
  }
}
