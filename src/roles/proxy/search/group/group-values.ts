// The values that hits are grouped by, read out of the columns of their rows, and put into the answer.
import { assertNever, must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { findPath, JsonKind, JsonPlace, jsonStep } from '#expr/evaluate/json/json-scan.js';
import { bytesAt, column, columnFromStrings, isNull } from '#model/columns/column.js';
import { fieldOfColumn } from '#model/columns/field-data-out.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { type FieldData, FieldSchema } from '#proto/milvus/schema.js';
import { keyReader } from '#roles/proxy/search/key-reader.js';
import type { GroupKey } from './grouping.js';

/** A value of one key. Rows without one are a group, too. */
export type GroupValue = bigint | string | boolean | null;

/** The values of a key, by row of the column. */
export function groupValues(key: GroupKey, from: Column, rowCount: number): GroupValue[] {
  const valueAt =
    key.path === undefined ? must(keyReader(from), 'reader of a key') : jsonValues(key, key.path, from);
  return Array.from({ length: rowCount }, (_, row) => (isNull(from, row) ? null : valueAt(row)));
}

const decoder = new TextDecoder();

function jsonValues(
  { type, strictCast }: GroupKey,
  path: readonly string[],
  from: Column,
): (row: number) => GroupValue {
  const steps = path.map(jsonStep);
  const place = new JsonPlace();
  return (row) => {
    const bytes = bytesAt(from, row);
    findPath(bytes, 0, bytes.length, steps, place);
    return castValue(jsonValue(bytes, place, path), type, strictCast);
  };
}

/** Texts, whole numbers, other numbers as texts, and everything that is no scalar as its JSON text. */
type JsonValue =
  | { readonly kind: 'none' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'other'; readonly json: string };

function jsonValue(bytes: Uint8Array, { kind, begin, end }: JsonPlace, path: readonly string[]): JsonValue {
  switch (kind) {
    case JsonKind.true:
    case JsonKind.false:
      return { kind: 'bool', value: kind === JsonKind.true };
    case JsonKind.number:
      return numberValue(decoder.decode(bytes.subarray(begin, end)).trim());
    case JsonKind.text:
      return { kind: 'text', value: decoder.decode(bytes.subarray(begin, end)) };
    case JsonKind.escaped:
      return { kind: 'text', value: String(JSON.parse(`"${decoder.decode(bytes.subarray(begin, end))}"`)) };
    case JsonKind.array:
    case JsonKind.object:
      return { kind: 'other', json: JSON.stringify(valueAtPath(JSON.parse(decoder.decode(bytes)), path)) };
    default:
      return { kind: 'none' };
  }
}

function numberValue(text: string): JsonValue {
  if (/^-?\d+$/.test(text)) return { kind: 'int', value: BigInt(text) };
  const number = Number(text);
  return Number.isSafeInteger(number)
    ? { kind: 'int', value: BigInt(number) }
    : { kind: 'other', json: String(number) };
}

function valueAtPath(from: unknown, path: readonly string[]): unknown {
  let at = from;
  for (const step of path) at = (at as Readonly<Record<string, unknown>> | undefined)?.[step];
  return at;
}

const intBits: Readonly<Partial<Record<number, number>>> = {
  [DataType.Int8]: 8,
  [DataType.Int16]: 16,
  [DataType.Int32]: 32,
  [DataType.Int64]: 64,
};

function castValue(value: JsonValue, type: number, strictCast: boolean): GroupValue {
  const bits = intBits[type];
  if (bits !== undefined)
    return value.kind === 'int' && BigInt.asIntN(bits, value.value) === value.value ? value.value : null;
  if (type === DataType.Bool) return value.kind === 'bool' ? value.value : null;
  switch (value.kind) {
    case 'none':
      return null;
    case 'text':
      return value.value;
    case 'bool':
    case 'int':
      return strictCast ? null : String(value.value);
    case 'other':
      return strictCast ? null : value.json;
    default:
      return assertNever(value);
  }
}

/** Values that are equal make one group. */
export const groupText = (values: readonly GroupValue[]): string =>
  values
    .map((value) =>
      value === null ? '-' : typeof value === 'string' ? `s${value.length} ${value}` : String(value),
    )
    .join('|');

/** The values of one key, hit for hit. @param zone in which times are written */
export function groupField(
  key: GroupKey,
  values: readonly GroupValue[],
  zone: string | undefined,
): FieldData {
  const schema = FieldSchema.create({
    fieldID: key.field.fieldID,
    name: key.name,
    dataType: key.type,
    nullable: key.field.nullable || key.path !== undefined,
  });
  return fieldOfColumn(schema, valuesColumn(key, values), values.length, zone);
}

function valuesColumn({ field, type }: GroupKey, values: readonly GroupValue[]): Column {
  const { fieldID } = field;
  if (type === DataType.VarChar)
    return columnFromStrings(
      fieldID,
      type,
      values.map((value) => (value === null ? null : String(value))),
    );
  const numbers = values.map((value) => (typeof value === 'bigint' ? value : 0n));
  const valid = values.includes(null)
    ? Uint8Array.from(values, (value) => (value === null ? 0 : 1))
    : undefined;
  return column(fieldID, type, dataOf(type, numbers, values), undefined, valid);
}

function dataOf(type: number, numbers: readonly bigint[], values: readonly GroupValue[]): Uint8Array {
  switch (type) {
    case DataType.Bool:
      return Uint8Array.from(values, (value) => (value === true ? 1 : 0));
    case DataType.Int8:
      return bytesView(Int8Array.from(numbers, Number));
    case DataType.Int16:
      return bytesView(Int16Array.from(numbers, Number));
    case DataType.Int32:
      return bytesView(Int32Array.from(numbers, Number));
    default:
      return bytesView(BigInt64Array.from(numbers));
  }
}
