// Rows of JSON to the columns of a batch, one builder a field: values go from the bytes of the text straight into the column's bytes, no row
// is kept as an object. Builders are used again for the next batch, so importing a file takes the memory of one batch.
import { ElanusError } from '#base/errors.js';
import { batchOf } from '#model/columns/column.js';
import { type JsonBytes, spaceEnd, stringText, valueEnd, walkMembers } from '#model/json/json-bytes.js';
import { forEachMember } from '#model/json/json-members.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { MetaSlot } from './json-meta.js';
import { type FieldSlot, refuse } from './json-slot.js';
import type { NamedSlot } from './json-struct.js';
import { refuseAutoKey, refuseUnknown, rowSlots } from './row-slots.js';

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
    const { slots, named, meta, autoKeyName } = rowSlots(schema, zone);
    this.#slots = slots;
    this.#meta = meta;
    this.#autoKeyName = autoKeyName;
    this.#byName = new Map(
      named.map((slot) => [slot.name, { slot, key: utf8.encode(JSON.stringify(slot.name)) }]),
    );
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
    if (key === this.#autoKeyName) refuseAutoKey(key);
    if (this.#meta && key !== '') this.#meta.addUnknown(key, raw);
    else refuseUnknown(key, this.#schema);
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
