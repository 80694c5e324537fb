// A column filled value by value, when the number of rows is not known before. Storage doubles as it grows and is kept by `reset`, so
// that batch after batch goes through the same memory; the column `finish` gives is a view of it.

import { must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { fixedWidth } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { column } from './column.js';

const EMPTY = new Uint8Array(0);
const utf8 = new TextEncoder();

function grown<T extends Uint8Array | Uint32Array>(array: T, needed: number, make: (length: number) => T): T {
  if (needed <= array.length) return array;
  const larger = make(Math.max(needed, array.length * 2, 64));
  larger.set(array);
  return larger;
}

const bytesOf = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length);

/** One byte a row, kept only from the first null on. */
class NullFlags {
  #flags: Uint8Array = EMPTY;
  #hasNull = false;

  note(row: number, isValid: boolean): void {
    if (!this.#hasNull && isValid) return;
    this.#flags = grown(this.#flags, row + 1, bytesOf);
    if (!this.#hasNull) this.#flags.fill(1, 0, row);
    this.#hasNull = true;
    this.#flags[row] = isValid ? 1 : 0;
  }

  /** Rows that are all there. */
  noteRows(begin: number, count: number): void {
    if (!this.#hasNull) return;
    this.#flags = grown(this.#flags, begin + count, bytesOf);
    this.#flags.fill(1, begin, begin + count);
  }

  finish(rows: number): Uint8Array {
    return this.#hasNull ? this.#flags.subarray(0, rows) : EMPTY;
  }

  reset(): void {
    this.#hasNull = false;
  }
}

export class FixedBuilder {
  readonly #field: FieldSchema;
  readonly #width: number;
  readonly #nulls = new NullFlags();
  #data: Uint8Array<ArrayBuffer> = bytesOf(0);
  #view = new DataView(this.#data.buffer);
  #rows = 0;

  constructor(field: FieldSchema, dim: number) {
    this.#field = field;
    this.#width = must(fixedWidth(field.dataType, dim), `width of field ${field.name}`);
  }

  get bytes(): number {
    return this.#rows * this.#width;
  }

  /** Byte position of the row that `next` began. */
  get at(): number {
    return (this.#rows - 1) * this.#width;
  }

  /** Begins a row; its value is to be set in the view, at `at`. */
  next(): DataView {
    this.#begin(true);
    return this.#view;
  }

  addBytes(value: Uint8Array): void {
    this.#begin(true);
    this.#data.set(value, this.at);
  }

  /** Adds rows as they are: a whole number of them, none of them null. */
  addRows(values: Uint8Array): void {
    const begin = this.bytes;
    const rows = values.length / this.#width;
    if (rows === 0) return;
    this.#rows += rows - 1;
    this.#begin(true);
    this.#nulls.noteRows(begin / this.#width, rows);
    this.#data.set(values, begin);
  }

  addNull(): void {
    this.#begin(false);
    this.#data.fill(0, this.at, this.at + this.#width);
  }

  finish(): Column {
    const data = this.#data.subarray(0, this.bytes);
    return column(this.#field.fieldID, this.#field.dataType, data, EMPTY, this.#nulls.finish(this.#rows));
  }

  reset(): void {
    this.#rows = 0;
    this.#nulls.reset();
  }

  #begin(isValid: boolean): void {
    this.#nulls.note(this.#rows++, isValid);
    if (this.bytes <= this.#data.length) return;
    this.#data = grown(this.#data, this.bytes, bytesOf);
    this.#view = new DataView(this.#data.buffer);
  }
}

export class VariableBuilder {
  readonly #field: FieldSchema;
  readonly #nulls = new NullFlags();
  #data: Uint8Array<ArrayBuffer> = bytesOf(0);
  #ends = new Uint32Array(64);
  #rows = 0;

  constructor(field: FieldSchema) {
    this.#field = field;
  }

  get bytes(): number {
    return this.#ends[this.#rows] as number;
  }

  /** @returns bytes of the text in UTF-8 */
  addText(text: string): number {
    const begin = this.bytes;
    this.#data = grown(this.#data, begin + text.length * 3, bytesOf);
    const { written } = utf8.encodeInto(text, this.#data.subarray(begin));
    this.#end(begin + written, true);
    return written;
  }

  addBytes(value: Uint8Array): void {
    const begin = this.bytes;
    this.#data = grown(this.#data, begin + value.length, bytesOf);
    this.#data.set(value, begin);
    this.#end(begin + value.length, true);
  }

  addNull(): void {
    this.#end(this.bytes, false);
  }

  finish(): Column {
    const offsets = bytesView(this.#ends.subarray(0, this.#rows + 1));
    return column(
      this.#field.fieldID,
      this.#field.dataType,
      this.#data.subarray(0, this.bytes),
      offsets,
      this.#nulls.finish(this.#rows),
    );
  }

  reset(): void {
    this.#rows = 0;
    this.#nulls.reset();
  }

  #end(end: number, isValid: boolean): void {
    this.#nulls.note(this.#rows++, isValid);
    this.#ends = grown(this.#ends, this.#rows + 1, (length) => new Uint32Array(length));
    this.#ends[this.#rows] = end;
  }
}
