// Columns filled column by column, from files that hold them so (Parquet, NumPy) or as text of one cell each (CSV). What is allowed as a
// value, and what an error says, is the same as in rows of JSON: the slots are the same.
import { ElanusError } from '#base/errors.js';
import { batchOf } from '#model/columns/column.js';
import { findNotFiniteIn, vectorWidth } from '#model/columns/dense-vector.js';
import { isJsonText } from '#model/json/json-text.js';
import { DataType, isDenseVector } from '#model/schema/data-type.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import type { MetaSlot } from './json-meta.js';
import { clip, type FieldSlot, refuse } from './json-slot.js';
import { type RowSlots, refuseAutoKey, refuseUnknown, rowSlots } from './row-slots.js';

const utf8 = new TextEncoder();

/** A value as a file has it; null: it has none. Lists and objects become JSON. */
export type Cell = string | number | bigint | boolean | Uint8Array | null | readonly Cell[] | CellObject;
export interface CellObject {
  readonly [key: string]: Cell;
}

/** Where the values of one column of a file go, row after row. */
export interface CellColumn {
  readonly name: string;
  /** Undefined: a struct array, or a name that no field has. */
  readonly field: FieldSchema | undefined;
  /** @throws import_failed */
  add(value: Cell): void;
  /** The value as the text of a cell, which is read as the field's type wants it. */
  addText(text: string): void;
  /** The value as the bytes of a cell's text. @returns false when nothing was added */
  addTextBytes(bytes: Uint8Array): boolean;
  /** Rows of one width, as their bytes lie in a column. @returns false when the field is of another kind */
  addRows(bytes: Uint8Array): boolean;
}

export class CellColumns {
  readonly #schema: CollectionSchema;
  readonly #slots: RowSlots;
  readonly #given = new Set<string>();
  readonly #dynamic: DynamicColumn[] = [];
  #rowCount = 0;

  /** @param zone of times that are written without an offset */
  constructor(schema: CollectionSchema, zone = 'UTC') {
    this.#schema = schema;
    this.#slots = rowSlots(schema, zone);
  }

