// A Parquet file of ours back to columns: walks the page headers and copies (or views) page bytes. Everything read from the file is
// checked before it is used as a length or a position, so damaged bytes give `data_corrupt` and never a hang or a huge allocation.

import { parquetMetadata, snappyUncompress } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { bytesView } from '#base/bytes.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { column as makeColumn } from '#model/columns/column.js';
import { fixedWidth } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { type ParquetField, physicalType, valueBytes } from './parquet-type.js';
import { FIELDS_NOTE } from './parquet-writer.js';

/** What to read: the type is the schema's, the name the file's. */
export type FieldRequest = Pick<ParquetField, 'fieldId' | 'dataType' | 'dim' | 'name'>;
interface Page {
  readonly rowBegin: number;
  readonly rows: number;
  readonly nulls: number;
  readonly levelsOffset: number;
  readonly levelsBytes: number;
  readonly valuesOffset: number;
  readonly valuesBytes: number;
  /** Bytes after decompression; undefined: not compressed. */
  readonly unpackedBytes: number | undefined;
}

const PAGE_BYTES_MAX = 1 << 30;
/** Snappy's copy elements of 3 bytes stand for at most 64. */
const SNAPPY_RATIO_MAX = 64;
type Footer = ReturnType<typeof parquetMetadata>;

export class ParquetFileReader {
  readonly rowCount: number;
  readonly #bytes: Uint8Array;
  readonly #key: string;
  readonly #footer: Footer;
  /** Column names by field id. */
  readonly #names = new Map<bigint, string>();

