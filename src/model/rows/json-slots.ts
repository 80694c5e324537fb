// The values of most types in rows of JSON, one class for the types whose values are of one width, one for each other kind. What is read often is
// read from its bytes: vectors of float32, integers, text without escapes.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { FixedBuilder, VariableBuilder } from '#model/columns/column-builder.js';
import { JSON_BYTES_MAX } from '#model/columns/field-column.js';
import { sparseFromJson } from '#model/columns/sparse-vector.js';
import { plainStringEnd } from '#model/json/json-bytes.js';
import { readFloats } from '#model/json/json-floats.js';
import { doubledKey, parseJsonString } from '#model/json/json-members.js';
import { isJsonText } from '#model/json/json-text.js';
import { isVectorType } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName, maxLengthOf } from '#model/schema/schema-view.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { fitsInteger, shortInteger, shortIntegerEnd, writeInteger, writeJsonScalar } from './json-scalar.js';
import { BaseSlot, clip, type FieldSlot, type PlainValue, refuse } from './json-slot.js';
import { VectorListSlot } from './json-struct.js';
import { ArraySlot, GeometrySlot, TimestampSlot } from './json-structured-slots.js';
import { jsonVectorLength, writeBase64Vector, writeJsonVector } from './json-vector.js';

/** Largest size of a Text value: it has no max_length of its own. */
const TEXT_BYTES_MAX = 64 * 2 ** 20;
const utf8 = new TextEncoder();

/** @throws unsupported for a field of a type that JSON cannot fill */
export function slotOf(field: FieldSchema, zone: string): FieldSlot {
  switch (field.dataType) {
    case DataType.Bool:
    case DataType.Int8:
    case DataType.Int16:
    case DataType.Int32:
    case DataType.Int64:
    case DataType.Float:
    case DataType.Double:
    case DataType.FloatVector:
    case DataType.Float16Vector:
    case DataType.BFloat16Vector:
    case DataType.Int8Vector:
    case DataType.BinaryVector:
      return new FixedSlot(field);
    case DataType.VarChar:
    case DataType.Text:
      return new TextSlot(field);
    case DataType.JSON:
      return new JsonSlot(field);
    case DataType.SparseFloatVector:
      return new SparseSlot(field);
    case DataType.Array:
      return new ArraySlot(field);
    case DataType.Geometry:
      return new GeometrySlot(field);
    case DataType.Timestamptz:
      return new TimestampSlot(field, zone);
    case DataType.ArrayOfVector:
      return new VectorListSlot(field);
    default:
      throw new ElanusError(
        'unsupported',
        `field ${JSON.stringify(field.name)} has type ${dataTypeName(field.dataType)}, import from JSON is supported for scalars, VarChar, JSON and vectors; insert the rows instead`,
      );
  }
}

/** Every type whose values are of one width. */
class FixedSlot extends BaseSlot implements FieldSlot {
  readonly #to: FixedBuilder;
  readonly #dim: number;
  /** Where a vector of float32 is read to; undefined for other types. */
  readonly #floats: Float32Array | undefined;

  constructor(field: FieldSchema) {
    const to = new FixedBuilder(field, dimOf(field));
    super(field, to);
    this.#floats = field.dataType === DataType.FloatVector ? new Float32Array(dimOf(field)) : undefined;
    this.#to = to;
    this.#dim = dimOf(field);
  }

