// Columns from plain rows, as tests of filters have them: ints and times are bigint, JSON is `{ json }`, arrays are arrays, null is null.

import { bytesView } from '#base/bytes.js';
import type { FieldRef } from '#expr/typed.js';
import { textArrayBytes } from '#model/columns/array-column.js';
import { column, columnFromBytes } from '#model/columns/column.js';
import type { Geometry } from '#model/geometry/geometry.js';
import { encodeWkb } from '#model/geometry/wkb.js';
import { DataType, isStringType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import type { Json, Row } from '../oracle/predicate-oracle.js';

const utf8 = new TextEncoder();

export function columnOf(field: FieldRef, rows: readonly Row[]): Column {
  const values = rows.map((row) => row.get(field.fieldId) ?? null);
  const fixed = fixedBytes(field.dataType, values);
  if (fixed !== undefined) {
    const valid = values.includes(null)
      ? Uint8Array.from(values, (value) => Number(value !== null))
      : undefined;
    return column(field.fieldId, field.dataType, fixed, undefined, valid);
  }
  const bytes = values.map((value) => (value === null ? null : variableBytes(field, value)));
  return columnFromBytes(field.fieldId, field.dataType, bytes);
}

function fixedBytes(dataType: number, values: readonly unknown[]): Uint8Array | undefined {
  const numbers = values.map((value) => Number(value));
  switch (dataType) {
    case DataType.Bool:
    case DataType.Int8:
      return bytesView(Int8Array.from(numbers));
    case DataType.Int16:
      return bytesView(Int16Array.from(numbers));
    case DataType.Int32:
      return bytesView(Int32Array.from(numbers));
    case DataType.Int64:
    case DataType.Timestamptz:
      return bytesView(BigInt64Array.from(values, (value) => (typeof value === 'bigint' ? value : 0n)));
    case DataType.Float:
      return bytesView(Float32Array.from(numbers));
    case DataType.Double:
      return bytesView(Float64Array.from(numbers));
    default:
      return undefined;
  }
}

function variableBytes(field: FieldRef, value: unknown): Uint8Array {
  if (typeof value === 'string') return utf8.encode(value);
  if (Array.isArray(value)) {
    if (isStringType(field.elementType)) return textArrayBytes(value.map(String));
    return fixedBytes(field.elementType, value) ?? new Uint8Array(0);
  }
  if (field.dataType === DataType.JSON) return utf8.encode(jsonText((value as { readonly json: Json }).json));
  return encodeWkb(value as Geometry);
}

/** Written with spaces and escapes that nobody needs here and there, always the same ones for the same value. */
function jsonText(json: Json): string {
  if (json === null || typeof json === 'boolean' || typeof json === 'bigint') return String(json);
  if (typeof json === 'number') return numberText(json);
  if (typeof json === 'string') return stringText(json);
  if (Array.isArray(json)) return `[ ${json.map(jsonText).join(json.length % 2 === 0 ? ',' : ' , ')}]`;
  const members = Object.entries(json).map(([key, value]) => `${stringText(key)}:${jsonText(value)}`);
  return `{${members.join(',\n\t')} }`;
}

/** A double differs from an int by a point or an exponent, or by its size. */
function numberText(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  if (!Number.isInteger(value)) return String(value);
  if (Math.abs(value) >= 2 ** 64) return BigInt(value).toString();
  return Math.abs(value) % 2 === 0 ? `${value}.0` : `${value}e0`;
}

function stringText(text: string): string {
  const plain = JSON.stringify(text);
  return text.length % 3 !== 1 ? plain : plain.replace(/[a\u00e9\ud800-\udfff]/g, hexEscape);
}

const hexEscape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
