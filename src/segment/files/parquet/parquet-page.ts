// The pages of one column chunk: their headers, their levels, and where their values lie. Everything read from the file is checked before
// it is used as a length or a position: what a page claims is bounded by the bytes it has and the rows that are left.
import { parquetHeader } from 'hyparquet/src/column.js';
import { decodeListLevels, type Levels, type RowShapes } from './list-levels.js';
import { decodeNullFlags } from './null-flags.js';
import { type ColumnShape, isNested, leafBytes } from './parquet-type.js';
import { snappyDecompress } from './snappy-decoder.js';

export interface Page extends RowShapes {
  readonly rowBegin: number;
  /** Leafs that the page has. */
  readonly values: number;
  readonly valuesOffset: number;
  readonly valuesBytes: number;
  /** Bytes after decompression; undefined: not compressed. */
  readonly unpackedBytes: number | undefined;
}

const PAGE_BYTES_MAX = 1 << 30;
/** The largest number that Thrift's int32 holds. */
export const COUNT_MAX = 0x7fffffff;
/** Snappy's copy elements of 3 bytes stand for at most 64. */
const SNAPPY_RATIO_MAX = 64;

/** A count from the file as a number. */
export function count(value: bigint | number | string | undefined, most: number): number {
  const number = Number(value ?? -1);
  if (!Number.isSafeInteger(number) || number < 0 || number > most)
    throw new Error(`${value} is out of range, expected 0 to ${most}`);
  return number;
}

/** What is known of a column before its pages are read. */
export interface PageLimits {
  readonly shape: ColumnShape;
  readonly isOptional: boolean;
  readonly isSnappy: boolean;
  readonly rowBegin: number;
  /** The row at which the row group ends. */
  readonly end: number;
  readonly chunkEnd: number;
}

/** Reads the page at `reader.offset` and goes behind it. @throws Error */
export function readPage(reader: { view: DataView; offset: number }, limits: PageLimits): Page {
  const header = parquetHeader(reader);
  const v2 = header.data_page_header_v2;
  if (header.type !== 'DATA_PAGE_V2' || !v2)
    throw new Error(`a page is of type ${header.type}, expected DATA_PAGE_V2`);
  if (v2.encoding !== 'PLAIN') throw new Error(`a page has encoding ${v2.encoding}, expected PLAIN`);
  const bytes = count(header.compressed_page_size, limits.chunkEnd - reader.offset);
  const rows = count(v2.num_rows, limits.end - limits.rowBegin);
  const entries = count(v2.num_values, COUNT_MAX);
  const absent = count(v2.num_nulls, entries);
  const repetitionBytes = count(v2.repetition_levels_byte_length, bytes);
  const definitionBytes = count(v2.definition_levels_byte_length, bytes - repetitionBytes);
  if (rows === 0 || (!isNested(limits.shape) && (entries !== rows || repetitionBytes !== 0)))
    throw new Error('a page has a wrong number of rows');
  const levelBytes = repetitionBytes + definitionBytes;
  const valuesBytes = bytes - levelBytes;
  const plainBytes = count(header.uncompressed_page_size, PAGE_BYTES_MAX) - levelBytes;
  const isPacked = limits.isSnappy && v2.is_compressed !== false;
  if (
    plainBytes < 0 ||
    (isPacked ? plainBytes > valuesBytes * SNAPPY_RATIO_MAX : plainBytes !== valuesBytes)
  ) {
    throw new Error(`a page claims ${plainBytes} bytes from ${valuesBytes}`);
  }
  const width = leafBytes(limits.shape.leaf);
  if (width !== undefined && plainBytes !== (entries - absent) * width)
    throw new Error(`a page of ${rows} rows has ${plainBytes} bytes`);
  const { view } = reader;
  const begin = view.byteOffset + reader.offset;
  const repetition = new Uint8Array(view.buffer, begin, repetitionBytes);
  const definition = new Uint8Array(view.buffer, begin + repetitionBytes, definitionBytes);
  const shapes = rowShapes(limits, { repetition, definition, count: entries, absent }, rows);
  const valuesOffset = reader.offset + levelBytes;
  reader.offset += bytes;
  return {
    ...shapes,
    rowBegin: limits.rowBegin,
    values: entries - absent,
    valuesOffset,
    valuesBytes,
    unpackedBytes: isPacked ? plainBytes : undefined,
  };
}

function rowShapes({ shape, isOptional }: PageLimits, levels: Levels, rows: number): RowShapes {
  if (isNested(shape)) return decodeListLevels({ ...shape, isOptional }, levels, rows);
  const { definition, absent } = levels;
  if (!isOptional && (absent > 0 || definition.length > 0)) throw new Error('nulls in a required column');
  if (definition.length === 0) {
    if (absent > 0) throw new Error(`${absent} nulls without flags`);
    return { rows, valid: undefined, counts: undefined };
  }
  const valid = new Uint8Array(rows);
  decodeNullFlags(definition, valid, absent);
  return { rows, valid: absent > 0 ? valid : undefined, counts: undefined };
}

/** The values of a page: a view of the file, or decompressed. */
export function pageValues(bytes: Uint8Array, page: Page): Uint8Array {
  const stored = bytes.subarray(page.valuesOffset, page.valuesOffset + page.valuesBytes);
  if (page.unpackedBytes === undefined) return stored;
  const output = new Uint8Array(page.unpackedBytes);
  snappyDecompress(stored, output);
  return output;
}
