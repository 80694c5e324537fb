// Bytes of columns from what a client may give: text to UTF-8 with offsets, one default repeated, values spread over the rows that have one.
// Everything here works on whole columns; no value of a fixed-width type becomes a JavaScript object.

import { assert } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { fixedWidth } from '#model/schema/data-type.js';
import { defaultOf } from '#model/schema/default-value.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';

export interface VariableValues {
  readonly data: Uint8Array;
  readonly offsets: Uint8Array;
}

const utf8 = new TextEncoder();
const SHORT_TEXT = 48;

/** Grows by doubling; values are appended one after another and their ends noted. */
export class VariableWriter {
  #bytes: Uint8Array;
  readonly #ends: Uint32Array;
  #used = 0;
  #count = 0;

  constructor(rowCount: number, bytesHint: number) {
    this.#bytes = new Uint8Array(Math.max(16, bytesHint));
    this.#ends = new Uint32Array(rowCount + 1);
  }

  /** @returns bytes written */
  addText(text: string): number {
    const begin = this.#used;
    this.#reserve(text.length);
    if (text.length > SHORT_TEXT || !this.#addAscii(text)) {
      const first = utf8.encodeInto(text, this.#bytes.subarray(begin));
      this.#used = begin + first.written;
      if (first.read < text.length) {
        this.#reserve((text.length - first.read) * 3);
        this.#used += utf8.encodeInto(text.slice(first.read), this.#bytes.subarray(this.#used)).written;
      }
    }
    this.#ends[++this.#count] = this.#used;
    return this.#used - begin;
  }

  addBytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#used);
    this.#used += value.length;
    this.#ends[++this.#count] = this.#used;
  }

  finish(): VariableValues {
    assert(
      this.#count === this.#ends.length - 1,
      `${this.#count} values written, expected ${this.#ends.length - 1}`,
    );
    return { data: this.#bytes.subarray(0, this.#used), offsets: bytesView(this.#ends) };
  }

  #addAscii(text: string): boolean {
    let to = this.#used;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code >= 0x80) return false;
      this.#bytes[to++] = code;
    }
    this.#used = to;
    return true;
  }

  #reserve(more: number): void {
    const needed = this.#used + more;
    if (needed <= this.#bytes.length) return;
    assert(needed <= 0xffffffff, `${needed} bytes in one column, expected at most 4 GiB`);
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = grown;
  }
}

/** Bytes of the field's default as a column stores one row; undefined without a default. */
export function defaultBytes(field: FieldSchema): Uint8Array | undefined {
  const value = defaultOf(field);
  if (value === undefined) return undefined;
  const bytes = new Uint8Array(fixedWidth(field.dataType, 0) ?? 0);
  const view = new DataView(bytes.buffer);
  switch (field.dataType) {
    case DataType.Bool:
    case DataType.Int8:
      view.setInt8(0, Number(value.value));
      return bytes;
    case DataType.Int16:
      view.setInt16(0, Number(value.value), true);
      return bytes;
    case DataType.Int32:
      view.setInt32(0, Number(value.value), true);
      return bytes;
    case DataType.Int64:
      view.setBigInt64(0, BigInt(value.$case === 'longData' ? value.value : 0n), true);
      return bytes;
    case DataType.Timestamptz:
      view.setBigInt64(0, value.$case === 'timestamptzData' ? value.value : 0n, true);
      return bytes;
    case DataType.Float:
      view.setFloat32(0, Number(value.value), true);
      return bytes;
    case DataType.Double:
      view.setFloat64(0, Number(value.value), true);
      return bytes;
    default:
      return value.$case === 'stringData' ? utf8.encode(value.value) : undefined;
  }
}

/** `count` times the same variable-length value. */
export function repeatVariable(value: Uint8Array, count: number): VariableValues {
  const offsets = new Uint32Array(count + 1);
  for (let row = 1; row <= count; row++) offsets[row] = row * value.length;
  return { data: repeatFixed(value, count), offsets: bytesView(offsets) };
}

export function repeatFixed(value: Uint8Array, count: number): Uint8Array {
  const data = new Uint8Array(value.length * count);
  for (let row = 0; row < count; row++) data.set(value, row * value.length);
  return data;
}

/**
 * Puts fixed-width values to their rows. `valid` 0 rows get `filler` (zeros when undefined), whatever stood there.
 * @param values one per row, or one per valid row
 */
export function spreadFixed(
  values: Uint8Array,
  width: number,
  valid: Uint8Array,
  filler: Uint8Array | undefined,
): Uint8Array {
  const isDense = values.length === valid.length * width;
  const data = new Uint8Array(valid.length * width);
  let next = 0;
  for (let row = 0; row < valid.length; row++) {
    const from = isDense ? row : next;
    if (valid[row] === 0) {
      if (filler) data.set(filler, row * width);
      continue;
    }
    next++;
    for (let byte = 0; byte < width; byte++) data[row * width + byte] = values[from * width + byte] as number;
  }
  return data;
}
