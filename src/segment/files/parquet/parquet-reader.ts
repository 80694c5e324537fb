// A Parquet file of ours back to columns: walks the page headers and copies (or views) page bytes. Everything read from the file is
// checked before it is used as a length or a position, so damaged bytes give `data_corrupt` and never a hang or a huge allocation.

import { parquetMetadata, type SchemaElement } from 'hyparquet';
import { bytesView } from '#base/bytes.js';
import { ElanusError, messageOf } from '#base/errors.js';
import type { Bound, ChunkStatistics } from '#index/scalar/statistics/chunk-statistics.js';
import { column as makeColumn } from '#model/columns/column.js';
import { fixedWidth } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { readBloom } from './bloom-column.js';
import { FixedColumn } from './fixed-column.js';
import { decodeByteArrays, decodeFixed, decodeLists } from './page-decoding.js';
import { COUNT_MAX, count, type Page, pageValues, readPage } from './parquet-page.js';
import {
  type ColumnShape,
  entryBytes,
  leafPath,
  leafShape,
  type ParquetField,
  shapeElements,
  shapeOf,
} from './parquet-type.js';
import {
  FIELDS_NOTE,
  type FixedPages,
  fixedPageLead,
  fixedPageRows,
  PAGE_ALIGNMENT,
  VERSION,
  VERSION_NOTE,
} from './parquet-writer.js';

/** What to read: the type is the schema's, the name the file's. */
export type FieldRequest = Pick<ParquetField, 'fieldId' | 'dataType' | 'elementType' | 'dim' | 'name'>;

type Footer = ReturnType<typeof parquetMetadata>;

export class ParquetFileReader {
  readonly rowCount: number;
  readonly #bytes: Uint8Array;
  readonly #key: string;
  readonly #footer: Footer;
  /** Column names by field id. */
  readonly #names = new Map<bigint, string>();
  /** Elements of each column by its name, in depth-first order. */
  readonly #columns: ReadonlyMap<string, readonly SchemaElement[]>;

