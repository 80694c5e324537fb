// Rows of JSON to the columns of a batch, one builder a field: values go from the bytes of the text straight into the column's bytes, no row
// is kept as an object. Builders are used again for the next batch, so importing a file takes the memory of one batch.
import { ElanusError } from '#base/errors.js';
import { batchOf } from '#model/columns/column.js';
import { VariableBuilder } from '#model/columns/column-builder.js';
import { JSON_BYTES_MAX } from '#model/columns/field-column.js';
import { type JsonBytes, spaceEnd, stringText, valueEnd, walkMembers } from '#model/json/json-bytes.js';
import { forEachMember, parseJsonString } from '#model/json/json-members.js';
import { isJsonObject } from '#model/json/json-text.js';
import { dynamicField } from '#model/schema/schema-view.js';
import { ownFields, ownNames, structArrays } from '#model/schema/struct-arrays.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { BaseSlot, type FieldSlot, refuse } from './json-slot.js';
import { checkJsonBytes, refuseDoubled, refuseJsonLength, slotOf } from './json-slots.js';
import { type NamedSlot, namedSlot, StructSlot } from './json-struct.js';

const utf8 = new TextEncoder();

interface KnownKey {
  readonly slot: NamedSlot;
  /** As it is written in most rows, quotes included. */
  readonly key: Uint8Array;
}

/** Places of a key in the bytes, quotes included. */
type KeyRange = readonly [begin: number, end: number];

function isSame(bytes: Uint8Array, [begin, end]: KeyRange, key: Uint8Array): boolean {
  if (end - begin !== key.length) return false;
  for (let at = 0; at < key.length; at++) if (bytes[begin + at] !== key[at]) return false;
  return true;
}

/** Says what is wrong with a row. @param text begins with it */
function malformed(text: string): never {
  forEachMember(text, () => {});
  throw new ElanusError('import_failed', 'the row is not valid JSON, expected an object: write valid JSON');
}

export class JsonColumns {
  readonly #schema: CollectionSchema;
  readonly #slots: readonly FieldSlot[];
  readonly #byName: ReadonlyMap<string, KnownKey>;
  /** What the members of the last row led to, one after the other: the next row most likely has the same. */
  readonly #order: (KnownKey | undefined)[] = [];
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
    this.#byName = new Map(
      this.#named().map((slot) => [slot.name, { slot, key: utf8.encode(JSON.stringify(slot.name)) }]),
    );
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

  /**
   * Adds the row that begins at `begin`. After an error the batch is of no use.
   * @returns the place after the row
   * @throws import_failed
   */
  add(source: JsonBytes, begin = 0): number {
    let place = 0;
    const end = walkMembers(source.bytes, begin, (keyBegin, keyEnd, valueBegin) =>
      this.#addMember(source, [keyBegin, keyEnd], valueBegin, place++),
    );
    if (end < 0) return malformed(source.text(begin));
    for (const slot of this.#slots) if (slot.row !== this.#rowCount) slot.addMissing();
    this.#meta?.endRow();
    this.#rowCount++;
    return end;
  }

  /** Adds a row that is all of the text. @throws import_failed */
  addWhole(source: JsonBytes): void {
    if (spaceEnd(source.bytes, this.add(source)) < source.bytes.length) malformed(source.text());
  }

  /** @param place number of members of the row before this one @returns the place after the value, -1 when it has no end */
  #addMember(source: JsonBytes, key: KeyRange, begin: number, place: number): number {
    const { bytes } = source;
    let known = this.#order[place];
    if (known === undefined || !isSame(bytes, key, known.key)) {
      const name = stringText(source, ...key);
      if (name === undefined) return -1;
      known = this.#byName.get(name);
      if (known === undefined) {
        const end = valueEnd(bytes, begin);
        if (end >= 0) this.#addUnknown(name, source.text(begin, end));
        return end;
      }
      this.#order[place] = known;
    }
    return this.#addValue(source, known.slot, begin);
  }

  #addValue(source: JsonBytes, slot: NamedSlot, begin: number): number {
    const row = this.#rowCount;
    if (slot.row === row) refuse(slot.name, 'is given twice in the row, expected once; leave one out');
    slot.row = row;
    const quickEnd = slot.addFrom(source.bytes, begin);
    if (quickEnd >= 0) return quickEnd;
    const end = valueEnd(source.bytes, begin);
    if (end < 0) return end;
    const raw = source.text(begin, end);
    if (raw === 'null') slot.addMissing();
    else slot.add(raw);
    return end;
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
