// Columns of an answer: typed arrays as they came, or decoded once when they are first looked at, and values of single rows out of them.
import { ClientError } from '#client/errors.js';
import type { FieldSpec } from '#client/schema/field-spec.js';
import { bfloat16Value, float16Value } from '#model/columns/half-float.js';
import { decodeBools, decodeInt32s, decodeInt64s } from '#model/columns/packed-array.js';
import type { FieldData, ScalarField, VectorField } from '#proto/milvus/schema.js';
import { jsonValue } from './exact-json.js';

type NumberArray = Int32Array | Float32Array | Float64Array;
/** All values of a column, by the type of one. */
export type ColumnData<T> =
  NonNullable<T> extends bigint
    ? BigInt64Array
    : NonNullable<T> extends number
      ? NumberArray
      : NonNullable<T> extends boolean
        ? Uint8Array
        : NonNullable<T> extends string
          ? readonly string[]
          : NonNullable<T> extends Float32Array | Int8Array | Uint8Array
            ? Float32Array | Int8Array | Uint8Array | Uint16Array
            : unknown;

/** Values of one field, of all rows of an answer. */
export interface Column<T = unknown> extends Iterable<T> {
  readonly length: number;
  /** @param row from 0; undefined beyond the last one */
  at(row: number): T | undefined;
  /**
   * The values in one piece, where their type has a typed array: numbers (Bool as 0 and 1), int64 as BigInt64Array, dense vectors one
   * behind the other (two-byte floats as their bits). Texts are a list. Nulls have a filler there, or no place at all, as the server sent
   * them; `at` knows which rows they are.
   */
  readonly data: ColumnData<T>;
}

/** What a column is made of: all values, and one of them. */
interface Values {
  readonly data: unknown;
  readonly count: number;
  value(at: number): unknown;
}

/** A column as it came. */
export class ReadColumn implements Column {
  readonly length: number;
  readonly #read: () => Values;
  readonly #valid: readonly boolean[];
  #values: Values | undefined;
  /** Where nulls take no place among the values: the place of each row. */
  #places: Int32Array | undefined;

  constructor(length: number, valid: readonly boolean[], read: () => Values) {
    this.length = length;
    this.#valid = valid;
    this.#read = read;
  }

  get data(): unknown {
    return this.#opened().data;
  }

