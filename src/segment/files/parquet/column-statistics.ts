// What a row group's footer says of a column: how many rows are null, and between which values the others lie. Parquet's own statistics, so
// that every tool leaves out row groups by them. What could mislead a reader is not written: no bounds of a column with a NaN, whose place in
// the order tools do not agree on; zeros as -0 below and +0 above; long texts are cut, the upper one rounded up, and said to be inexact.
import type { Statistics } from 'hyparquet';
import { wordsOf } from '#base/bytes.js';

import { DataType, isStringType, isVectorType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { isNested, type ParquetField, shapeOf } from './parquet-type.js';

/** Bytes of a text in the statistics. */
export const TEXT_BYTES_MAX = 64;

interface Ends {
  readonly min_value: NonNullable<Statistics['min_value']>;
  readonly max_value: NonNullable<Statistics['max_value']>;
}

/** What is known of the first `rowCount` rows; undefined for vectors and lists, of whose rows a leaf says nothing. */
export function columnStatistics(
  field: ParquetField,
  column: Column,
  rowCount: number,
): Statistics | undefined {
  if (isNested(shapeOf(field)) || isBytes(field.dataType)) return undefined;
  const valid = column.valid.length > 0 ? column.valid.subarray(0, rowCount) : undefined;
  const nulls = countNulls(valid);
  const ends = nulls === rowCount ? undefined : endsOf(field.dataType, column, valid, rowCount);
  return { null_count: BigInt(nulls), ...ends };
}

/** Vectors that are bytes, and arrays of what Parquet has no list for. */
const isBytes = (dataType: number): boolean => isVectorType(dataType) || dataType === DataType.Array;

function countNulls(valid: Uint8Array | undefined): number {
  let nulls = 0;
  if (valid !== undefined) for (let row = 0; row < valid.length; row++) nulls += valid[row] === 0 ? 1 : 0;
  return nulls;
}

function endsOf(
  dataType: number,
  { data, offsets }: Column,
  valid: Uint8Array | undefined,
  rowCount: number,
): Ends | undefined {
  switch (dataType) {
    case DataType.Bool: {
      const ends = numberEnds(data, valid, rowCount);
      return ends && { min_value: ends.min_value === 1, max_value: ends.max_value === 1 };
    }
    case DataType.Int8:
      return numberEnds(new Int8Array(data.buffer, data.byteOffset, rowCount), valid, rowCount);
    case DataType.Int16:
      return numberEnds(new Int16Array(...placeOf(data, 2, rowCount)), valid, rowCount);
    case DataType.Int32:
    case DataType.Date:
      return numberEnds(new Int32Array(...placeOf(data, 4, rowCount)), valid, rowCount);
    case DataType.Float:
      return floatEnds(new Float32Array(...placeOf(data, 4, rowCount)), valid, rowCount);
    case DataType.Double:
      return floatEnds(new Float64Array(...placeOf(data, 8, rowCount)), valid, rowCount);
    case DataType.Int64:
    case DataType.Time:
    case DataType.Timestamptz:
      return int64Ends(new Int32Array(...placeOf(data, 4, rowCount * 2)), valid, rowCount);
    default:
      return isStringType(dataType) ? textEnds(data, offsets, valid, rowCount) : undefined;
  }
}

/** Where numbers of that width lie, or a copy of them where no array of numbers may begin. */
function placeOf(data: Uint8Array, width: number, count: number): [ArrayBuffer, number, number] {
  const { buffer, byteOffset } = byteOffsetFits(data, width) ? data : data.slice(0, width * count);
  return [buffer as ArrayBuffer, byteOffset, count];
}

const byteOffsetFits = ({ byteOffset }: Uint8Array, width: number): boolean => byteOffset % width === 0;

type Numbers = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

function numberEnds(
  values: Numbers,
  valid: Uint8Array | undefined,
  rowCount: number,
): { readonly min_value: number; readonly max_value: number } | undefined {
  let least = Infinity;
  let most = -Infinity;
  for (let row = 0; row < rowCount; row++) {
    if (valid !== undefined && valid[row] === 0) continue;
    const value = values[row] as number;
    if (Number.isNaN(value)) return undefined;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return least > most ? undefined : { min_value: least, max_value: most };
}

function floatEnds(
  values: Float32Array | Float64Array,
  valid: Uint8Array | undefined,
  rowCount: number,
): Ends | undefined {
  const ends = numberEnds(values, valid, rowCount);
  if (ends === undefined) return undefined;
  const { min_value, max_value } = ends;
  return { min_value: min_value === 0 ? -0 : min_value, max_value: max_value === 0 ? 0 : max_value };
}

/** By the high words, and where these are equal by the low ones, which have no sign. */
function int64Ends(words: Int32Array, valid: Uint8Array | undefined, rowCount: number): Ends | undefined {
  let [leastHigh, leastLow, mostHigh, mostLow] = [0, 0, 0, 0];
  let isFirst = true;
  for (let row = 0; row < rowCount; row++) {
    if (valid !== undefined && valid[row] === 0) continue;
    const low = (words[row * 2] as number) >>> 0;
    const high = words[row * 2 + 1] as number;
    if (isFirst) {
      isFirst = false;
      leastHigh = high;
      leastLow = low;
      mostHigh = high;
      mostLow = low;
    } else if (high < leastHigh || (high === leastHigh && low < leastLow)) {
      leastHigh = high;
      leastLow = low;
    } else if (high > mostHigh || (high === mostHigh && low > mostLow)) {
      mostHigh = high;
      mostLow = low;
    }
  }
  return isFirst
    ? undefined
    : { min_value: int64Of(leastHigh, leastLow), max_value: int64Of(mostHigh, mostLow) };
}

const int64Of = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low);

/** In the order of bytes, which is that of code points. */
function textEnds(
  data: Uint8Array,
  offsets: Uint8Array,
  valid: Uint8Array | undefined,
  rowCount: number,
): Ends | undefined {
  const ends = wordsOf(offsets);
  let [leastRow, mostRow] = [-1, -1];
  for (let row = 0; row < rowCount; row++) {
    if (valid !== undefined && valid[row] === 0) continue;
    if (leastRow < 0) {
      leastRow = row;
      mostRow = row;
    } else if (compareTexts(data, ends, row, leastRow) < 0) leastRow = row;
    else if (compareTexts(data, ends, row, mostRow) > 0) mostRow = row;
  }
  if (leastRow < 0) return undefined;
  const textOf = (row: number): Uint8Array => data.subarray(ends[row], ends[row + 1]);
  return { min_value: textOf(leastRow), max_value: textOf(mostRow) };
}

function compareTexts(data: Uint8Array, ends: Uint32Array, a: number, b: number): number {
  const [fromA, fromB] = [ends[a] as number, ends[b] as number];
  const [lengthA, lengthB] = [(ends[a + 1] as number) - fromA, (ends[b + 1] as number) - fromB];
  const length = Math.min(lengthA, lengthB);
  for (let i = 0; i < length; i++) {
    const difference = (data[fromA + i] as number) - (data[fromB + i] as number);
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}