  /** @param key names the file in errors. @throws data_corrupt */
  constructor(bytes: Uint8Array, key: string) {
    this.#bytes = bytes;
    this.#key = key;
    this.#footer = this.#guard('footer', () => {
      if (
        bytes.length < 12 ||
        bytes[0] !== 0x50 ||
        bytes[1] !== 0x41 ||
        bytes[2] !== 0x52 ||
        bytes[3] !== 0x31
      ) {
        throw new Error('no PAR1 at the start');
      }
      return parquetMetadata(bytes, { geoparquet: false });
    });
    this.rowCount = this.#guard('footer', () => {
      const rows = this.#footer.row_groups.reduce((sum, group) => sum + count(group.num_rows, 0xffffffff), 0);
      if (count(this.#footer.num_rows, 0xffffffff) !== rows)
        throw new Error(`${this.#footer.num_rows} rows, but ${rows} in row groups`);
      const note = this.#footer.key_value_metadata?.find((entry) => entry.key === FIELDS_NOTE)?.value;
      const names: unknown = JSON.parse(note ?? '{}');
      for (const [id, name] of Object.entries(names as object))
        if (/^\d{1,19}$/.test(id)) this.#names.set(BigInt(id), String(name));
      return rows;
    });
  }

  #fail(what: string, error: unknown): ElanusError {
    return new ElanusError(
      'data_corrupt',
      `${this.#key}: ${what} is not readable: ${messageOf(error)}; restore the object from a copy`,
      {
        cause: error,
      },
    );
  }

  #guard<T>(what: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof ElanusError) throw error;
      throw this.#fail(what, error);
    }
  }

  #nameOf(field: FieldRequest): string {
    return this.#names.get(field.fieldId) ?? field.name;
  }

  hasColumn(field: FieldRequest): boolean {
    const name = this.#nameOf(field);
    return this.#footer.schema.slice(1).some((element) => element.name === name);
  }

  /** The whole column; where rows are null the data has zero bytes of the type's width. */
  readColumn(field: FieldRequest): Column {
    return this.#guard(`column ${field.name}`, () => this.#assemble(field, this.#pages(field)));
  }

  /** Rows by rows as they lie in the file, for columns of fixed width without nulls; undefined: such it is not, use readColumn. */
  openFixed(field: FieldRequest): FixedColumn | undefined {
    const width = valueBytes(field);
    const pages = this.#guard(`column ${field.name}`, () => this.#pages(field));
    if (width === undefined || width !== fixedWidth(field.dataType, field.dim)) return undefined;
    if (pages.some((page) => page.levelsBytes > 0 || page.unpackedBytes !== undefined)) return undefined;
    return new FixedColumn(this.#bytes, pages, width);
  }

  /** Pages of the column in row order. */
  #pages(field: FieldRequest): Page[] {
    const name = this.#nameOf(field);
    const element = this.#footer.schema.slice(1).find((candidate) => candidate.name === name);
    if (!element) throw new Error('no such column');
    const type = physicalType(field.dataType);
    if (element.type !== type) throw new Error(`it is of type ${element.type}, expected ${type}`);
    if (element.repetition_type !== 'REQUIRED' && element.repetition_type !== 'OPTIONAL')
      throw new Error('it is repeated');
    const width = valueBytes(field);
    if (type === 'FIXED_LEN_BYTE_ARRAY' && element.type_length !== width) {
      throw new Error(`values have ${element.type_length} bytes, expected ${width}`);
    }
    const pages: Page[] = [];
    let rowBegin = 0;
    for (const group of this.#footer.row_groups) {
      const meta = group.columns.find((chunk) => chunk.meta_data?.path_in_schema[0] === name)?.meta_data;
      if (!meta) throw new Error('a row group lacks it');
      if (meta.codec !== 'UNCOMPRESSED' && meta.codec !== 'SNAPPY')
        throw new Error(`codec ${meta.codec} is not supported`);
      const end = rowBegin + count(group.num_rows, 0xffffffff);
      const begin = count(meta.data_page_offset, this.#bytes.length);
      const chunkEnd = begin + count(meta.total_compressed_size, this.#bytes.length - begin);
      const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, chunkEnd);
      const reader = { view, offset: begin };
      while (rowBegin < end) {
        const page = readPage(reader, { rowBegin, end, chunkEnd, isSnappy: meta.codec === 'SNAPPY', width });
        if (element.repetition_type === 'REQUIRED' && (page.nulls > 0 || page.levelsBytes > 0))
          throw new Error('nulls in a required column');
        pages.push(page);
        rowBegin += page.rows;
      }
      if (reader.offset !== chunkEnd) throw new Error('bytes after the last page');
    }
    return pages;
  }

  #assemble(field: FieldRequest, pages: readonly Page[]): Column {
    const isOptional = pages.some((page) => page.levelsBytes > 0);
    const valid = isOptional ? new Uint8Array(this.rowCount).fill(1) : new Uint8Array(0);
    const values = pages.map((page) => {
      if (page.levelsBytes > 0) {
        const levels = this.#bytes.subarray(page.levelsOffset, page.levelsOffset + page.levelsBytes);
        decodeLevels(levels, valid.subarray(page.rowBegin, page.rowBegin + page.rows), page.nulls);
      }
      return this.#values(page);
    });
    const hasNulls = pages.some((page) => page.nulls > 0);
    const isNullRow = (row: number): boolean => isOptional && valid[row] === 0;
    const stored = fixedWidth(field.dataType, field.dim);
    const flags = hasNulls ? valid : new Uint8Array(0);
    if (stored === undefined) {
      const { data, offsets } = decodeByteArrays(pages, values, this.rowCount, isNullRow);
      return makeColumn(field.fieldId, field.dataType, data, bytesView(offsets), flags);
    }
    const data = new Uint8Array(this.rowCount * stored);
    pages.forEach((page, i) => {
      decodeFixed(field, page, values[i] as Uint8Array, data, stored, isNullRow);
    });
    return makeColumn(field.fieldId, field.dataType, data, new Uint8Array(0), flags);
  }

  #values(page: Page): Uint8Array {
    const stored = this.#bytes.subarray(page.valuesOffset, page.valuesOffset + page.valuesBytes);
    if (page.unpackedBytes === undefined) return stored;
    const output = new Uint8Array(page.unpackedBytes);
    snappyUncompress(stored, output);
    return output;
  }
}