  /**
   * @param key names the file in errors
   * @param isTail the bytes are the end of a file, of which only the footer is looked at
   * @throws data_corrupt
   */
  constructor(bytes: Uint8Array, key: string, isTail = false) {
    this.#bytes = bytes;
    this.#key = key;
    this.#footer = this.#guard('footer', () => {
      if (
        bytes.length < 12 ||
        (!isTail && (bytes[0] !== 0x50 || bytes[1] !== 0x41 || bytes[2] !== 0x52 || bytes[3] !== 0x31))
      ) {
        throw new Error('no PAR1 at the start');
      }
      return parquetMetadata(bytes, { geoparquet: false, parsers: plainStatistics });
    });
    this.rowCount = this.#guard('footer', () => {
      const rows = this.#footer.row_groups.reduce((sum, group) => sum + count(group.num_rows, 0xffffffff), 0);
      if (count(this.#footer.num_rows, 0xffffffff) !== rows)
        throw new Error(`${this.#footer.num_rows} rows, but ${rows} in row groups`);
      const names: unknown = JSON.parse(this.#note(FIELDS_NOTE) ?? '{}');
      for (const [id, name] of Object.entries(names as object))
        if (/^\d{1,19}$/.test(id)) this.#names.set(BigInt(id), String(name));
      return rows;
    });
    this.#columns = this.#guard('schema', () => columnsOf(this.#footer.schema));
    const version = this.#guard('version', () => count(this.#note(VERSION_NOTE) ?? 1, COUNT_MAX));
    if (version < 1 || version > VERSION) {
      throw new ElanusError(
        'unsupported',
        `${key} is an insert log of version ${version}, expected 1 to ${VERSION}: use a newer release`,
      );
    }
  }

  #note(key: string): string | undefined {
    return this.#footer.key_value_metadata?.find((entry) => entry.key === key)?.value;
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
    return this.#columns.has(this.#nameOf(field));
  }

  /** The whole column; where rows are null the data has zero bytes of the type's width. */
  readColumn(field: FieldRequest): Column {
    return this.#guard(`column ${field.name}`, () => this.#assemble(field, this.#open(field)));
  }

  /** Rows by rows as they lie in the file, for columns of fixed width; undefined: such it is not, use readColumn. */
  openFixed(field: FieldRequest): FixedColumn | undefined {
    const { shape, pages } = this.#guard(`column ${field.name}`, () => this.#open(field));
    const width = shape.isList ? undefined : entryBytes(shape);
    if (width === undefined || width !== fixedWidth(field.dataType, field.dim)) return undefined;
    if (pages.some((page) => page.unpackedBytes !== undefined)) return undefined;
    return new FixedColumn({ bytes: this.#bytes, pages, field, width });
  }

  /**
   * Where the values of a column lie, from the footer alone, if its pages are as our writer makes them: of one width, uncompressed, without a
   * null among them. Whether they are is for the caller to see, who compares what leads them. Undefined: they are not.
   */
  fixedRuns(field: FieldRequest): FixedRun[] | undefined {
    const name = this.#nameOf(field);
    const elements = this.#columns.get(name);
    if (elements === undefined) return undefined;
    const shape = elements.length > 1 ? shapeOf(field) : leafShape(field);
    const width = shape.isList ? undefined : entryBytes(shape);
    if (width === undefined || width !== fixedWidth(field.dataType, field.dim)) return undefined;
    const isOptional = elements[0]?.repetition_type === 'OPTIONAL';
    return this.#guard(`column ${field.name}`, () => {
      checkElements(elements, shapeElements(shape, { name, isOptional }));
      return runsOf(this.#footer, leafPath(name, shape), { shape, isOptional, width });
    });
  }

  /** Rows of each row group. */
  get groupRows(): number[] {
    return this.#footer.row_groups.map((group) => Number(group.num_rows));
  }

  /** What the footer says of a column in each row group; undefined where it says nothing. */
  statistics(field: FieldRequest): (ChunkStatistics | undefined)[] {
    const name = this.#nameOf(field);
    return this.#guard(`statistics of ${field.name}`, () =>
      this.#footer.row_groups.map((group) => {
        const meta = group.columns.find((chunk) =>
          isPath(chunk.meta_data?.path_in_schema, [name]),
        )?.meta_data;
        const found = meta?.statistics;
        if (meta === undefined || found?.null_count === undefined) return undefined;
        const offset = meta.bloom_filter_offset;
        return {
          nulls: count(found.null_count, count(group.num_rows, 0xffffffff)),
          least: boundOf(found.min_value),
          most: boundOf(found.max_value),
          bloom: offset === undefined ? undefined : readBloom(this.#bytes, count(offset, this.#bytes.length)),
        };
      }),
    );
  }

  /** The column's pages in row order. A column that is one leaf has the shape of version 1. */
  #open(field: FieldRequest): OpenColumn {
    const name = this.#nameOf(field);
    const elements = this.#columns.get(name);
    const [top] = elements ?? [];
    if (!elements || !top) throw new Error('no such column');
    if (top.repetition_type !== 'REQUIRED' && top.repetition_type !== 'OPTIONAL')
      throw new Error('it is repeated');
    const isOptional = top.repetition_type === 'OPTIONAL';
    const shape = elements.length > 1 ? shapeOf(field) : leafShape(field);
    checkElements(elements, shapeElements(shape, { name, isOptional }));
    const path = leafPath(name, shape);
    const pages: Page[] = [];
    let rowBegin = 0;
    for (const group of this.#footer.row_groups) {
      const meta = group.columns.find((chunk) => isPath(chunk.meta_data?.path_in_schema, path))?.meta_data;
      if (!meta) throw new Error('a row group lacks it');
      if (meta.codec !== 'UNCOMPRESSED' && meta.codec !== 'SNAPPY')
        throw new Error(`codec ${meta.codec} is not supported`);
      const end = rowBegin + count(group.num_rows, 0xffffffff);
      const begin = count(meta.data_page_offset, this.#bytes.length);
      const chunkEnd = begin + count(meta.total_compressed_size, this.#bytes.length - begin);
      const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, chunkEnd);
      const reader = { view, offset: begin };
      const limits = { shape, isOptional, isSnappy: meta.codec === 'SNAPPY', end, chunkEnd };
      while (rowBegin < end) {
        const page = readPage(reader, { ...limits, rowBegin });
        pages.push(page);
        rowBegin += page.rows;
      }
      if (reader.offset !== chunkEnd) throw new Error('bytes after the last page');
    }
    return { shape, pages };
  }

  #assemble(field: FieldRequest, { shape, pages }: OpenColumn): Column {
    const { rowCount } = this;
    const values = pages.map((page) => pageValues(this.#bytes, page));
    const flags = nullFlags(pages, rowCount);
    const stored = fixedWidth(field.dataType, field.dim);
    if (stored === undefined) {
      const { leaf, innerLength } = shape;
      const { data, offsets } = shape.isList
        ? decodeLists({ leaf, innerLength, pages, values, rowCount })
        : decodeByteArrays(pages, values, rowCount);
      return makeColumn(field.fieldId, field.dataType, data, bytesView(offsets), flags);
    }
    const data = new Uint8Array(rowCount * stored);
    const widths = { stored, width: entryBytes(shape) };
    pages.forEach((page, i) => {
      decodeFixed(page, values[i] as Uint8Array, data, widths);
    });
    return makeColumn(field.fieldId, field.dataType, data, new Uint8Array(0), flags);
  }
}