  at(row: number): unknown {
    if (!(row >= 0 && row < this.length)) return undefined;
    if (this.#valid.length > 0 && this.#valid[row] === false) return null;
    const values = this.#opened();
    return values.value(this.#places === undefined ? row : (this.#places[row] ?? 0));
  }

  *[Symbol.iterator](): Iterator<unknown> {
    for (let row = 0; row < this.length; row++) yield this.at(row);
  }

  /** Rows [begin, end) as a column of their own; its values stay where they are. */
  part(begin: number, end: number): Column {
    if (begin === 0 && end === this.length) return this;
    return new ReadColumn(end - begin, this.#valid.slice(begin, end), () => {
      const { data, count, value } = this.#opened();
      const [first, last] = [this.#place(begin), this.#place(end)];
      return {
        data: cutData(data, count, first, last),
        count: last - first,
        value: (at) => value(first + at),
      };
    });
  }

  /** How many values come before a row. */
  #place(row: number): number {
    if (this.#places === undefined) return row;
    let count = 0;
    for (let before = 0; before < row; before++) if (this.#valid[before] === true) count++;
    return count;
  }

  #opened(): Values {
    if (this.#values !== undefined) return this.#values;
    const values = this.#read();
    if (this.#valid.length > 0 && values.count < this.length) this.#places = placesOf(this.#valid);
    this.#values = values;
    return values;
  }
}

/** Values [first, last) of `count`; a vector is several numbers of the data. */
function cutData(data: unknown, count: number, first: number, last: number): unknown {
  if (Array.isArray(data)) return data.slice(first, last);
  if (!ArrayBuffer.isView(data) || data instanceof DataView || count === 0) return data;
  const array = data as Float32Array;
  const width = array.length / count;
  return array.subarray(first * width, last * width);
}

function placesOf(valid: readonly boolean[]): Int32Array {
  const places = new Int32Array(valid.length);
  let next = 0;
  for (let row = 0; row < valid.length; row++) places[row] = valid[row] ? next++ : -1;
  return places;
}

/** @param spec what the declaration says of the field; undefined for fields that it has not */
export function readColumn(data: FieldData, spec: FieldSpec | undefined, length: number): ReadColumn {
  return new ReadColumn(length, validityOf(data), () => valuesOf(data, spec));
}

/** A struct array is null where its members are; few servers say it of the struct itself. */
const validityOf = ({ validData, field }: FieldData): readonly boolean[] =>
  validData.length === 0 && field?.$case === 'structArrays'
    ? (field.value.fields[0]?.validData ?? [])
    : validData;

function valuesOf(data: FieldData, spec: FieldSpec | undefined): Values {
  const { field, fieldName } = data;
  switch (field?.$case) {
    case 'scalars':
      return scalarValues(fieldName, field.value, spec);
    case 'vectors':
      return vectorValues(fieldName, field.value);
    case 'structArrays':
      return structValues(field.value.fields, spec);
    default:
      return listValues([]);
  }
}

const listValues = (list: readonly unknown[]): Values => ({
  data: list,
  count: list.length,
  value: (at) => list[at],
});
const arrayValues = (array: ArrayLike<unknown> & ArrayBufferView): Values => ({
  data: array,
  count: array.length,
  value: (at) => array[at],
});

/** Bytes as elements of `width` bytes: a view where one may begin, else a copy. (`slice` of a Buffer would be no copy.) */
const aligned = (bytes: Uint8Array, width: number): Uint8Array =>
  bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);

export function floatsOf(bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset, byteLength } = aligned(bytes, 4);
  return new Float32Array(buffer, byteOffset, byteLength >>> 2);
}

export function int64sOf(packed: Uint8Array, what: string): BigInt64Array {
  const { buffer, byteOffset, byteLength } = decodeInt64s(packed, what);
  return new BigInt64Array(buffer, byteOffset, byteLength >>> 3);
}

function doublesOf(bytes: Uint8Array): Float64Array {
  const { buffer, byteOffset, byteLength } = aligned(bytes, 8);
  return new Float64Array(buffer, byteOffset, byteLength >>> 3);
}

function scalarValues(name: string, { data }: ScalarField, spec: FieldSpec | undefined): Values {
  switch (data?.$case) {
    case undefined:
      return listValues([]);
    case 'boolData': {
      const flags = decodeBools(data.value.data, name);
      return { data: flags, count: flags.length, value: (at) => flags[at] === 1 };
    }
    case 'intData':
      return arrayValues(decodeInt32s(data.value.data, name));
    case 'longData':
      return arrayValues(int64sOf(data.value.data, name));
    case 'floatData':
      return arrayValues(floatsOf(data.value.data));
    case 'doubleData':
      return arrayValues(doublesOf(data.value.data));
    case 'stringData':
    case 'geometryWktData':
      return listValues(data.value.data);
    case 'jsonData': {
      const texts = data.value.data;
      return {
        data: texts,
        count: texts.length,
        value: (at) => (texts[at]?.length ? jsonValue(texts[at]) : null),
      };
    }
    case 'arrayData': {
      const rows = data.value.data;
      const value = (at: number): unknown => elementsOf(name, rows[at], spec);
      return { data: rows, count: rows.length, value };
    }
    case 'timestamptzData':
      return listValues(data.value.data.map(isoOfMicros));
    default:
      throw new ClientError({
        code: 3000,
        reason: `field "${name}" came as ${data?.$case}, which this client cannot read`,
        isRetriable: false,
        call: 'client',
      });
  }
}

const MICROS = 1000n;

function isoOfMicros(micros: bigint): string {
  const part = ((micros % MICROS) + MICROS) % MICROS;
  const iso = new Date(Number((micros - part) / MICROS)).toISOString();
  return part === 0n ? iso : iso.replace('Z', `${part.toString().padStart(3, '0')}Z`);
}

function elementsOf(name: string, row: ScalarField | undefined, spec: FieldSpec | undefined): unknown[] {
  if (row === undefined) return [];
  const { count, value } = scalarValues(name, row, spec);
  return Array.from({ length: count }, (_, at) => value(at));
}

function vectorValues(name: string, { dim, data }: VectorField): Values {
  const width = Number(dim);
  switch (data?.$case) {
    case undefined:
      return listValues([]);
    case 'floatVector':
      return cut(floatsOf(data.value.data), width);
    case 'int8Vector': {
      const { buffer, byteOffset, byteLength } = data.value;
      return cut(new Int8Array(buffer, byteOffset, byteLength), width);
    }
    case 'binaryVector':
      return cut(data.value, Math.ceil(width / 8));
    case 'float16Vector':
      return halves(data.value, width, float16Value);
    case 'bfloat16Vector':
      return halves(data.value, width, bfloat16Value);
    case 'sparseFloatVector': {
      const rows = data.value.contents;
      return { data: rows, count: rows.length, value: (at) => sparseOf(rows[at] ?? new Uint8Array(0)) };
    }
    case 'vectorArray': {
      const rows = data.value.data;
      return { data: rows, count: rows.length, value: (at) => vectorsOf(name, rows[at]) };
    }
  }
}

type Flat = Float32Array | Int8Array | Uint8Array;

/** Rows are views of one array. */
function cut(all: Flat, width: number): Values {
  const count = width === 0 ? 0 : all.length / width;
  return { data: all, count, value: (at) => all.subarray(at * width, (at + 1) * width) };
}

function halves(bytes: Uint8Array, width: number, numberOf: (bits: number) => number): Values {
  const { buffer, byteOffset, byteLength } = aligned(bytes, 2);
  const bits = new Uint16Array(buffer, byteOffset, byteLength >>> 1);
  const value = (at: number): Float32Array =>
    Float32Array.from(bits.subarray(at * width, (at + 1) * width), numberOf);
  return { data: bits, count: width === 0 ? 0 : bits.length / width, value };
}

function sparseOf(bytes: Uint8Array): { readonly indices: Uint32Array; readonly values: Float32Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length >>> 3;
  const indices = new Uint32Array(count);
  const values = new Float32Array(count);
  for (let at = 0; at < count; at++) {
    indices[at] = view.getUint32(at * 8, true);
    values[at] = view.getFloat32(at * 8 + 4, true);
  }
  return { indices, values };
}

function vectorsOf(name: string, row: VectorField | undefined): unknown[] {
  if (row === undefined) return [];
  const { count, value } = vectorValues(name, row);
  return Array.from({ length: count }, (_, at) => value(at));
}

function structValues(fields: readonly FieldData[], spec: FieldSpec | undefined): Values {
  const members = fields.map((field) => ({
    name: field.fieldName,
    values: valuesOf(field, spec?.members?.[field.fieldName]),
  }));
  const value = (at: number): object[] => {
    const lists = members.map(({ name, values }) => ({ name, list: values.value(at) as readonly unknown[] }));
    const count = lists[0]?.list.length ?? 0;
    return Array.from({ length: count }, (_, index) =>
      Object.fromEntries(lists.map(({ name, list }) => [name, list[index]])),
    );
  };
  return { data: fields, count: members[0]?.values.count ?? 0, value };
}
