// Columns to a Parquet file: data pages of version 2, PLAIN encoding, so that our reader copies bytes and every Parquet tool can read them.
// Pages are made from column bytes directly, without a JavaScript value per row; hyparquet-writer does headers and footer.
import type { PageHeader } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { assert } from '#base/assert.js';
import { wordsOf } from '#base/bytes.js';
import type { SplitBlockBloom } from '#base/hashes/split-block-bloom.js';
import type { Column } from '#proto/elanus/data.js';
import { ARROW_NOTE, arrowSchemaNote } from './arrow-schema.js';
import { bloomOfColumn, writeBloom } from './bloom-column.js';
import { columnStatistics, TEXT_BYTES_MAX } from './column-statistics.js';
import { GEO_NOTE, geoNote } from './geo-note.js';
import { encodeListLevels, type Levels, lengthened } from './list-levels.js';
import { encodeNullFlags } from './null-flags.js';
import { encodeValues, entryCounts, type RowRange } from './page-encoding.js';
import {
  type ColumnShape,
  entryBytes,
  isNested,
  leafPath,
  type ParquetField,
  physicalType,
  shapeElements,
  shapeOf,
} from './parquet-type.js';
import { PartWriter } from './part-writer.js';
import { snappyCompress } from './snappy.js';

/** The key of the footer's note that maps field ids to column names. */
export const FIELDS_NOTE = 'elanus.fields';
/** The key of the footer's note of the version of the format; files of version 1 have none. */
export const VERSION_NOTE = 'elanus.version';
export const VERSION = 2;
const PAGE_BYTES = 1 << 20;
/** A page of short values ends here, so that a writer's pause between row groups stays short. */
const PAGE_ROWS_MAX = 65_536;
/** Where values of large pages begin: engines copy bytes into shared memory one by one when they lie at another address. A power of two. */
export const PAGE_ALIGNMENT = 8;
const NO_BYTES = new Uint8Array(0);

type Chunk = ParquetWriter['row_groups'][number]['columns'][number];
type ChunkMeta = NonNullable<Chunk['meta_data']>;

/** Rows of a page of values of one width, when so many are left. */
export const fixedPageRows = (width: number, left: number): number =>
  Math.min(left, PAGE_ROWS_MAX, Math.max(1, Math.floor(PAGE_BYTES / Math.max(1, width))));

/** A column whose rows all have a value of one width. */
export interface FixedPages {
  readonly shape: ColumnShape;
  readonly isOptional: boolean;
  /** Bytes of a row. */
  readonly width: number;
}

/**
 * What lies before the values of an uncompressed page of such a column that begins at an offset of the file: its header and its levels. The same for
 * all offsets that are as far behind a multiple of the alignment.
 */
export function fixedPageLead(
  offset: number,
  { shape, isOptional, width }: FixedPages,
  rows: number,
): Uint8Array {
  const bytes = rows * width;
  const page = { rows, values: bytes, stored: bytes, isPacked: false };
  const found = isNested(shape)
    ? encodeListLevels({ ...shape, isOptional }, { rows, valid: undefined, counts: undefined })
    : flatLevels(isOptional, undefined, rows);
  const levels = isNested(shape) ? aligned(offset, found, page) : found;
  const out = new ByteWriter(64 + levelBytes(levels));
  writePageHeader(out, pageHeader(levels, page));
  out.appendBytes(levels.repetition);
  out.appendBytes(levels.definition);
  return out.getBytes();
}

export class ParquetFile {
  readonly #fields: readonly ParquetField[];
  readonly #out: PartWriter;
  readonly #writer: ParquetWriter;
  /** Those of all row groups go before the footer, together. */
  readonly #blooms: { readonly bloom: SplitBlockBloom; readonly meta: ChunkMeta }[] = [];

