// One scalar field of a segment in memory: rows are copied once, on append, into typed storage that doubles as it grows, so that a
// reader gets the whole column as a view. Comparisons of rows work on the stored bytes and make no bigint or string.

import { assert } from '#base/assert.js';
import { briefUint32s } from '#base/brief-arrays.js';
import { alignUp, bytesView, copyBytes, sharedBytes } from '#base/bytes.js';
import { column, gatherColumn, type Key, uint32At } from '#model/columns/column.js';
import { DataType, fixedWidth } from '#model/schema/data-type.js';
import { Column } from '#proto/elanus/data.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import type { FieldStore } from './field-store.js';
import { type ScalarView, scalarView } from './scalar-view.js';

const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
/** Longer arrays lie in memory that threads share: filters over them may be long. Short ones are as well copied. */
const SHARED_MIN_BYTES = 16 * 1024;
const bytesOf = (length: number): Uint8Array =>
  length < SHARED_MIN_BYTES ? new Uint8Array(length) : sharedBytes(length);
const wordsOf = (count: number): Uint32Array => new Uint32Array(bytesOf(count * 4).buffer);

export class ColumnStore implements FieldStore {
  readonly kind = 'scalar';
  readonly nullBits = undefined;
  readonly indexBytes = 0;
  readonly fieldId: bigint;
  readonly dataType: number;
  readonly width: number | undefined;
  rowCount = 0;
  #data: Uint8Array;
  /** The same bytes as 32-bit words, for keys of 8 bytes; made when a key is asked for. */
  #wordsOfData: Int32Array | undefined;
  #dataBytes = 0;
  #offsets: Uint32Array | undefined;
  #valid: Uint8Array | undefined;
  /** Stored bytes of the value that rows have whose batch lacks the field; undefined: null. */
  #default: Uint8Array | undefined;

  constructor(fieldId: bigint, dataType: number, dim: number, rowsHint = 0) {
    this.fieldId = fieldId;
    this.dataType = dataType;
    this.width = fixedWidth(dataType, dim);
    this.#data = bytesOf(alignUp(rowsHint * (this.width ?? 0), 8));
    if (this.width === undefined) this.#offsets = wordsOf(rowsHint + 1);
  }