/** A fixed-width column without nulls inside the file's bytes. */
export class FixedColumn {
  readonly #bytes: Uint8Array;
  readonly #pages: readonly Page[];
  readonly #width: number;
  #last = 0;

  constructor(bytes: Uint8Array, pages: readonly Page[], width: number) {
    this.#bytes = bytes;
    this.#pages = pages;
    this.#width = width;
  }

  /** Where pages end, ascending: reading from one to the next copies nothing. */
  get pageEnds(): number[] {
    return this.#pages.map((page) => page.rowBegin + page.rows);
  }

  /** Bytes of rows [begin, end): a view within a page, else a copy. */
  rows(begin: number, end: number): Uint8Array {
    if (begin < (this.#pages[this.#last]?.rowBegin ?? 0)) this.#last = 0;
    let out: Uint8Array | undefined;
    for (let i = this.#last; i < this.#pages.length; i++) {
      const page = this.#pages[i] as Page;
      const pageEnd = page.rowBegin + page.rows;
      if (pageEnd <= begin) continue;
      if (page.rowBegin >= end) break;
      this.#last = i;
      const from = Math.max(begin, page.rowBegin);
      const to = Math.min(end, pageEnd);
      const at = page.valuesOffset + (from - page.rowBegin) * this.#width;
      const part = this.#bytes.subarray(at, at + (to - from) * this.#width);
      if (from === begin && to === end) return part;
      out ??= new Uint8Array((end - begin) * this.#width);
      out.set(part, (from - begin) * this.#width);
    }
    return out ?? new Uint8Array(0);
  }
}

/** A count from the file as a number. */
function count(value: bigint | number | undefined, most: number): number {
  const number = Number(value ?? -1);
  if (!Number.isSafeInteger(number) || number < 0 || number > most)
    throw new Error(`${value} is out of range, expected 0 to ${most}`);
  return number;
}

interface PageLimits {
  readonly rowBegin: number;
  readonly end: number;
  readonly chunkEnd: number;
  readonly isSnappy: boolean;
  readonly width: number | undefined;
}

function readPage(reader: { view: DataView; offset: number }, limits: PageLimits): Page {
  const header = parquetHeader(reader);
  const v2 = header.data_page_header_v2;
  if (header.type !== 'DATA_PAGE_V2' || !v2)
    throw new Error(`a page is of type ${header.type}, expected DATA_PAGE_V2`);
  if (v2.encoding !== 'PLAIN') throw new Error(`a page has encoding ${v2.encoding}, expected PLAIN`);
  const bytes = count(header.compressed_page_size, limits.chunkEnd - reader.offset);
  const rows = count(v2.num_rows, limits.end - limits.rowBegin);
  const nulls = count(v2.num_nulls, rows);
  const levelsBytes = count(v2.definition_levels_byte_length, bytes);
  if (rows === 0 || v2.num_values !== rows || v2.repetition_levels_byte_length !== 0)
    throw new Error('a page has a wrong number of rows');
  const valuesBytes = bytes - levelsBytes;
  const plainBytes = count(header.uncompressed_page_size, PAGE_BYTES_MAX) - levelsBytes;
  const isPacked = limits.isSnappy && v2.is_compressed !== false;
  if (
    plainBytes < 0 ||
    (isPacked ? plainBytes > valuesBytes * SNAPPY_RATIO_MAX : plainBytes !== valuesBytes)
  ) {
    throw new Error(`a page claims ${plainBytes} bytes from ${valuesBytes}`);
  }
  if (limits.width !== undefined && plainBytes !== (rows - nulls) * limits.width)
    throw new Error(`a page of ${rows} rows has ${plainBytes} bytes`);
  const levelsOffset = reader.offset;
  reader.offset += bytes;
  return {
    rowBegin: limits.rowBegin,
    rows,
    nulls,
    levelsOffset,
    levelsBytes,
    valuesOffset: levelsOffset + levelsBytes,
    valuesBytes,
    unpackedBytes: isPacked ? plainBytes : undefined,
  };
}

/** Definition levels of one bit: runs of a repeated value and runs of packed bits. */
function decodeLevels(bytes: Uint8Array, out: Uint8Array, nulls: number): void {
  let [at, row] = [0, 0];
  while (row < out.length) {
    let [header, scale] = [0, 1];
    for (let byte = 128; byte >= 128; scale *= 128) {
      byte = bytes[at++] ?? -1;
      if (byte < 0 || scale > 2 ** 35) throw new Error('null flags end early');
      header += (byte & 127) * scale;
    }
    const length = Math.floor(header / 2) * (header % 2 === 1 ? 8 : 1);
    if (length === 0 || (header % 2 === 1 ? length > out.length - row + 7 : length > out.length - row))
      throw new Error('null flags do not fit');
    if (header % 2 === 1) {
      if (at + length / 8 > bytes.length) throw new Error('null flags end early');
      const many = Math.min(length, out.length - row);
      for (let i = 0; i < many; i++) out[row + i] = ((bytes[at + (i >> 3)] as number) >> (i & 7)) & 1;
      at += length / 8;
    } else {
      const value = bytes[at++];
      if (value !== 0 && value !== 1) throw new Error(`null flag ${value}`);
      out.fill(value, row, row + length);
    }
    row += Math.min(length, out.length - row);
  }
  let zeros = 0;
  for (let i = 0; i < out.length; i++) if (out[i] === 0) zeros++;
  if (zeros !== nulls || at !== bytes.length) throw new Error(`${zeros} null flags, expected ${nulls}`);
}

function decodeFixed(
  field: FieldRequest,
  page: Page,
  values: Uint8Array,
  data: Uint8Array,
  stored: number,
  isNullRow: (row: number) => boolean,
): void {
  const type = physicalType(field.dataType);
  const width = valueBytes(field);
  if (type === 'BOOLEAN') {
    if (values.length !== Math.ceil((page.rows - page.nulls) / 8))
      throw new Error(`a page of ${page.rows} bits has ${values.length} bytes`);
  } else if (width === stored && page.nulls === 0) {
    data.set(values, page.rowBegin * stored);
    return;
  }
  let i = 0;
  for (let row = page.rowBegin; row < page.rowBegin + page.rows; row++) {
    if (isNullRow(row)) continue;
    if (type === 'BOOLEAN') data[row] = ((values[i >> 3] as number) >> (i & 7)) & 1;
    else data.set(values.subarray(i * (width as number), i * (width as number) + stored), row * stored); // Little-endian: the low bytes come first.
    i++;
  }
}

function decodeByteArrays(
  pages: readonly Page[],
  values: readonly Uint8Array[],
  rowCount: number,
  isNullRow: (row: number) => boolean,
): { data: Uint8Array; offsets: Uint32Array } {
  const total = pages.reduce(
    (sum, page, i) => sum + (values[i] as Uint8Array).length - (page.rows - page.nulls) * 4,
    0,
  );
  if (total < 0 || total > 0xffffffff) throw new Error(`values have ${total} bytes`);
  const data = new Uint8Array(total);
  const offsets = new Uint32Array(rowCount + 1);
  let end = 0;
  pages.forEach((page, i) => {
    const bytes = values[i] as Uint8Array;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (let row = page.rowBegin; row < page.rowBegin + page.rows; row++) {
      if (!isNullRow(row)) {
        if (at + 4 > bytes.length) throw new Error('a value ends after its page');
        const length = view.getUint32(at, true);
        if (at + 4 + length > bytes.length) throw new Error('a value ends after its page');
        data.set(bytes.subarray(at + 4, at + 4 + length), end);
        at += 4 + length;
        end += length;
      }
      offsets[row + 1] = end;
    }
    if (at !== bytes.length) throw new Error('bytes after the last value of a page');
  });
  return { data, offsets };
}
