// Rows of JSON text to the columns of a batch, one builder a field: values go from the text straight into the column's bytes, no row
// is kept as an object. Builders are used again for the next batch, so importing a file takes the memory of one batch.
import { ElanusError } from '#base/errors.js';
import { batchOf } from '#model/columns/column.js';
import { FixedBuilder, VariableBuilder } from '#model/columns/column-builder.js';
import { JSON_BYTES_MAX } from '#model/columns/field-column.js';
import { sparseFromJson } from '#model/columns/sparse-vector.js';
import { doubledKey, forEachMember, parseJsonString } from '#model/json/json-members.js';
import { isJsonObject, isJsonText } from '#model/json/json-text.js';
import { isVectorType } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName, dynamicField, maxLengthOf } from '#model/schema/schema-view.js';
import { ownFields, ownNames, structArrays } from '#model/schema/struct-arrays.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { type CollectionSchema, DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { ArraySlot, GeometrySlot, TimestampSlot } from './json-more-slots.js';
import { writeJsonScalar } from './json-scalar.js';
import { BaseSlot, clip, type FieldSlot, refuse } from './json-slot.js';
import { type NamedSlot, namedSlot, StructSlot, VectorListSlot } from './json-struct.js';
import { jsonVectorLength, writeBase64Vector, writeJsonVector } from './json-vector.js';

/** Largest size of a Text value: it has no max_length of its own. */
const TEXT_BYTES_MAX = 64 * 2 ** 20;
const utf8 = new TextEncoder();

export class JsonColumns {
  readonly #schema: CollectionSchema;
  readonly #slots: readonly FieldSlot[];
  readonly #byName: ReadonlyMap<string, NamedSlot>;
  readonly #meta: MetaSlot | undefined;
  readonly #autoKeyName: string | undefined;
  #rowCount = 0;

  /**
   * @param zone of times that are written without an offset
   * @throws unsupported for a field of a type that JSON import cannot fill
   */
  constructor(schema: CollectionSchema, zone = 'UTC') {
    this.#schema = schema;
    const dynamic = dynamicField(schema);
    this.#meta = dynamic && new MetaSlot(dynamic, new Set(ownNames(schema)));
    const given = schema.fields.filter((field) => !(field.isPrimaryKey && field.autoID));
    this.#slots = given.map((field) => (field === dynamic && this.#meta ? this.#meta : slotOf(field, zone)));
    this.#byName = new Map(this.#named().map((slot) => [slot.name, slot]));
    this.#autoKeyName = schema.fields.find((field) => field.isPrimaryKey && field.autoID)?.name;
  }

