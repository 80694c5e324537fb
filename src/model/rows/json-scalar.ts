// One number or bool of a JSON text, as the type of a field or of the elements of an array wants it: written to its place, or the words for
// what was expected there. Int64 is exact, because the text is read and not what JSON.parse makes of it.
import { intRanges } from '#model/schema/default-value.js';
import { DataType } from '#proto/milvus/schema.js';

const INT = /^-?(?:0|[1-9]\d*)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function intOf(dataType: number, raw: string): number | string {
  const { min, max } = intRanges.get(dataType) ?? { min: 0, max: 0 };
  const value = INT.test(raw) ? Number(raw) : Number.NaN;
  return value >= min && value <= max ? value : `an integer from ${min} to ${max}`;
}

/** Undefined for what is no int64. 20 characters are enough for every one; longer digits never become a big number. */
export function int64Of(raw: string): bigint | undefined {
  const value = raw.length <= 20 && INT.test(raw) ? BigInt(raw) : undefined;
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : undefined;
}

function floatOf(raw: string, isSingle: boolean): number | string {
  const value = NUMBER.test(raw) ? Number(raw) : Number.NaN;
  return Number.isFinite(isSingle ? Math.fround(value) : value) ? value : 'a finite number';
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
  if (dataType === DataType.Int8) view.setInt8(at, value);
  else if (dataType === DataType.Int16) view.setInt16(at, value, true);
  else if (dataType === DataType.Int32) view.setInt32(at, value, true);
  else if (isFloat) view.setFloat32(at, value, true);
  else view.setFloat64(at, value, true);
  return undefined;
}
