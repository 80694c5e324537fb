// The dynamic field in rows: what `$meta` is given, joined by the members that no field has.
import { VariableBuilder } from '#model/columns/column-builder.js';
import { JSON_BYTES_MAX } from '#model/columns/field-column.js';
import { forEachMember, parseJsonString } from '#model/json/json-members.js';
import { isJsonObject } from '#model/json/json-text.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { BaseSlot, type FieldSlot, refuse } from './json-slot.js';
import { checkJsonBytes, refuseDoubled, refuseJsonLength } from './json-slots.js';

const utf8 = new TextEncoder();

/** `$meta`: given as an object or its text, and joined by the members no field has. */
export class MetaSlot extends BaseSlot implements FieldSlot {
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
