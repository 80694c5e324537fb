// The values of a page from the bytes of a column: null rows have none, and the entries of lists follow each other with nothing between.
import { assert } from '#base/assert.js';
import { copyBytes, wordsOf } from '#base/bytes.js';
import { uint32At } from '#model/columns/column.js';
import { fixedWidth, isStringType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { type ColumnShape, entryBytes, type Leaf, leafBytes, physicalType } from './parquet-type.js';

/** Rows [begin, end) of a column. */
export interface RowRange {
  readonly begin: number;
  readonly end: number;
}

/** The leafs of these rows as a page has them. */
export function encodeValues(shape: ColumnShape, column: Column, range: RowRange): Uint8Array {
  const rows = presentRows(column, range);
  const { leaf } = shape;
  if (shape.isList) {
    if (isStringType(leaf.dataType)) return encodeTexts(column, range, rows);
    const bytes = joinedRows(column, range, rows);
    return encodeLeafs(leaf, bytes, { begin: 0, end: bytes.length / storedBytes(leaf) }, undefined);
  }
  if (physicalType(leaf.dataType) === 'BYTE_ARRAY') return encodeByteArrays(column, range, rows);
  if (shape.innerLength === 0) return encodeLeafs(leaf, column.data, range, rows);
  return gather(column.data, entryBytes(shape) ?? 0, range, rows);
}

/** Entries of each row of a column of lists; none where it is null. */
export function entryCounts(shape: ColumnShape, column: Column, { begin, end }: RowRange): Uint32Array {
  const { leaf } = shape;
  const counts = new Uint32Array(end - begin);
  const isText = isStringType(leaf.dataType);
  const width = isText ? 1 : storedBytes(leaf) * Math.max(1, shape.innerLength);
  const { data, valid } = column;
  const ends = wordsOf(column.offsets);
  for (let i = 0; i < counts.length; i++) {
    const row = begin + i;
    if (valid.length > 0 && valid[row] === 0) continue;
    const [from, to] = [ends[row] as number, ends[row + 1] as number];
    // The table of a row of texts begins with how many there are.
    const count = !isText ? (to - from) / width : from === to ? 0 : wordAt(data, from);
    if (!Number.isInteger(count))
      assert(false, `field ${column.fieldId}: ${to - from} bytes of entries of ${width}`);
    counts[i] = count;
  }
  return counts;
}

/** Bytes of a leaf in a column. */
const storedBytes = ({ dataType, dim }: Leaf): number => fixedWidth(dataType, dim) ?? 1;

/** Rows that are not null; undefined: all. */
function presentRows(column: Column, { begin, end }: RowRange): Uint32Array | undefined {
  if (column.valid.length === 0 || column.valid.indexOf(0, begin) === -1) return undefined;
  const rows = new Uint32Array(end - begin);
  let count = 0;
  for (let row = begin; row < end; row++) if (column.valid[row] !== 0) rows[count++] = row;
  return count === end - begin ? undefined : rows.subarray(0, count);
}

/** Leafs of fixed width, which follow each other in `data`. @param rows which of them; undefined: all of the range */
function encodeLeafs(
  leaf: Leaf,
  data: Uint8Array,
  range: RowRange,
  rows: Uint32Array | undefined,
): Uint8Array {
  const count = rows?.length ?? range.end - range.begin;
  const rowOf = (i: number): number => (rows ? (rows[i] as number) : range.begin + i);
  const width = leafBytes(leaf);
  if (width === undefined) {
    const bytes = new Uint8Array(Math.ceil(count / 8));
    for (let i = 0; i < count; i++)
      if (data[rowOf(i)] !== 0) bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7));
    return bytes;
  }
  const stored = storedBytes(leaf);
  if (stored !== width) return widen(data, stored, count, rowOf);
  return gather(data, width, range, rows);
}

/** A view of the range, or a copy of the given rows. */
function gather(
  data: Uint8Array,
  width: number,
  { begin, end }: RowRange,
  rows: Uint32Array | undefined,
): Uint8Array {
  if (!rows) return data.subarray(begin * width, end * width);
  const bytes = new Uint8Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    const at = (rows[i] as number) * width;
    copyBytes(data, at, at + width, bytes, i * width);
  }
  return bytes;
}

/** Int8 and Int16 values as int32. */
function widen(data: Uint8Array, stored: number, count: number, rowOf: (i: number) => number): Uint8Array {
  const bytes = new Uint8Array(count * 4);
  const out = new DataView(bytes.buffer);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let i = 0; i < count; i++) {
    out.setInt32(i * 4, stored === 1 ? view.getInt8(rowOf(i)) : view.getInt16(rowOf(i) * 2, true), true);
  }
  return bytes;
}

/** Bytes of the rows one after the other. */
function joinedRows(column: Column, { begin, end }: RowRange, rows: Uint32Array | undefined): Uint8Array {
  const { offsets, data } = column;
  if (!rows) return data.subarray(uint32At(offsets, begin), uint32At(offsets, end));
  const ends = wordsOf(offsets);
  let total = 0;
  for (const row of rows) total += (ends[row + 1] as number) - (ends[row] as number);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const row of rows) {
    const [from, to] = [ends[row] as number, ends[row + 1] as number];
    copyBytes(data, from, to, bytes, at);
    at += to - from;
  }
  return bytes;
}

function encodeByteArrays(
  { data, offsets }: Column,
  { begin, end }: RowRange,
  rows: Uint32Array | undefined,
): Uint8Array {
  const count = rows?.length ?? end - begin;
  const ends = wordsOf(offsets);
  let total = count * 4;
  for (let i = 0; i < count; i++) {
    const row = rows ? (rows[i] as number) : begin + i;
    total += (ends[row + 1] as number) - (ends[row] as number);
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const row = rows ? (rows[i] as number) : begin + i;
    const [from, to] = [ends[row] as number, ends[row + 1] as number];
    putWord(bytes, at, to - from);
    copyBytes(data, from, to, bytes, at + 4);
    at += 4 + to - from;
  }
  return bytes;
}

/** Texts of lists: what their tables say as ends comes as a length before each. */
function encodeTexts(
  { data, offsets }: Column,
  { begin, end }: RowRange,
  rows: Uint32Array | undefined,
): Uint8Array {
  const count = rows?.length ?? end - begin;
  const ends = wordsOf(offsets);
  const rowOf = (i: number): number => (rows ? (rows[i] as number) : begin + i);
  let total = 0;
  for (let i = 0; i < count; i++)
    total += Math.max(0, (ends[rowOf(i) + 1] as number) - (ends[rowOf(i)] as number) - 4);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const row = ends[rowOf(i)] as number;
    if (ends[rowOf(i) + 1] === row) continue;
    const texts = wordAt(data, row);
    const first = row + 4 + texts * 4;
    for (let index = 1, from = first; index <= texts; index++) {
      const to = first + wordAt(data, row + index * 4);
      putWord(bytes, at, to - from);
      copyBytes(data, from, to, bytes, at + 4);
      at += 4 + to - from;
      from = to;
    }
  }
  return bytes;
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0;

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word & 255;
  bytes[at + 1] = (word >>> 8) & 255;
  bytes[at + 2] = (word >>> 16) & 255;
  bytes[at + 3] = word >>> 24;
}