  get #words(): Int32Array {
    this.#wordsOfData ??= new Int32Array(this.#data.buffer);
    return this.#wordsOfData;
  }

  get bytes(): number {
    return this.#data.length + (this.#offsets?.byteLength ?? 0) + (this.#valid?.length ?? 0);
  }

  get missingBytes(): number {
    return this.width ?? this.#default?.length ?? 0;
  }

  /** From now on rows whose batch lacks the field have this value; undefined: null. */
  setDefault(value: Uint8Array | undefined): void {
    this.#default = value;
  }

  /** A column that fits the schema fits the store. */
  check(): void {}

  appendMissing(rows: number): void {
    this.appendSame(this.#default, rows);
  }

  append(from: Column, rows: number): void {
    const first = this.rowCount;
    this.reserve(rows, from.data.length);
    copyBytes(from.data, 0, from.data.length, this.#data, this.#dataBytes);
    if (this.#offsets && rows > 0) {
      for (let i = 1; i <= rows; i++) this.#offsets[first + i] = this.#dataBytes + uint32At(from.offsets, i);
    }
    if (from.valid.length > 0 && !this.#valid)
      this.#valid = bytesOf(Math.max(this.#capacity, first + rows)).fill(1);
    if (this.#valid) {
      if (from.valid.length > 0) this.#valid.set(from.valid.subarray(0, rows), first);
      else this.#valid.fill(1, first, first + rows);
    }
    this.#dataBytes += from.data.length;
    this.rowCount += rows;
  }

  /** The same value in each row; undefined: null. */
  appendSame(value: Uint8Array | undefined, rows: number): void {
    const first = this.rowCount;
    const length = value?.length ?? this.width ?? 0;
    this.reserve(rows, length * rows);
    // What lies beyond the rows is zero already, as a null wants it.
    for (let row = 0; value !== undefined && row < rows; row++)
      this.#data.set(value, this.#dataBytes + row * length);
    if (this.#offsets)
      for (let row = 1; row <= rows; row++) this.#offsets[first + row] = this.#dataBytes + row * length;
    if (!value && rows > 0) this.#valid ??= bytesOf(Math.max(this.#capacity, first + rows)).fill(1);
    this.#valid?.fill(value ? 1 : 0, first, first + rows);
    this.#dataBytes += length * rows;
    this.rowCount += rows;
  }

  get #capacity(): number {
    return this.#offsets
      ? this.#offsets.length - 1
      : Math.floor(this.#data.length / Math.max(1, this.width ?? 1));
  }

  reserve(rows: number, bytes: number): void {
    const needed = this.#dataBytes + bytes;
    assert(
      needed <= 0xffffffff,
      `${needed} bytes of field ${this.fieldId} in one segment, expected at most 4 GiB`,
    );
    if (needed > this.#data.length) {
      const grown = bytesOf(alignUp(Math.max(needed, this.#data.length * 2, 64), 8));
      grown.set(this.#data.subarray(0, this.#dataBytes));
      this.#data = grown;
      this.#wordsOfData = undefined;
    }
    const total = this.rowCount + rows;
    if (this.#offsets && total + 1 > this.#offsets.length) {
      const grown = wordsOf(Math.max(total + 1, this.#offsets.length * 2, 8));
      grown.set(this.#offsets);
      this.#offsets = grown;
    }
    if (this.#valid && total > this.#valid.length) {
      const grown = bytesOf(Math.max(total, this.#valid.length * 2));
      grown.set(this.#valid);
      this.#valid = grown;
    }
  }

  /** All rows as a column of views; rows appended later are not in it. */
  view(): Column {
    const rows = this.rowCount;
    return Column.create({
      fieldId: this.fieldId,
      dataType: this.dataType,
      data: this.#data.subarray(0, this.#dataBytes),
      offsets: this.#offsets ? new Uint8Array(this.#offsets.buffer, 0, (rows + 1) * 4) : EMPTY,
      valid: this.#valid?.subarray(0, rows) ?? EMPTY,
    });
  }

  /** Rows [begin, end) for readers that go column by column. */
  scalars(begin = 0, end = this.rowCount): ScalarView {
    assert(begin >= 0 && begin <= end && end <= this.rowCount, `rows ${begin} to ${end} of ${this.rowCount}`);
    return scalarView(
      this.dataType,
      { data: this.#data, dataBytes: this.#dataBytes, offsets: this.#offsets, valid: this.#valid },
      begin,
      end,
    );
  }

  gather(rows: Uint32Array): Column {
    return gatherColumn(this.view(), rows, this.rowCount);
  }

  /** As `gather`, in memory of one call (`brief-arrays.ts`). Undefined: values that are not of 8 bytes each. */
  gatherBriefly(rows: Uint32Array): Column | undefined {
    if (this.width !== 8 || this.#valid !== undefined) return undefined;
    const from = this.#words;
    const words = briefUint32s(rows.length * 2);
    for (let i = 0; i < rows.length; i++) {
      const at = (rows[i] as number) * 2;
      words[i * 2] = from[at] as number;
      words[i * 2 + 1] = from[at + 1] as number;
    }
    return column(this.fieldId, this.dataType, bytesView(words), EMPTY, EMPTY);
  }

  dropIndexes(): void {}

  /** The arrays go with the last reader that holds a view of them. */
  release(): void {}

  /** A view of a variable-length value. */
  bytesAt(row: number): Uint8Array {
    const offsets = this.#offsets as Uint32Array;
    return this.#data.subarray(offsets[row] as number, offsets[row + 1] as number);
  }

  /** Bytes of a row's key, 8 or as many as the string has. */
  keyBytesAt(row: number): Uint8Array {
    return this.#offsets ? this.bytesAt(row) : this.#data.subarray(row * 8, row * 8 + 8);
  }

  hashAt(row: number): number {
    if (!this.#offsets) return hashWords(this.#words[row * 2] as number, this.#words[row * 2 + 1] as number);
    return hashBytes(this.#data, this.#offsets[row] as number, this.#offsets[row + 1] as number);
  }

  isKeyAt(row: number, key: Uint8Array): boolean {
    const begin = this.#offsets ? (this.#offsets[row] as number) : row * 8;
    const length = this.#offsets ? (this.#offsets[row + 1] as number) - begin : 8;
    if (length !== key.length) return false;
    for (let i = 0; i < length; i++) if (this.#data[begin + i] !== key[i]) return false;
    return true;
  }

  /** Order of two rows' keys: signed 64-bit numbers, or bytes. */
  compareRows(a: number, b: number): number {
    if (!this.#offsets) {
      const words = this.#words;
      const high = (words[a * 2 + 1] as number) - (words[b * 2 + 1] as number);
      return high !== 0 ? high : ((words[a * 2] as number) >>> 0) - ((words[b * 2] as number) >>> 0);
    }
    return compareBytes(this.bytesAt(a), this.bytesAt(b));
  }

  /** Order of a row's key and `key`, given as `keyBytes` makes them. */
  compareRowToKey(row: number, key: Uint8Array): number {
    if (this.#offsets) return compareBytes(this.bytesAt(row), key);
    const high = (this.#words[row * 2 + 1] as number) - (uint32At(key, 1) | 0);
    return high !== 0 ? high : ((this.#words[row * 2] as number) >>> 0) - uint32At(key, 0);
  }

  /** The row with that key of 8 bytes among the first `count`, whose keys rise; -1: none of them. */
  risingRowOf(key: Uint8Array, count: number): number {
    return count === 0 ? -1 : risingRow(this.#words, count - 1, uint32At(key, 0), uint32At(key, 1) | 0);
  }
}

/** Where keys are spaced evenly, two guesses find one. */
const GUESSES_MAX = 4;
const isBelow = (words: Int32Array, row: number, low: number, high: number): boolean => {
  const found = words[row * 2 + 1] as number;
  return found !== high ? found < high : (words[row * 2] as number) >>> 0 < low;
};

const valueAt = (words: Int32Array, row: number): number =>
  (words[row * 2 + 1] as number) * 2 ** 32 + ((words[row * 2] as number) >>> 0);

/** By a few guesses where the key would lie between the outermost, and then by halves. */
function risingRow(words: Int32Array, last: number, low: number, high: number): number {
  let [begin, end] = [0, last];
  // Most keys that are looked for in vain lie behind all of them.
  if (isBelow(words, end, low, high)) return -1;
  const wanted = high * 2 ** 32 + low;
  for (let guesses = 0; begin < end; guesses++) {
    let at = (begin + end) >>> 1;
    if (guesses < GUESSES_MAX) {
      const first = valueAt(words, begin);
      const guess = begin + Math.floor(((wanted - first) / (valueAt(words, end) - first)) * (end - begin));
      // Large keys may be one as floating-point numbers: no number is at or above `begin` then.
      at = guess >= begin ? Math.min(guess, end - 1) : begin;
    }
    if (isBelow(words, at, low, high)) begin = at + 1;
    else end = at;
  }
  return words[begin * 2] === (low | 0) && words[begin * 2 + 1] === high ? begin : -1;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** A key as a column stores it. */
export function keyBytes(key: Key): Uint8Array {
  if (typeof key === 'string') return encoder.encode(key);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt.asIntN(64, key), true);
  return bytes;
}

export const hashOfKeyBytes = (key: Uint8Array, isString: boolean): number =>
  isString ? hashBytes(key, 0, key.length) : hashWords(uint32At(key, 0) | 0, uint32At(key, 1) | 0);
function hashWords(low: number, high: number): number {
  let h = Math.imul(low, 0x9e3779b1) ^ Math.imul(high ^ (low >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35);
  return (h ^ (h >>> 15)) >>> 0;
}

function hashBytes(bytes: Uint8Array, begin: number, end: number): number {
  let h = 0x811c9dc5 ^ (end - begin);
  for (let i = begin; i < end; i++) h = Math.imul(h ^ (bytes[i] as number), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return (h ^ (h >>> 13)) >>> 0;
}

/** The stored bytes of a field's default value; undefined: it has none. */
export function defaultBytes(field: FieldSchema): Uint8Array | undefined {
  const value = field.defaultValue?.data;
  if (!value) return undefined;
  if (value.$case === 'stringData') return encoder.encode(value.value);
  if (value.$case === 'bytesData') return value.value;
  const width = fixedWidth(field.dataType, 0);
  if (width === undefined) return undefined;
  const bytes = new Uint8Array(width);
  const view = new DataView(bytes.buffer);
  if (field.dataType === DataType.Float) view.setFloat32(0, Number(value.value), true);
  else if (field.dataType === DataType.Double) view.setFloat64(0, Number(value.value), true);
  else {
    // Two's complement: the low bytes are the value in every narrower integer type, and 0 or 1 for Bool.
    const wide = new Uint8Array(8);
    new DataView(wide.buffer).setBigInt64(0, BigInt(value.value), true);
    bytes.set(wide.subarray(0, width));
  }
  return bytes;
}
