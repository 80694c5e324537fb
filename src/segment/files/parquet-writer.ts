// Columns to a Parquet file: data pages of version 2, PLAIN encoding, so that our reader copies bytes and every Parquet tool can read them.
// Pages are made from column bytes directly, without a JavaScript value per row; hyparquet-writer does headers, footer and snappy.
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import { assert } from '#base/assert.js';
import { uint32At } from '#model/columns/column.js';
import { fixedWidth } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { type ParquetField, physicalType, schemaElement, valueBytes } from './parquet-type.js';

/** The key of the footer's note that maps field ids to column names. */
export const FIELDS_NOTE = 'elanus.fields';
const PAGE_BYTES = 1 << 20;
/** A page of short values ends here, so that a writer's pause between row groups stays short. */
const PAGE_ROWS_MAX = 65_536;

type Chunk = ParquetWriter['row_groups'][number]['columns'][number];

export class ParquetFile {
  readonly #fields: readonly ParquetField[];
  readonly #out: ByteWriter;
  readonly #writer: ParquetWriter;

  /** @param bytesHint about how large the file will be. */
  constructor(fields: readonly ParquetField[], notes: Readonly<Record<string, string>>, bytesHint: number) {
    this.#fields = fields;
    this.#out = new ByteWriter(Math.ceil(bytesHint * 1.01) + 4096);
    const names = JSON.stringify(
      Object.fromEntries(fields.map((field) => [String(field.fieldId), field.name])),
    );
    this.#writer = new ParquetWriter({
      writer: this.#out,
      schema: [{ name: 'segment', num_children: fields.length }, ...fields.map(schemaElement)],
      codec: 'UNCOMPRESSED',
      kvMetadata: Object.entries({ [FIELDS_NOTE]: names, ...notes }).map(([key, value]) => ({ key, value })),
      createdBy: 'elanus',
    });
  }

  /** Appends one row group. @param columns in the order of the fields, checked to have `rowCount` rows. */
  addRows(columns: readonly Column[], rowCount: number): void {
    assert(
      columns.length === this.#fields.length,
      `${columns.length} columns, expected ${this.#fields.length}`,
    );
    if (rowCount === 0) return;
    const begin = this.#out.offset;
    const chunks = this.#fields.map((field, i) => this.#writeChunk(field, columns[i] as Column, rowCount));
    const total = chunks.reduce((sum, chunk) => sum + (chunk.meta_data?.total_uncompressed_size ?? 0n), 0n);
    this.#writer.num_rows += BigInt(rowCount);
    this.#writer.row_groups.push({
      columns: chunks,
      total_byte_size: total,
      num_rows: BigInt(rowCount),
      total_compressed_size: BigInt(this.#out.offset - begin),
    });
  }

  finish(): Uint8Array {
    this.#writer.finish();
    return this.#out.getBytes();
  }

  #writeChunk(field: ParquetField, column: Column, rowCount: number): Chunk {
    const begin = this.#out.offset;
    let uncompressed = 0;
    for (let row = 0; row < rowCount; ) {
      const end = pageEnd(field, column, row, rowCount);
      uncompressed += this.#writePage(field, column, row, end);
      row = end;
    }
    return {
      file_offset: BigInt(begin),
      meta_data: {
        type: physicalType(field.dataType),
        encodings: field.isOptional ? ['PLAIN', 'RLE'] : ['PLAIN'],
        path_in_schema: [field.name],
        codec: field.isCompressed ? 'SNAPPY' : 'UNCOMPRESSED',
        num_values: BigInt(rowCount),
        total_compressed_size: BigInt(this.#out.offset - begin),
        total_uncompressed_size: BigInt(uncompressed),
        data_page_offset: BigInt(begin),
      },
    };
  }

  #writePage(field: ParquetField, column: Column, begin: number, end: number): number {
    const rows = presentRows(column, begin, end);
    const levels = field.isOptional ? encodeLevels(column, begin, end) : new Uint8Array(0);
    const values = encodeValues(field, column, begin, end, rows);
    const packed = field.isCompressed ? snappyCompress(values) : values;
    const isPacked = field.isCompressed && packed.length < values.length;
    const stored = isPacked ? packed : values;
    const start = this.#out.offset;
    writePageHeader(this.#out, {
      type: 'DATA_PAGE_V2',
      uncompressed_page_size: levels.length + values.length,
      compressed_page_size: levels.length + stored.length,
      data_page_header_v2: {
        num_values: end - begin,
        num_nulls: rows ? end - begin - rows.length : 0,
        num_rows: end - begin,
        encoding: 'PLAIN',
        definition_levels_byte_length: levels.length,
        repetition_levels_byte_length: 0,
        is_compressed: isPacked,
      },
    });
    const headerBytes = this.#out.offset - start;
    this.#out.appendBytes(levels);
    this.#out.appendBytes(stored);
    return headerBytes + levels.length + values.length;
  }
}

