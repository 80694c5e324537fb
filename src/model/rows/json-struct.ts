// Struct arrays in rows of JSON text: a list of objects becomes one list for each sub-field, which its column takes as it takes the list of
// an Array field. Every object has every sub-field.
import { checkCapacity } from '#model/columns/array-column.js';
import { VariableBuilder } from '#model/columns/column-builder.js';
import { listedVectorWidth } from '#model/columns/vector-list-column.js';
import { forEachElement, forEachMember, parseJsonString } from '#model/json/json-members.js';
import { dimOf } from '#model/schema/field.js';
import { subFieldName } from '#model/schema/struct-arrays.js';
import type { FieldSchema, StructArrayFieldSchema } from '#proto/milvus/schema.js';
import { BaseSlot, clip, type FieldSlot, refuse } from './json-slot.js';
import { jsonVectorLength, writeBase64Vector, writeJsonVector } from './json-vector.js';

/** What a key of a row leads to. */
export interface NamedSlot {
  readonly name: string;
  /** The row that gave this its last value. */
  row: number;
  add(raw: string): void;
  addFrom(bytes: Uint8Array, at: number): number;
  addMissing(): void;
}

export const namedSlot = (slot: FieldSlot): NamedSlot => ({
  name: slot.field.name,
  get row() {
    return slot.row;
  },
  set row(row) {
    slot.row = row;
  },
  add: (raw) => slot.add(raw),
  addFrom: (bytes, at) => slot.addFrom(bytes, at),
  addMissing: () => slot.addMissing(),
});

interface SubSlot {
  readonly slot: FieldSlot;
  /** Raw values of the current row, one an element. */
  values: string[];
}

export class StructSlot implements NamedSlot {
  readonly name: string;
  readonly #subs: ReadonlyMap<string, SubSlot>;
  #row = -1;

  constructor(struct: StructArrayFieldSchema, slots: readonly FieldSlot[]) {
    this.name = struct.name;
    this.#subs = new Map(
      slots.map((slot): [string, SubSlot] => [subFieldName(struct, slot.field), { slot, values: [] }]),
    );
  }

  get row(): number {
    return this.#row;
  }

  set row(row: number) {
    this.#row = row;
    for (const { slot } of this.#subs.values()) slot.row = row;
  }

  add(raw: string): void {
    for (const sub of this.#subs.values()) sub.values = [];
    let count = 0;
    const isList = forEachElement(raw, (element) => this.#addElement(element, count++));
    if (!isList) refuse(this.name, `value ${clip(raw)} is no list of objects; correct the file`);
    for (const { slot, values } of this.#subs.values()) slot.add(`[${values.join(',')}]`);
  }

  #addElement(element: string, index: number): void {
    forEachMember(element, (key, raw) => {
      const sub = this.#subs.get(key);
      if (sub === undefined)
        return refuse(
          this.name,
          `element ${index} has the key ${clip(key)}, which no sub-field has; leave it out`,
        );
      if (sub.values.length > index)
        refuse(this.name, `element ${index} has the key ${key} twice, expected once; leave one out`);
      if (raw === 'null') refuse(this.name, `${key} of element ${index} is null, expected a value`);
      sub.values.push(raw);
    });
    for (const [name, { values }] of this.#subs)
      if (values.length <= index) refuse(this.name, `element ${index} has no ${name}; give every sub-field`);
  }

  addFrom(): number {
    return -1;
  }

  addMissing(): void {
    for (const { slot } of this.#subs.values()) slot.addMissing();
  }
}

/** A list of vectors, each a list of numbers. */
export class VectorListSlot extends BaseSlot implements FieldSlot {
  readonly #to: VariableBuilder;
  readonly #width: number;
  readonly #length: number;

  constructor(field: FieldSchema) {
    const to = new VariableBuilder(field);
    super(field, to);
    this.#to = to;
    this.#width = listedVectorWidth(field);
    this.#length = jsonVectorLength(field.elementType, dimOf(field));
  }

  add(raw: string): void {
    const vectors: string[] = [];
    const isList = forEachElement(raw, (vector) => vectors.push(vector));
    if (!isList) this.wrong(raw, 'a list of vectors');
    checkCapacity(this.field, vectors.length, this.row);
    const bytes = new Uint8Array(vectors.length * this.#width);
    const view = new DataView(bytes.buffer);
    for (const [index, text] of vectors.entries()) this.#write(text, view, index);
    this.#to.addBytes(bytes);
  }

  #write(text: string, view: DataView, index: number): void {
    const encoded = parseJsonString(text);
    if (encoded !== undefined) {
      const to = { dataType: this.field.elementType, begin: index * this.#width, length: this.#length };
      const problem = writeBase64Vector(encoded, view, to);
      if (problem !== undefined) this.wrong(text, `${problem}, element ${index}`);
      return;
    }
    const values =
      parseNumbers(text) ?? this.wrong(text, `a list of ${this.#length} numbers, element ${index}`);
    if (values.length !== this.#length)
      refuse(
        this.field.name,
        `vector ${index} has ${values.length} values, expected ${this.#length}; correct the file`,
      );
    const wrong = writeJsonVector(this.field.elementType, values, view, index * this.#width);
    if (wrong) this.wrong(String(JSON.stringify(values[wrong.index])), `${wrong.expected}, element ${index}`);
  }
}

function parseNumbers(text: string): readonly unknown[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const values: unknown = JSON.parse(text);
    return Array.isArray(values) ? values : undefined;
  } catch {
    return undefined;
  }
}
