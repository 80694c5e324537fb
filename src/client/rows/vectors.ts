// Vectors as callers have them, to the bytes of the protocol: one flat array for a column, with one copy of each vector, or none where the
// caller has them in one piece already.
import { bytesView } from '#base/bytes.js';
import { ClientError } from '#client/errors.js';
import { dataTypes, dimOfSpec, type FieldSpec, type VectorTypeName } from '#client/schema/field-spec.js';
import { bfloat16Bits, float16Bits } from '#model/columns/half-float.js';

type Flat = Float32Array | Uint16Array | Int8Array | Uint8Array;

/** Numbers of a typed array that one vector takes. */
const widthOf = (spec: FieldSpec): number =>
  spec.type === 'BinaryVector' ? Math.ceil(dimOfSpec(spec) / 8) : dimOfSpec(spec);

const makers = {
  FloatVector: (length: number) => new Float32Array(length),
  Float16Vector: (length: number) => new Uint16Array(length),
  BFloat16Vector: (length: number) => new Uint16Array(length),
  Int8Vector: (length: number) => new Int8Array(length),
  BinaryVector: (length: number) => new Uint8Array(length),
} as const satisfies Record<Exclude<VectorTypeName, 'SparseFloatVector'>, (length: number) => Flat>;
type DenseName = keyof typeof makers;

const bitsOf = { Float16Vector: float16Bits, BFloat16Vector: bfloat16Bits };
const isHalf = (type: DenseName): type is keyof typeof bitsOf => type in bitsOf;

/** Whether an array holds vectors of the type as they are sent. */
const isFlat = (type: DenseName, value: unknown): value is Flat =>
  (type === 'FloatVector' && value instanceof Float32Array) ||
  (isHalf(type) && value instanceof Uint16Array) ||
  (type === 'Int8Vector' && value instanceof Int8Array) ||
  (type === 'BinaryVector' && value instanceof Uint8Array);

const isNumbers = (value: unknown): value is ArrayLike<number> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

/**
 * All vectors of a column in one piece, where the caller has them so; a view, no copy.
 * @returns undefined for a list of vectors
 * @throws InvalidRequestError when its length is no whole number of vectors
 */
export function packedVectors(name: string, spec: FieldSpec, values: unknown): Uint8Array | undefined {
  if (!isFlat(spec.type as DenseName, values)) return undefined;
  const width = widthOf(spec);
  if (values.length % width !== 0)
    throw ClientError.ofInput(
      `field "${name}" has ${values.length} numbers, expected a multiple of ${width} for vectors of dim ${dimOfSpec(spec)}`,
    );
  return bytesView(values);
}

/** @throws InvalidRequestError for a vector of another length or kind */
export function denseVectors(name: string, spec: FieldSpec, values: readonly unknown[]): Uint8Array {
  const type = spec.type as DenseName;
  const width = widthOf(spec);
  const all = makers[type](values.length * width);
  for (let row = 0; row < values.length; row++)
    writeVector({ name, spec, value: values[row], row }, all, width);
  return bytesView(all);
}

interface Given {
  readonly name: string;
  readonly spec: FieldSpec;
  readonly value: unknown;
  readonly row: number;
}

function writeVector({ name, spec, value, row }: Given, all: Flat, width: number): void {
  const type = spec.type as DenseName;
  if (!isNumbers(value) || (type === 'BinaryVector' && !(value instanceof Uint8Array)))
    throw ClientError.ofInput(
      `field "${name}", row ${row}: ${shownKind(value)}, expected a vector of dim ${dimOfSpec(spec)}${type === 'BinaryVector' ? ' as Uint8Array of its bits' : ''}`,
    );
  if (value.length !== width)
    throw ClientError.ofInput(
      `field "${name}", row ${row}: the vector has ${value.length} numbers, expected ${width}`,
    );
  if (isFlat(type, value) || !isHalf(type)) {
    all.set(value, row * width);
    return;
  }
  const bits = bitsOf[type];
  for (let at = 0; at < width; at++) all[row * width + at] = bits(value[at] as number);
}

const shownKind = (value: unknown): string => (value === undefined ? 'missing' : `is ${typeof value}`);

/** One query vector as a placeholder has it. */
export function queryBytes(name: string, spec: FieldSpec, value: unknown): Uint8Array {
  if (spec.type === 'SparseFloatVector') return sparseBytes(name, value, 0);
  const flat = isFlat(spec.type as DenseName, value);
  return flat && value.length === widthOf(spec) ? bytesView(value) : denseVectors(name, spec, [value]);
}