  /** @param bytesHint about how large the file will be, or the largest part that is taken of it */
  constructor(fields: readonly ParquetField[], notes: Readonly<Record<string, string>>, bytesHint: number) {
    this.#fields = fields;
    this.#out = new PartWriter(Math.ceil(bytesHint * 1.02) + 4096 + fields.length * 512);
    const names = JSON.stringify(
      Object.fromEntries(fields.map((field) => [String(field.fieldId), field.name])),
    );
    const geo = geoNote(fields);
    const own = {
      [FIELDS_NOTE]: names,
      [VERSION_NOTE]: String(VERSION),
      [ARROW_NOTE]: arrowSchemaNote(fields),
      ...(geo !== undefined && { [GEO_NOTE]: geo }),
    };
    this.#writer = new ParquetWriter({
      writer: this.#out,
      schema: [
        { name: 'segment', num_children: fields.length },
        ...fields.flatMap((field) => shapeElements(shapeOf(field), field)),
      ],
      codec: 'UNCOMPRESSED',
      statisticsTruncateLength: TEXT_BYTES_MAX,
      kvMetadata: Object.entries({ ...own, ...notes }).map(([key, value]) => ({ key, value })),
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

  /** Bytes that were not taken yet, of a file that is written part by part; its memory is used again for the part after the next. */
  take(): Uint8Array {
    return this.#out.take();
  }

  /** @returns the rest: all bytes, when none were taken */
  finish(): Uint8Array {
    for (const { bloom, meta } of this.#blooms) {
      meta.bloom_filter_offset = BigInt(this.#out.offset);
      meta.bloom_filter_length = writeBloom(this.#out, bloom);
    }
    this.#writer.finish();
    return this.#out.getBytes();
  }

  #writeChunk(field: ParquetField, column: Column, rowCount: number): Chunk {
    const begin = this.#out.offset;
    const shape = shapeOf(field);
    let uncompressed = 0;
    let values = 0;
    for (let row = 0; row < rowCount; ) {
      const end = pageEnd(shape, column, row, rowCount);
      const page = this.#writePage(field, shape, column, { begin: row, end });
      uncompressed += page.bytes;
      values += page.values;
      row = end;
    }
    const statistics = field.statistics && columnStatistics(field, column, rowCount);
    const meta: ChunkMeta = {
      type: physicalType(shape.leaf.dataType),
      encodings: field.isOptional || isNested(shape) ? ['PLAIN', 'RLE'] : ['PLAIN'],
      path_in_schema: leafPath(field.name, shape),
      codec: field.isCompressed ? 'SNAPPY' : 'UNCOMPRESSED',
      num_values: BigInt(values),
      total_compressed_size: BigInt(this.#out.offset - begin),
      total_uncompressed_size: BigInt(uncompressed),
      data_page_offset: BigInt(begin),
      ...(statistics && { statistics }),
    };
    if (field.statistics === 'bloom') this.#blooms.push({ bloom: bloomOfColumn(column, rowCount), meta });
    return { file_offset: BigInt(begin), meta_data: meta };
  }

  #writePage(
    field: ParquetField,
    shape: ColumnShape,
    column: Column,
    range: RowRange,
  ): { readonly bytes: number; readonly values: number } {
    const values = encodeValues(shape, column, range);
    const packed = field.isCompressed ? snappyCompress(values) : values;
    const isPacked = field.isCompressed && packed.length < values.length;
    const stored = isPacked ? packed : values;
    const page = { rows: range.end - range.begin, values: values.length, stored: stored.length, isPacked };
    const found = levelsOf(field, shape, column, range);
    const levels = isNested(shape) && !field.isCompressed ? aligned(this.#out.offset, found, page) : found;
    const start = this.#out.offset;
    writePageHeader(this.#out, pageHeader(levels, page));
    const headerBytes = this.#out.offset - start;
    this.#out.appendBytes(levels.repetition);
    this.#out.appendBytes(levels.definition);
    this.#out.appendBytes(stored);
    return { bytes: headerBytes + levelBytes(levels) + values.length, values: levels.count };
  }
}

/** What a page's header says beside its levels; bytes of its values before and after compression. */
interface PageFacts {
  readonly rows: number;
  readonly values: number;
  readonly stored: number;
  readonly isPacked: boolean;
}

const levelBytes = ({ repetition, definition }: Levels): number => repetition.length + definition.length;

function pageHeader(levels: Levels, page: PageFacts): PageHeader {
  return {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: levelBytes(levels) + page.values,
    compressed_page_size: levelBytes(levels) + page.stored,
    data_page_header_v2: {
      num_values: levels.count,
      num_nulls: levels.absent,
      num_rows: page.rows,
      encoding: 'PLAIN',
      definition_levels_byte_length: levels.definition.length,
      repetition_levels_byte_length: levels.repetition.length,
      is_compressed: page.isPacked,
    },
  };
}

/** Levels after which the values begin where they should in the file, where the page is large enough. */
function aligned(offset: number, levels: Levels, page: PageFacts): Levels {
  const missing = (tried: Levels): number => {
    const header = new ByteWriter(64);
    writePageHeader(header, pageHeader(tried, page));
    return -(offset + header.offset + levelBytes(tried)) & (PAGE_ALIGNMENT - 1);
  };
  let tried = levels;
  // A longer level can make a number in the header longer, so the first try may miss.
  for (let tries = 0, bytes = missing(levels); tries < 3 && bytes > 0; tries++) {
    tried = lengthened(
      levels,
      (bytes + (tries === 0 ? 0 : levelBytes(tried) - levelBytes(levels))) & (PAGE_ALIGNMENT - 1),
    );
    bytes = missing(tried);
  }
  return tried;
}

function levelsOf(field: ParquetField, shape: ColumnShape, column: Column, range: RowRange): Levels {
  const rows = range.end - range.begin;
  const valid = column.valid.length > 0 ? column.valid.subarray(range.begin, range.end) : undefined;
  if (isNested(shape)) {
    const counts = shape.isList ? entryCounts(shape, column, range) : undefined;
    return encodeListLevels({ ...shape, isOptional: field.isOptional }, { rows, valid, counts });
  }
  return flatLevels(field.isOptional, valid, rows);
}

function flatLevels(isOptional: boolean, valid: Uint8Array | undefined, rows: number): Levels {
  const nulls = valid?.reduce((sum, flag) => sum + (flag === 0 ? 1 : 0), 0) ?? 0;
  const definition = isOptional ? encodeNullFlags(valid, rows) : NO_BYTES;
  return { repetition: NO_BYTES, definition, count: rows, absent: nulls };
}

function pageEnd(shape: ColumnShape, column: Column, row: number, rowCount: number): number {
  const most = Math.min(rowCount, row + PAGE_ROWS_MAX);
  const width = shape.isList ? undefined : entryBytes(shape);
  if (width !== undefined) return row + fixedPageRows(width, rowCount - row);
  if (column.offsets.length === 0) return most;
  const ends = wordsOf(column.offsets);
  const first = ends[row] as number;
  let end = row + 1;
  while (end < most && (ends[end + 1] as number) - first + (end + 1 - row) * 4 <= PAGE_BYTES) end++;
  return end;
}
