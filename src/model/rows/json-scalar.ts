// One number or bool of a JSON text, as the type of a field or of the elements of an array wants it: written to its place, or the words for
// what was expected there. Int64 is exact, because the text is read and not what JSON.parse makes of it.
import { isSpace } from '#model/json/json-members.js';
import { intRanges } from '#model/schema/default-value.js';
import { DataType } from '#proto/milvus/schema.js';

const INT = /^-?(?:0|[1-9]\d*)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function intOf(dataType: number, raw: string): number | string {
  const { min, max } = intRanges.get(dataType) ?? { min: 0, max: 0 };
  const value = INT.test(raw) ? Number(raw) : Number.NaN;
  return value >= min && value <= max ? value : `an integer from ${min} to ${max}`;
}

/**
 * Undefined for what is no int64. 20 characters are enough for every one; longer digits never become a big number. Digits as a text are one too:
 * clients whose numbers are doubles read int64 as text, and send back what they read.
 */
export function int64Of(raw: string): bigint | undefined {
  const digits = raw.startsWith('"') && raw.endsWith('"') ? raw.slice(1, -1) : raw;
  const value = digits.length <= 20 && INT.test(digits) ? BigInt(digits) : undefined;
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : undefined;
}

function floatOf(raw: string, isSingle: boolean): number | string {
  const value = NUMBER.test(raw) ? Number(raw) : Number.NaN;
  return Number.isFinite(isSingle ? Math.fround(value) : value) ? value : 'a finite number';
}

/** Digits that a double holds exactly, whatever they are. */
const DIGITS_MAX = 15;

/** The place after the short integer that begins here, before a comma, a bracket or white space. @returns -1 for anything else */
export function shortIntegerEnd(bytes: Uint8Array, begin: number): number {
  const first = bytes[begin] === 0x2d ? begin + 1 : begin;
  let at = first;
  while (isDigit(bytes[at] as number)) at++;
  const count = at - first;
  if (count === 0 || count > DIGITS_MAX || (count > 1 && bytes[first] === 0x30)) return -1;
  const next = bytes[at] as number;
  return next === 0x2c || next === 0x7d || next === 0x5d || isSpace(next) ? at : -1;
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** @param end as `shortIntegerEnd` gives it */
export function shortInteger(bytes: Uint8Array, begin: number, end: number): number {
  const isNegative = bytes[begin] === 0x2d;
  let value = 0;
  for (let at = isNegative ? begin + 1 : begin; at < end; at++)
    value = value * 10 + (bytes[at] as number) - 0x30;
  return isNegative ? -value : value;
}

/** Whether a short integer is in the range of the type; false for types of other values. */
export function fitsInteger(dataType: number, value: number): boolean {
  if (dataType === DataType.Int64) return true;
  const range = intRanges.get(dataType);
  return range !== undefined && value >= range.min && value <= range.max;
}

/** Writes an integer that fits its type. */
export function writeInteger(view: DataView, at: number, dataType: number, value: number): void {
  if (dataType === DataType.Int8) view.setInt8(at, value);
  else if (dataType === DataType.Int16) view.setInt16(at, value, true);
  else if (dataType === DataType.Int32) view.setInt32(at, value, true);
  else {
    view.setUint32(at, value >>> 0, true);
    view.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
  }
}

/**
 * Writes a value of type Bool, Int8 to Int64, Float or Double, little-endian.
 * @returns what was expected instead; undefined when the value was written
 */
export function writeJsonScalar(
  view: DataView,
  at: number,
  dataType: number,
  raw: string,
): string | undefined {
  if (dataType === DataType.Bool) {
    if (raw !== 'true' && raw !== 'false') return 'true or false';
    view.setInt8(at, raw === 'true' ? 1 : 0);
    return undefined;
  }
  if (dataType === DataType.Int64) {
    const value = int64Of(raw);
    if (value === undefined) return `an integer from ${-(2n ** 63n)} to ${2n ** 63n - 1n}`;
    view.setBigInt64(at, value, true);
    return undefined;
  }
  const isFloat = dataType === DataType.Float;
  const value = isFloat || dataType === DataType.Double ? floatOf(raw, isFloat) : intOf(dataType, raw);
  if (typeof value === 'string') return value;
  if (isFloat) view.setFloat32(at, value, true);
  else if (dataType === DataType.Double) view.setFloat64(at, value, true);
  else writeInteger(view, at, dataType, value);
  return undefined;
}