/** Rows that are not null; undefined: all. */
function presentRows(column: Column, begin: number, end: number): Uint32Array | undefined {
  if (column.valid.length === 0 || column.valid.indexOf(0, begin) === -1) return undefined;
  const rows = new Uint32Array(end - begin);
  let count = 0;
  for (let row = begin; row < end; row++) if (column.valid[row] !== 0) rows[count++] = row;
  return count === end - begin ? undefined : rows.subarray(0, count);
}

function pageEnd(field: ParquetField, column: Column, row: number, rowCount: number): number {
  const most = Math.min(rowCount, row + PAGE_ROWS_MAX);
  const width = valueBytes(field);
  if (width !== undefined)
    return Math.min(most, row + Math.max(1, Math.floor(PAGE_BYTES / Math.max(1, width))));
  if (column.offsets.length === 0) return most;
  const first = uint32At(column.offsets, row);
  let end = row + 1;
  while (end < most && uint32At(column.offsets, end + 1) - first + (end + 1 - row) * 4 <= PAGE_BYTES) end++;
  return end;
}

/** Definition levels 0 and 1 as one bit-packed run, or one repeated run when there are no nulls. */
function encodeLevels(column: Column, begin: number, end: number): Uint8Array {
  const rows = end - begin;
  if (column.valid.length === 0) return Uint8Array.from([...varint(rows * 2), 1]);
  const groups = Math.ceil(rows / 8);
  const header = varint(groups * 2 + 1);
  const bytes = new Uint8Array(header.length + groups);
  bytes.set(header);
  for (let i = 0; i < rows; i++) {
    const at = header.length + (i >> 3);
    if (column.valid[begin + i] !== 0) bytes[at] = (bytes[at] as number) | (1 << (i & 7));
  }
  return bytes;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

function encodeValues(
  field: ParquetField,
  column: Column,
  begin: number,
  end: number,
  rows: Uint32Array | undefined,
): Uint8Array {
  const count = rows?.length ?? end - begin;
  const rowOf = (i: number): number => (rows ? (rows[i] as number) : begin + i);
  const type = physicalType(field.dataType);
  if (type === 'BOOLEAN') {
    const bytes = new Uint8Array(Math.ceil(count / 8));
    for (let i = 0; i < count; i++)
      if (column.data[rowOf(i)] !== 0) bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7));
    return bytes;
  }
  if (type === 'BYTE_ARRAY') return encodeByteArrays(column, begin, end, rows);
  const width = valueBytes(field) as number;
  const stored = fixedWidth(field.dataType, field.dim) as number;
  if (stored !== width) return widen(column.data, stored, count, rowOf);
  if (!rows) return column.data.subarray(begin * width, end * width);
  const bytes = new Uint8Array(count * width);
  for (let i = 0; i < count; i++) {
    const at = rowOf(i) * width;
    bytes.set(column.data.subarray(at, at + width), i * width);
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

function encodeByteArrays(
  column: Column,
  begin: number,
  end: number,
  rows: Uint32Array | undefined,
): Uint8Array {
  const count = rows?.length ?? end - begin;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const row = rows ? (rows[i] as number) : begin + i;
    total += 4 + uint32At(column.offsets, row + 1) - uint32At(column.offsets, row);
  }
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const row = rows ? (rows[i] as number) : begin + i;
    const [from, to] = [uint32At(column.offsets, row), uint32At(column.offsets, row + 1)];
    view.setUint32(at, to - from, true);
    bytes.set(column.data.subarray(from, to), at + 4);
    at += 4 + to - from;
  }
  return bytes;
}