/** The rows of a page. */
export interface FixedRun {
  readonly rows: number;
  readonly offset: number;
  /** What lies from there to the values if the page is as expected. */
  readonly lead: Uint8Array;
  readonly valuesBytes: number;
}

function runsOf(footer: Footer, path: readonly string[], pages: FixedPages): FixedRun[] | undefined {
  const runs: FixedRun[] = [];
  // Nearly all pages have as many rows and begin at as much more than a multiple of the alignment.
  const leads = new Map<string, Uint8Array>();
  for (const group of footer.row_groups) {
    const meta = group.columns.find((chunk) => isPath(chunk.meta_data?.path_in_schema, path))?.meta_data;
    if (meta?.codec !== 'UNCOMPRESSED') return undefined;
    const begin = count(meta.data_page_offset, Number.MAX_SAFE_INTEGER);
    let offset = begin;
    for (let left = count(group.num_rows, 0xffffffff); left > 0; ) {
      const rows = fixedPageRows(pages.width, left);
      const alike = `${rows} ${offset % PAGE_ALIGNMENT}`;
      const lead = leads.get(alike) ?? fixedPageLead(offset, pages, rows);
      leads.set(alike, lead);
      const valuesBytes = rows * pages.width;
      runs.push({ rows, offset, lead, valuesBytes });
      offset += lead.length + valuesBytes;
      left -= rows;
    }
    if (offset - begin !== Number(meta.total_compressed_size)) return undefined;
  }
  return runs;
}

/** As stored: a time is its number, and a text its bytes. */
const plainStatistics = {
  timestampFromMicroseconds: (micros: bigint) => micros,
  stringFromBytes: (bytes: Uint8Array) => bytes.slice(),
};

function boundOf(value: unknown): Bound | undefined {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint8Array
    ? value
    : undefined;
}

interface OpenColumn {
  readonly shape: ColumnShape;
  readonly pages: readonly Page[];
}

/** A byte a row, 0 for null; none when no row is. */
function nullFlags(pages: readonly Page[], rowCount: number): Uint8Array {
  if (pages.every((page) => page.valid === undefined)) return new Uint8Array(0);
  const flags = new Uint8Array(rowCount).fill(1);
  for (const { valid, rowBegin } of pages) if (valid) flags.set(valid, rowBegin);
  return flags;
}

/** The elements below the root, those of each column together. */
function columnsOf(schema: readonly SchemaElement[]): Map<string, readonly SchemaElement[]> {
  const columns = new Map<string, readonly SchemaElement[]>();
  for (let at = 1; at < schema.length; ) {
    const begin = at;
    for (let open = 1; open > 0; at++) {
      const element = schema[at];
      if (element === undefined) throw new Error('a column ends early');
      open += count(element.num_children ?? 0, schema.length) - 1;
    }
    const name = schema[begin]?.name ?? '';
    if (!columns.has(name)) columns.set(name, schema.slice(begin, at));
  }
  return columns;
}

function checkElements(found: readonly SchemaElement[], wanted: readonly SchemaElement[]): void {
  const facts = ({ type, type_length, repetition_type, num_children }: SchemaElement): string =>
    [type, type_length ?? 0, repetition_type, num_children ?? 0].join(' ');
  for (let i = 0; i < Math.max(found.length, wanted.length); i++) {
    const [is, expected] = [found[i], wanted[i]].map((element) => (element ? facts(element) : 'nothing'));
    if (is !== expected) throw new Error(`its type has ${is}, expected ${expected}`);
  }
}

const isPath = (path: readonly string[] | undefined, wanted: readonly string[]): boolean =>
  path?.length === wanted.length && path.every((part, i) => part === wanted[i]);
