// The values of one column of an answer as JSON text. Numbers are written exactly: int64 digit by digit, float32 as the shortest number that
// reads back as itself.
import { base64FromBytes } from '#base/base64.js';
import { decodeBools, decodeInt32s, decodeInt64s } from '#model/columns/packed-array.js';
import { SPARSE_PAIR_BYTES } from '#model/columns/sparse-vector.js';
import { formatTimestamp } from '#model/time/timestamptz.js';
import type { ScalarField, VectorField } from '#proto/milvus/schema.js';
import { float32Text } from '#server/rest/answers/float32-text.js';
import { int64Text } from '#server/rest/answers/json-text.js';

export interface Cells {
  readonly count: number;
  at(index: number): string;
}

const utf8 = new TextDecoder();
const NONE: Cells = { count: 0, at: () => 'null' };

const listed = <T>(values: readonly T[], textOf: (value: T) => string): Cells => ({
  count: values.length,
  at: (index) => {
    const value = values[index];
    return value === undefined ? 'null' : textOf(value);
  },
});

/** Data of messages may begin anywhere in its buffer. */
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const float32s = (data: Uint8Array): Cells => {
  const view = viewOf(data);
  return { count: data.length >> 2, at: (index) => float32Text(view.getFloat32(index * 4, true)) };
};

const float64s = (data: Uint8Array): Cells => {
  const view = viewOf(data);
  return { count: data.length >> 3, at: (index) => String(view.getFloat64(index * 8, true)) };
};

export function int64s(packed: Uint8Array, asText: boolean): Cells {
  const data = decodeInt64s(packed, 'answer');
  const view = viewOf(data);
  return {
    count: data.length >> 3,
    at: (index) => {
      const low = view.getInt32(index * 8, true);
      // Most keys are small, and a bigint takes its time to be made and written.
      const isSmall = view.getInt32(index * 8 + 4, true) === low >> 31;
      return int64Text(isSmall ? low : view.getBigInt64(index * 8, true), asText);
    },
  };
}

/** @param asText whether int64 values become strings */
export function scalarCells(field: ScalarField, asText: boolean): Cells {
  const { data } = field;
  switch (data?.$case) {
    case 'boolData':
      return listed([...decodeBools(data.value.data, 'answer')], (one) => String(one !== 0));
    case 'intData':
      return listed([...decodeInt32s(data.value.data, 'answer')], String);
    case 'longData':
      return int64s(data.value.data, asText);
    case 'floatData':
      return float32s(data.value.data);
    case 'doubleData':
      return float64s(data.value.data);
    case 'stringData':
    case 'geometryWktData':
      return listed(data.value.data, (text) => JSON.stringify(text));
    case 'jsonData':
      return listed(data.value.data, (bytes) => JSON.stringify(utf8.decode(bytes)));
    case 'bytesData':
      return listed(data.value.data, (bytes) => JSON.stringify(base64FromBytes(bytes)));
    case 'timestamptzData':
      return listed(data.value.data, (micros) => JSON.stringify(formatTimestamp(micros, 'UTC')));
    case 'arrayData':
      return listed(data.value.data, (row) => listText(scalarCells(row, asText)));
    default:
      return NONE;
  }
}

function listText(cells: Cells): string {
  let text = '[';
  for (let index = 0; index < cells.count; index++)
    text += index === 0 ? cells.at(index) : `,${cells.at(index)}`;
  return `${text}]`;
}

/** Vectors of `width` bytes each. */
const sliced = (data: Uint8Array, width: number, textOf: (vector: Uint8Array) => string): Cells => ({
  count: width === 0 ? 0 : Math.floor(data.length / width),
  at: (index) => textOf(data.subarray(index * width, (index + 1) * width)),
});

const base64Text = (bytes: Uint8Array): string => JSON.stringify(base64FromBytes(bytes));

function sparseText(row: Uint8Array): string {
  const view = viewOf(row);
  const pairs: string[] = [];
  for (let at = 0; at < row.length; at += SPARSE_PAIR_BYTES)
    pairs.push(`"${view.getUint32(at, true)}":${float32Text(view.getFloat32(at + 4, true))}`);
  return `{${pairs.join(',')}}`;
}

export function vectorCells({ data, dim }: VectorField): Cells {
  const length = Number(dim);
  switch (data?.$case) {
    case 'floatVector':
      return sliced(data.value.data, length * 4, (vector) => listText(float32s(vector)));
    case 'binaryVector':
      return sliced(data.value, length / 8, base64Text);
    case 'float16Vector':
    case 'bfloat16Vector':
      return sliced(data.value, length * 2, base64Text);
    case 'int8Vector':
      return sliced(data.value, length, (bytes) => `[${new Int8Array(bytes).join(',')}]`);
    case 'sparseFloatVector':
      return listed(data.value.contents, sparseText);
    case 'vectorArray':
      return listed(data.value.data, (row) => listText(vectorCells(row)));
    default:
      return NONE;
  }
}