  /** What rows name: fields, and struct arrays in place of their columns. */
  #named(): NamedSlot[] {
    const byId = new Map(this.#slots.map((slot) => [slot.field.fieldID, slot]));
    const structs = structArrays(this.#schema).map(
      ({ struct, columns }) =>
        new StructSlot(
          struct,
          columns.flatMap((field) => byId.get(field.fieldID) ?? []),
        ),
    );
    const own = ownFields(this.#schema).flatMap((field) => byId.get(field.fieldID) ?? []);
    return [...own.map(namedSlot), ...structs];
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get bytes(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.bytes, 0);
  }

  /** Adds a row. After an error the batch is of no use. @throws import_failed */
  add(text: string): void {
    const row = this.#rowCount;
    forEachMember(text, (key, raw) => {
      const slot = this.#byName.get(key);
      if (slot === undefined) this.#addUnknown(key, raw);
      else {
        if (slot.row === row) refuse(key, 'is given twice in the row, expected once; leave one out');
        slot.row = row;
        if (raw === 'null') slot.addMissing();
        else slot.add(raw);
      }
    });
    for (const slot of this.#slots) if (slot.row !== row) slot.addMissing();
    this.#meta?.endRow();
    this.#rowCount++;
  }

  #addUnknown(key: string, raw: string): void {
    if (key === this.#autoKeyName)
      refuse(key, 'is given, but the collection makes its keys itself (autoID); leave the key out');
    if (this.#meta && key !== '') this.#meta.addUnknown(key, raw);
    else
      refuse(
        key,
        `is not in the schema of collection ${this.#schema.name}, expected its fields only; leave it out, or enable dynamic fields`,
      );
  }

  /** Columns in schema order (without an autoID key), as views until `reset`. */
  finish(): ColumnBatch {
    return batchOf(
      this.#rowCount,
      this.#slots.map((slot) => slot.finish()),
    );
  }

  reset(): void {
    this.#rowCount = 0;
    for (const slot of this.#slots) slot.reset();
  }
}

/** Every type whose values are of one width. */
class FixedSlot extends BaseSlot implements FieldSlot {
  readonly #to: FixedBuilder;
  readonly #dim: number;

  constructor(field: FieldSchema) {
    const to = new FixedBuilder(field, dimOf(field));
    super(field, to);
    this.#to = to;
    this.#dim = dimOf(field);
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

  add(raw: string): void {
    const text = parseJsonString(raw) ?? this.wrong(raw, 'a string of valid Unicode');
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

/** `$meta`: given as an object or its text, and joined by the members no field has. */
class MetaSlot extends BaseSlot implements FieldSlot {
  readonly #to: VariableBuilder;
  readonly #keys = new Set<string>();
  readonly #fieldNames: ReadonlySet<string>;
  #own = '';
  #members = '';

  /** @param fieldNames names that a dynamic key must not have: it would hide the field, or be hidden by it */
  constructor(field: FieldSchema, fieldNames: ReadonlySet<string>) {
    const to = new VariableBuilder(field);
    super(field, to);
    this.#to = to;
    this.#fieldNames = fieldNames;
  }

  add(raw: string): void {
    const text = (raw.charCodeAt(0) === 0x22 ? (parseJsonString(raw) ?? '') : raw).trim();
    if (!isJsonObject(utf8.encode(text))) this.wrong(raw, 'an object, or a string of its JSON text');
    forEachMember(text, (key) => {
      if (key === this.field.name)
        refuse(this.field.name, `cannot set json key to: ${key}; leave it out of the object`);
      if (this.#fieldNames.has(key)) {
        refuse(
          this.field.name,
          `dynamic field name cannot include the static field name: ${key}; give the field its value outside of ${this.field.name}`,
        );
      }
      this.#take(key);
    });
    this.#own = text.slice(1, -1).trim();
  }

  override addMissing(): void {}
  addUnknown(key: string, raw: string): void {
    this.#take(key);
    this.#members += `${this.#members === '' ? '' : ','}${JSON.stringify(key)}:${raw}`;
    // The object can only grow: a row of a million keys ends here, not after all of them.
    if (this.#members.length > JSON_BYTES_MAX) refuseJsonLength(this.field, `more than ${JSON_BYTES_MAX}`);
  }

  #take(key: string): void {
    if (this.#keys.has(key)) refuse(key, 'is given twice in the row, expected once; leave one out');
    this.#keys.add(key);
  }

  endRow(): void {
    const bytes = utf8.encode(
      `{${this.#own}${this.#own !== '' && this.#members !== '' ? ',' : ''}${this.#members}}`,
    );
    checkJsonBytes(this.field, bytes);
    if (!isJsonObject(bytes)) this.wrong(this.#members, 'valid JSON in the dynamic keys');
    refuseDoubled(this.field.name, `{${this.#own}}`);
    refuseDoubled(this.field.name, `{${this.#members}}`);
    this.#to.addBytes(bytes);
    this.#keys.clear();
    this.#own = '';
    this.#members = '';
  }
}

function checkJsonBytes(field: FieldSchema, bytes: Uint8Array): void {
  if (bytes.length > JSON_BYTES_MAX) refuseJsonLength(field, String(bytes.length));
}

const refuseJsonLength = (field: FieldSchema, length: string): never =>
  refuse(field.name, `JSON has ${length} bytes, expected at most ${JSON_BYTES_MAX}; shorten it`);
/** @param text valid JSON */
function refuseDoubled(name: string, text: string): void {
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

function slotOf(field: FieldSchema, zone: string): FieldSlot {
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