  override addFrom(bytes: Uint8Array, at: number): number {
    const { dataType } = this.field;
    if (this.#floats !== undefined) {
      const end = readFloats(bytes, at, this.#floats);
      if (end >= 0) this.#to.addBytes(bytesView(this.#floats));
      return end;
    }
    const end = shortIntegerEnd(bytes, at);
    if (end < 0) return end;
    const value = shortInteger(bytes, at, end);
    if (!fitsInteger(dataType, value)) return -1;
    writeInteger(this.#to.next(), this.#to.at, dataType, value);
    return end;
  }

  override addValue(value: PlainValue): boolean {
    const { dataType } = this.field;
    if (typeof value === 'number' && Number.isSafeInteger(value) && fitsInteger(dataType, value)) {
      writeInteger(this.#to.next(), this.#to.at, dataType, value);
      return true;
    }
    if (typeof value === 'bigint' && dataType === DataType.Int64 && BigInt.asIntN(64, value) === value) {
      this.#to.next().setBigInt64(this.#to.at, value, true);
      return true;
    }
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) return false;
    if (dataType === DataType.Float) this.#to.next().setFloat32(this.#to.at, value, true);
    else if (dataType === DataType.Double) this.#to.next().setFloat64(this.#to.at, value, true);
    else return false;
    return true;
  }

  override addRows(bytes: Uint8Array): boolean {
    this.#to.addRows(bytes);
    return true;
  }

  add(raw: string): void {
    const view = this.#to.next();
    const { at } = this.#to;
    if (isVectorType(this.field.dataType)) this.#vector(raw, view, at);
    else {
      const expected = writeJsonScalar(view, at, this.field.dataType, raw);
      if (expected !== undefined) this.wrong(raw, expected);
    }
  }

  #vector(raw: string, view: DataView, begin: number): void {
    const { dataType, name } = this.field;
    const length = jsonVectorLength(dataType, this.#dim);
    if (raw.charCodeAt(0) === 0x22) {
      const problem = writeBase64Vector(parseJsonString(raw) ?? '', view, { dataType, begin, length });
      if (problem !== undefined) this.wrong(raw, problem);
      return;
    }
    const values = parseList(raw) ?? this.wrong(raw, `a list of ${length} numbers`);
    if (values.length !== length) {
      const reason = length === this.#dim ? 'the dim of the field' : `a byte for 8 of its ${this.#dim} bits`;
      refuse(name, `vector has ${values.length} values, expected ${length} (${reason}); correct the file`);
    }
    const wrong = writeJsonVector(dataType, values, view, begin);
    if (wrong)
      this.wrong(String(JSON.stringify(values[wrong.index])), `${wrong.expected}, element ${wrong.index}`);
  }
}

class TextSlot extends BaseSlot implements FieldSlot {
  readonly #to: VariableBuilder;
  readonly #max: number;

  constructor(field: FieldSchema) {
    const to = new VariableBuilder(field);
    super(field, to);
    this.#to = to;
    this.#max = field.dataType === DataType.Text ? TEXT_BYTES_MAX : maxLengthOf(field);
  }

  override addFrom(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== 0x22) return -1;
    const end = plainStringEnd(bytes, at);
    if (end < 0 || end - at - 1 > this.#max) return -1;
    this.#to.addBytes(bytes.subarray(at + 1, end));
    return end + 1;
  }

  override addValue(value: PlainValue): boolean {
    if (typeof value !== 'string' || !value.isWellFormed()) return false;
    this.#addText(value);
    return true;
  }

  add(raw: string): void {
    this.#addText(parseJsonString(raw) ?? this.wrong(raw, 'a string of valid Unicode'));
  }

  #addText(text: string): void {
    // A unit of UTF-16 takes at least a byte, so a text of many MiB need not get into the column.
    const bytes = text.length > this.#max ? utf8.encode(text).length : this.#to.addText(text);
    if (bytes > this.#max)
      refuse(
        this.field.name,
        `text has ${bytes} bytes in UTF-8, expected at most ${this.#max} (max_length); shorten it`,
      );
  }
}

class SparseSlot extends BaseSlot implements FieldSlot {
  readonly #to: VariableBuilder;

  constructor(field: FieldSchema) {
    const to = new VariableBuilder(field);
    super(field, to);
    this.#to = to;
  }

  add(raw: string): void {
    const row = sparseFromJson(raw);
    if (typeof row !== 'string') refuseDoubled(this.field.name, raw);
    if (typeof row === 'string')
      this.wrong(raw, `{"index": value, …} or {"indices": […], "values": […]}, but it has ${row}`);
    else this.#to.addBytes(row);
  }
}

class JsonSlot extends BaseSlot implements FieldSlot {
  readonly #to: VariableBuilder;

  constructor(field: FieldSchema) {
    const to = new VariableBuilder(field);
    super(field, to);
    this.#to = to;
  }

  add(raw: string): void {
    // A string is JSON text, as other writers quote it; everything else is the value itself.
    const text = raw.charCodeAt(0) === 0x22 ? (parseJsonString(raw) ?? this.wrong(raw, 'JSON text')) : raw;
    const bytes = utf8.encode(text);
    checkJsonBytes(this.field, bytes);
    if (!isJsonText(bytes)) this.wrong(raw, 'a JSON value, or a string of JSON text');
    refuseDoubled(this.field.name, text);
    this.#to.addBytes(bytes);
  }
}

export function checkJsonBytes(field: FieldSchema, bytes: Uint8Array): void {
  if (bytes.length > JSON_BYTES_MAX) refuseJsonLength(field, String(bytes.length));
}

export const refuseJsonLength = (field: FieldSchema, length: string): never =>
  refuse(field.name, `JSON has ${length} bytes, expected at most ${JSON_BYTES_MAX}; shorten it`);
/** @param text valid JSON */
export function refuseDoubled(name: string, text: string): void {
  const key = doubledKey(text);
  if (key !== undefined)
    refuse(
      name,
      `has the key ${JSON.stringify(clip(key))} twice in one object, expected once; leave one out`,
    );
}

function parseList(raw: string): readonly unknown[] | undefined {
  if (raw.charCodeAt(0) !== 0x5b) return undefined;
  try {
    const value: unknown = JSON.parse(raw);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