  /**
   * The columns of a file, in the order of its names.
   * @throws import_failed for a name that comes twice, that no field has, or when one that has to be there is missing
   */
  open(names: readonly string[]): CellColumn[] {
    const { named, meta, slots } = this.#slots;
    const byName = new Map(named.map((slot) => [slot.name, slot]));
    const byField = new Map(slots.map((slot) => [slot.field.name, slot]));
    const columns = names.map((name): CellColumn => {
      if (this.#given.has(name))
        refuse(name, 'is there twice, expected one column of this name; leave one out');
      this.#given.add(name);
      if (name === this.#slots.autoKeyName) refuseAutoKey(name);
      if (meta !== undefined && (name === meta.field.name || !byName.has(name)) && name !== '')
        return this.#dynamicColumn(name, meta);
      const field = byField.get(name);
      if (field !== undefined) return new FieldColumn(field);
      const struct = byName.get(name) ?? refuseUnknown(name, this.#schema);
      return new JsonColumn(name, (raw) => (raw === 'null' ? struct.addMissing() : struct.add(raw)));
    });
    for (const slot of slots) if (!this.#isGiven(slot)) checkMayMiss(slot.field);
    return columns;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get bytes(): number {
    return this.#slots.slots.reduce((sum, slot) => sum + slot.bytes, 0);
  }

  /** Ends so many rows, whose values all columns have got. @param at says which of them an error is of */
  endRows(count: number, at: (row: number, run: () => void) => void = (_row, run) => run()): void {
    const { meta, slots } = this.#slots;
    for (const slot of slots) {
      if (slot === meta || this.#isGiven(slot)) continue;
      for (let row = 0; row < count; row++) slot.addMissing();
    }
    if (meta !== undefined) this.#endDynamic(meta, count, at);
    this.#rowCount += count;
  }

  #endDynamic(meta: MetaSlot, count: number, at: (row: number, run: () => void) => void): void {
    for (let row = 0; row < count; row++)
      at(row, () => {
        for (const column of this.#dynamic) column.give(row);
        meta.endRow();
      });
    for (const column of this.#dynamic) column.clear();
  }

  /** Columns in schema order (without an autoID key), as views until `reset`. */
  finish(): ColumnBatch {
    return batchOf(
      this.#rowCount,
      this.#slots.slots.map((slot) => slot.finish()),
    );
  }

  reset(): void {
    this.#rowCount = 0;
    for (const slot of this.#slots.slots) slot.reset();
  }

  #isGiven(slot: FieldSlot): boolean {
    const { name } = slot.field;
    return this.#given.has(name) || this.#given.has(name.slice(0, Math.max(0, name.indexOf('['))));
  }

  #dynamicColumn(name: string, meta: MetaSlot): CellColumn {
    const column = new DynamicColumn(name, meta);
    this.#dynamic.push(column);
    return column;
  }
}

function checkMayMiss(field: FieldSchema): void {
  if (field.isDynamic || field.nullable || field.defaultValue !== undefined) return;
  refuse(field.name, 'has no column in the file, expected one: add it, or make the field nullable');
}

/** Types whose values are text as they are, without the quotes of JSON. */
const textTypes: ReadonlySet<number> = new Set([
  DataType.VarChar,
  DataType.Text,
  DataType.JSON,
  DataType.Geometry,
  DataType.Timestamptz,
]);

class FieldColumn implements CellColumn {
  readonly name: string;
  readonly field: FieldSchema;
  readonly #slot: FieldSlot;
  readonly #width: number;

  constructor(slot: FieldSlot) {
    this.#slot = slot;
    this.field = slot.field;
    this.name = slot.field.name;
    this.#width = isDenseVector(slot.field.dataType) ? vectorWidth(slot.field) : 0;
  }

  add(value: Cell): void {
    if (value === null) this.#slot.addMissing();
    else if (typeof value === 'string') this.addText(value);
    else if (value instanceof Uint8Array) this.#addBytes(value);
    else if (typeof value === 'object' || !this.#slot.addValue(value)) this.#slot.add(jsonOf(value));
  }

  addText(text: string): void {
    const { dataType } = this.field;
    if (this.#slot.addValue(text)) return;
    if (textTypes.has(dataType)) this.#slot.add(JSON.stringify(text));
    else if (dataType === DataType.Bool) this.#slot.add(text.trim().toLowerCase());
    else if (isJsonText(utf8.encode(text))) this.#slot.add(text.trim());
    else
      refuse(
        this.name,
        `value ${clip(text)} does not fit type ${dataTypeName(dataType)}, expected it as JSON text; correct the file`,
      );
  }

  addTextBytes(bytes: Uint8Array): boolean {
    if (this.field.dataType !== DataType.FloatVector) return false;
    const end = this.#slot.addFrom(bytes, 0);
    if (end < 0) return false;
    if (end < bytes.length) refuse(this.name, 'has text after its vector, expected a list of numbers alone');
    return true;
  }

  addRows(bytes: Uint8Array): boolean {
    const at = findNotFiniteIn(this.field.dataType, bytes);
    if (at >= 0) throw notFinite(this.field, at);
    return this.#slot.addRows(bytes);
  }

  #addBytes(bytes: Uint8Array): void {
    if (this.#width > 0 && bytes.length === this.#width) this.addRows(bytes);
    else
      refuse(
        this.name,
        `has a value of ${bytes.length} bytes, expected ${this.#width > 0 ? `the ${this.#width} bytes of a vector` : 'no bytes'}`,
      );
  }
}

/** Whose element is not finite, for whoever knows which row the first one is. */
export class NotFiniteError extends ElanusError {
  readonly row: number;

  constructor(name: string, row: number, element: number) {
    super(
      'import_failed',
      `field ${JSON.stringify(name)}: element ${element} of the vector is NaN or infinite, expected finite numbers; correct the file`,
    );
    this.row = row;
  }
}

function notFinite(field: FieldSchema, at: number): NotFiniteError {
  const dim = Math.max(1, dimOf(field));
  return new NotFiniteError(field.name, Math.floor(at / dim), at % dim);
}

/** A column that is read as JSON alone: a struct array. */
class JsonColumn implements CellColumn {
  readonly name: string;
  readonly field = undefined;
  readonly #addRaw: (raw: string) => void;

  constructor(name: string, addRaw: (raw: string) => void) {
    this.name = name;
    this.#addRaw = addRaw;
  }

  add(value: Cell): void {
    if (typeof value === 'string') this.addText(value);
    else this.#addRaw(jsonOf(value));
  }

  addText(text: string): void {
    if (!isJsonText(utf8.encode(text))) refuse(this.name, `value ${clip(text)} is no JSON; correct the file`);
    this.#addRaw(text.trim());
  }

  addTextBytes(): boolean {
    return false;
  }

  addRows(): boolean {
    return false;
  }
}

/** `$meta`, or a name that no field has. Values wait until their row ends, because all of a row make one object. */
class DynamicColumn implements CellColumn {
  readonly name: string;
  readonly field = undefined;
  readonly #meta: MetaSlot;
  #values: string[] = [];

  constructor(name: string, meta: MetaSlot) {
    this.name = name;
    this.#meta = meta;
  }

  /** What other tools leave empty has no key. */
  add(value: Cell): void {
    if (typeof value === 'string') this.addText(value);
    else this.#values.push(Number.isNaN(value) ? 'null' : jsonOf(value));
  }

  /** JSON as it is, anything else as a string. */
  addText(text: string): void {
    this.#values.push(isJsonText(utf8.encode(text)) ? text.trim() : JSON.stringify(text));
  }

  addTextBytes(): boolean {
    return false;
  }

  addRows(): boolean {
    return false;
  }

  give(row: number): void {
    const raw = this.#values[row] ?? 'null';
    if (raw === 'null') return;
    if (this.name === this.#meta.field.name) this.#meta.add(raw);
    else this.#meta.addUnknown(this.name, raw);
  }

  clear(): void {
    this.#values = [];
  }
}

function jsonOf(value: Cell): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `"${value}"`;
  if (typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof Uint8Array) return `[${value.join(',')}]`;
  if (isList(value)) return `[${value.map(jsonOf).join(',')}]`;
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${jsonOf(member)}`);
  return `{${members.join(',')}}`;
}

const isList = (value: object): value is readonly Cell[] =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
