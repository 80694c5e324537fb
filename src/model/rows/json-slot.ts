// What takes the values of one field from rows of JSON text: the raw text of a value in, bytes of its column out.
import { ElanusError } from '#base/errors.js';
import type { FixedBuilder, VariableBuilder } from '#model/columns/column-builder.js';
import { defaultBytes } from '#model/columns/column-values.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import type { Column } from '#proto/elanus/data.js';
import type { FieldSchema } from '#proto/milvus/schema.js';

export const clip = (raw: string): string => (raw.length > 40 ? `${raw.slice(0, 40)}…` : raw);

/** @throws import_failed: `field "x": fact, expectation; remedy` */
export const refuse = (name: string, text: string): never => {
  throw new ElanusError('import_failed', `field ${JSON.stringify(name)}: ${text}`);
};

export type PlainValue = number | bigint | boolean | string;

/** Where the values of one field go. */
export interface FieldSlot {
  readonly field: FieldSchema;
  /** The row that gave this field its last value. */
  row: number;
  add(raw: string): void;
  /**
   * Adds the value that begins at `at` where it can be read from its bytes.
   * @returns the place after it; -1 when nothing was added, and the text of the value is to be given to `add`
   */
  addFrom(bytes: Uint8Array, at: number): number;
  /** Adds a value that is a number or a text already. @returns false when nothing was added: it is to be given to `add` as JSON */
  addValue(value: PlainValue): boolean;
  /** Adds rows as their bytes lie in the column. @returns false when nothing was added: rows of the field are not of one width */
  addRows(bytes: Uint8Array): boolean;
  addMissing(): void;
  finish(): Column;
  reset(): void;
  readonly bytes: number;
}

export abstract class BaseSlot {
  readonly field: FieldSchema;
  readonly #builder: FixedBuilder | VariableBuilder;
  readonly #default: Uint8Array | undefined;
  row = -1;

  constructor(field: FieldSchema, builder: FixedBuilder | VariableBuilder) {
    this.field = field;
    this.#builder = builder;
    this.#default = defaultBytes(field);
  }

  addFrom(_bytes: Uint8Array, _at: number): number {
    return -1;
  }

  addValue(_value: PlainValue): boolean {
    return false;
  }

  addRows(_bytes: Uint8Array): boolean {
    return false;
  }

  addMissing(): void {
    if (this.#default) this.#builder.addBytes(this.#default);
    else if (this.field.nullable) this.#builder.addNull();
    else
      refuse(
        this.field.name,
        'is missing or null, expected a value in each row; give it one, or make the field nullable',
      );
  }

  finish(): Column {
    return this.#builder.finish();
  }

  reset(): void {
    this.row = -1;
    this.#builder.reset();
  }

  get bytes(): number {
    return this.#builder.bytes;
  }

  protected wrong(raw: string, expected: string): never {
    return refuse(
      this.field.name,
      `value ${clip(raw)} does not fit type ${dataTypeName(this.field.dataType)}, expected ${expected}; correct the file`,
    );
  }
}