const utf8 = new TextEncoder();

/** A text that words are searched by, as a placeholder has it. */
export function textBytes(name: string, value: unknown): Uint8Array {
  if (typeof value !== 'string')
    throw ClientError.ofInput(
      `field "${name}": ${shownKind(value)}, expected a text, as it is of words`,
      'search',
    );
  if (!value.isWellFormed())
    throw ClientError.ofInput(
      `field "${name}": the text has half of a surrogate pair, which UTF-8 cannot hold`,
      'search',
    );
  return utf8.encode(value);
}

const PAIR_BYTES = 8;

/** Pairs of uint32 index and float32 value in ascending order. The server checks ranges; here only the form is. */
export function sparseBytes(name: string, value: unknown, row: number): Uint8Array {
  const pairs = pairsOf(value);
  if (pairs === undefined)
    throw ClientError.ofInput(
      `field "${name}", row ${row}: ${shownKind(value)}, expected a sparse vector: { indices, values }, a Map, or an object of numbers`,
    );
  const sorted = isAscending(pairs) ? pairs : [...pairs].sort(([a], [b]) => a - b);
  const bytes = new Uint8Array(sorted.length * PAIR_BYTES);
  const view = new DataView(bytes.buffer);
  sorted.forEach(([index, weight], at) => {
    if (!(Number.isInteger(index) && index >= 0 && index < 2 ** 32 - 1))
      throw ClientError.ofInput(`field "${name}", row ${row}: index ${index}, expected one from 0 to 2^32-2`);
    view.setUint32(at * PAIR_BYTES, index, true);
    view.setFloat32(at * PAIR_BYTES + 4, weight, true);
  });
  return bytes;
}

type Pairs = readonly (readonly [index: number, value: number])[];

const isAscending = (pairs: Pairs): boolean =>
  pairs.every(([index], at) => at === 0 || (pairs[at - 1]?.[0] ?? 0) < index);

function pairsOf(value: unknown): Pairs | undefined {
  if (value instanceof Map) return [...(value as Map<number, number>)];
  if (typeof value !== 'object' || value === null || isNumbers(value)) return undefined;
  const { indices, values } = value as { readonly indices?: unknown; readonly values?: unknown };
  if (!isNumbers(indices) || !isNumbers(values))
    return Object.entries(value).map(([index, weight]) => [Number(index), Number(weight)] as const);
  if (indices.length !== values.length) return undefined;
  return Array.from(indices, (index, at) => [index, values[at] ?? 0] as const);
}

const VARINT_MORE = 0x80;

/** Placeholder group with one placeholder: what a search sends as its vectors. Written here, as it is three tags around the bytes. */
export function placeholderGroup(
  type: VectorTypeName | 'VarChar',
  values: readonly Uint8Array[],
  isList: boolean,
): Uint8Array {
  // Lists of vectors have codes of their own, 200 above those of single vectors.
  const code = dataTypes[type] + (isList ? 200 : 0);
  let inner = 5 + varintBytes(code);
  for (const { length } of values) inner += 1 + varintBytes(length) + length;
  const bytes = new Uint8Array(1 + varintBytes(inner) + inner);
  bytes[0] = 0x0a;
  let at = writeVarint(bytes, 1, inner);
  bytes[at++] = 0x0a; // The tag "$0".
  bytes[at++] = 2;
  bytes[at++] = 0x24;
  bytes[at++] = 0x30;
  bytes[at++] = 0x10;
  at = writeVarint(bytes, at, code);
  for (const value of values) {
    bytes[at++] = 0x1a;
    at = writeVarint(bytes, at, value.length);
    bytes.set(value, at);
    at += value.length;
  }
  return bytes;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= VARINT_MORE; rest = Math.floor(rest / VARINT_MORE)) bytes++;
  return bytes;
}

/** @returns the place behind it */
function writeVarint(bytes: Uint8Array, begin: number, value: number): number {
  let at = begin;
  let rest = value;
  for (; rest >= VARINT_MORE; rest = Math.floor(rest / VARINT_MORE))
    bytes[at++] = (rest % VARINT_MORE) | VARINT_MORE;
  bytes[at++] = rest;
  return at;
}
