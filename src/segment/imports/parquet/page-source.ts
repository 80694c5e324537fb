// The pages of one column chunk of a Parquet file that another tool wrote, one after the other: their levels, and their values unpacked.
// Nothing larger than a page is in memory. What a page claims is bounded by what it has, and by limits of its own.

import { parquetHeader } from 'hyparquet/src/column.js';
import { ElanusError } from '#base/errors.js';
import type { BlockCodec, Decompression, ReadFile } from '#platform/files.js';
import { DamagedFile } from '#segment/imports/file-errors.js';
import { readWhole } from '#segment/imports/open-file.js';
import { decodeHybrid, isOneRun, levelBits } from './hybrid-runs.js';
import { unpackSnappy } from './snappy-block.js';

export interface Chunk {
  readonly begin: number;
  readonly end: number;
  readonly codec: string;
  readonly maxRepetition: number;
  readonly maxDefinition: number;
  readonly rows: number;
}

export interface DataPage {
  /** Pairs of levels: values, nulls, and lists without elements. */
  readonly entries: number;
  /** One an entry; undefined: all are 0. */
  readonly repetition: Uint8Array | undefined;
  /** One an entry; undefined: all are the highest. */
  readonly definition: Uint8Array | undefined;
  /** Entries that have a value. */
  readonly values: number;
  readonly encoding: string;
  readonly bytes: Uint8Array;
}

interface DictionaryPage {
  readonly values: number;
  readonly bytes: Uint8Array;
}

const HEADER_BYTES_MAX = 64 * 1024;
const PAGE_BYTES_MAX = 256 << 20;
/** Values of one page: they may take no byte each. */
const PAGE_VALUES_MAX = 1 << 24;
const blockCodecs: ReadonlyMap<string, BlockCodec> = new Map([
  ['GZIP', 'gzip'],
  ['ZSTD', 'zstd'],
  ['BROTLI', 'brotli'],
]);

type Header = ReturnType<typeof parquetHeader>;

export interface PageSourceParts {
  readonly file: ReadFile;
  readonly key: string;
  readonly chunk: Chunk;
  /** Bytes that are read at a time. */
  readonly windowBytes: number;
  readonly decompression: Decompression | undefined;
  /** Whether a page is used up before the next one is asked for: its memory is used again then. */
  readonly reusesMemory: boolean;
  readonly onRead: (bytes: number) => void;
}

export class PageSource {
  readonly #parts: PageSourceParts;
  #window: Uint8Array = new Uint8Array(0);
  #windowBegin: number;
  /** Where the window lies, when memory is used again. */
  #windowMemory: Uint8Array<ArrayBuffer> | undefined;
  #at: number;
  #unpackedBytes = new Uint8Array(0);
  #levels: readonly [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] = [
    new Uint8Array(0),
    new Uint8Array(0),
  ];
  dictionary: DictionaryPage | undefined;

  constructor(parts: PageSourceParts) {
    this.#parts = parts;
    this.#at = parts.chunk.begin;
    this.#windowBegin = parts.chunk.begin;
  }

  /** The next page with values; undefined: there is none. @throws Error damaged */
  async next(): Promise<DataPage | undefined> {
    const { chunk } = this.#parts;
    while (this.#at < chunk.end) {
      const header = await this.#header();
      const packed = await this.#take(count(header.compressed_page_size, PAGE_BYTES_MAX));
      if (header.type === 'DICTIONARY_PAGE') this.#keepDictionary(header, packed);
      else if (header.type === 'DATA_PAGE') return this.#first(header, packed);
      else if (header.type === 'DATA_PAGE_V2') return this.#second(header, packed);
    }
    return undefined;
  }

  async #header(): Promise<Header> {
    const bytes = await this.#peek(Math.min(HEADER_BYTES_MAX, this.#parts.chunk.end - this.#at));
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    const header = parquetHeader(reader);
    this.#at += reader.offset;
    return header;
  }

  async #take(bytes: number): Promise<Uint8Array> {
    const taken = await this.#peek(bytes);
    this.#at += bytes;
    return taken;
  }

  /** The next so many bytes of the chunk, as a view until the next call. */
  async #peek(bytes: number): Promise<Uint8Array> {
    const { file, key, chunk, windowBytes, onRead } = this.#parts;
    if (this.#at + bytes > chunk.end) throw new DamagedFile(`a page of ${bytes} bytes ends after its column`);
    if (this.#at + bytes > this.#windowBegin + this.#window.length) {
      const end = Math.min(chunk.end, this.#at + Math.max(bytes, windowBytes));
      onRead(end - (this.#windowBegin + this.#window.length));
      this.#window = await readWhole(file, key, {
        begin: this.#at,
        end,
        ...this.#windowRoom(end - this.#at),
      });
      this.#windowBegin = this.#at;
    }
    const begin = this.#at - this.#windowBegin;
    return this.#window.subarray(begin, begin + bytes);
  }

  #windowRoom(bytes: number): { readonly into?: Uint8Array<ArrayBuffer> } {
    if (!this.#parts.reusesMemory) return {};
    if ((this.#windowMemory?.length ?? 0) < bytes) this.#windowMemory = new Uint8Array(bytes);
    return this.#windowMemory === undefined ? {} : { into: this.#windowMemory };
  }

  #keepDictionary(header: Header, packed: Uint8Array): void {
    const bytes = this.#unpacked(packed, count(header.uncompressed_page_size, PAGE_BYTES_MAX));
    // The window moves on, and a dictionary is used until the end of the chunk.
    this.dictionary = {
      values: count(header.dictionary_page_header?.num_values, PAGE_VALUES_MAX),
      bytes: bytes.slice(),
    };
  }

  #first(header: Header, packed: Uint8Array): DataPage {
    const about = header.data_page_header;
    if (about === undefined) throw new DamagedFile('a page has no header of its own');
    const { maxRepetition, maxDefinition } = this.#parts.chunk;
    const entries = count(about.num_values, PAGE_VALUES_MAX);
    const bytes = this.#unpacked(packed, count(header.uncompressed_page_size, PAGE_BYTES_MAX));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    const levels = (highest: number): Uint8Array | undefined => {
      if (highest === 0) return undefined;
      const length = view.getUint32(at, true);
      if (at + 4 + length > bytes.length) throw new DamagedFile('levels end after their page');
      at += 4 + length;
      return bytes.subarray(at - length, at);
    };
    const repetition = this.#decoded(0, levels(maxRepetition), maxRepetition, entries);
    const definition = this.#decoded(1, levels(maxDefinition), maxDefinition, entries);
    return this.#page({
      entries,
      repetition,
      definition,
      encoding: about.encoding,
      bytes: this.#aligned(bytes, at),
    });
  }

  /**
   * What follows the levels. Numbers are read as views of it, which want to begin at a multiple of their width: in memory of ours they are moved
   * to one, over the levels, which are decoded by now.
   */
  #aligned(bytes: Uint8Array, at: number): Uint8Array {
    const off = (bytes.byteOffset + at) % 8;
    if (off === 0 || off > at || bytes.buffer !== this.#unpackedBytes.buffer) return bytes.subarray(at);
    bytes.copyWithin(at - off, at);
    return bytes.subarray(at - off, bytes.length - off);
  }

  #second(header: Header, packed: Uint8Array): DataPage {
    const about = header.data_page_header_v2;
    if (about === undefined) throw new DamagedFile('a page has no header of its own');
    const { maxRepetition, maxDefinition } = this.#parts.chunk;
    const entries = count(about.num_values, PAGE_VALUES_MAX);
    const repetitionBytes = count(about.repetition_levels_byte_length, packed.length);
    const levelBytes = repetitionBytes + count(about.definition_levels_byte_length, packed.length);
    const repetition = packed.subarray(0, repetitionBytes);
    const definition = packed.subarray(repetitionBytes, levelBytes);
    const values = packed.subarray(levelBytes);
    const plain = count(header.uncompressed_page_size, PAGE_BYTES_MAX) - levelBytes;
    const isPacked = about.is_compressed !== false;
    return this.#page({
      entries,
      repetition: this.#decoded(0, repetition, maxRepetition, entries),
      definition: this.#decoded(1, definition, maxDefinition, entries),
      encoding: about.encoding,
      bytes: isPacked ? this.#unpacked(values, count(plain, PAGE_BYTES_MAX)) : values,
    });
  }

  /** Levels of a page; undefined where all definition levels are the highest, or there is but one level. */
  #decoded(
    kind: 0 | 1,
    bytes: Uint8Array | undefined,
    highest: number,
    entries: number,
  ): Uint8Array | undefined {
    if (bytes === undefined || highest === 0) return undefined;
    if (kind === 1 && isOneRun(bytes, entries, highest)) return undefined;
    const decoded = this.#memory(this.#levels[kind], entries);
    if (kind === 0) this.#levels = [decoded, this.#levels[1]];
    else this.#levels = [this.#levels[0], decoded];
    const levels = decoded.subarray(0, entries);
    decodeHybrid(bytes, levelBits(highest), levels);
    // Other levels than these do not fit into their bits.
    if (highest === 2 ** levelBits(highest) - 1) return levels;
    for (let at = 0; at < entries; at++)
      if ((levels[at] as number) > highest)
        throw new DamagedFile(`level ${levels[at]}, expected at most ${highest}`);
    return levels;
  }

  /** At least so many bytes: those of the page before where they may be used again. */
  #memory(before: Uint8Array<ArrayBuffer>, bytes: number): Uint8Array<ArrayBuffer> {
    return this.#parts.reusesMemory && before.length >= bytes ? before : new Uint8Array(bytes);
  }

  #page(page: Omit<DataPage, 'values'>): DataPage {
    const { maxDefinition } = this.#parts.chunk;
    const { definition, entries } = page;
    if (definition === undefined) return { ...page, values: entries };
    let values = 0;
    for (let at = 0; at < entries; at++) if (definition[at] === maxDefinition) values++;
    return { ...page, values };
  }

  #unpacked(packed: Uint8Array, bytes: number): Uint8Array {
    const { chunk, decompression } = this.#parts;
    if (chunk.codec === 'UNCOMPRESSED') {
      if (packed.length !== bytes)
        throw new DamagedFile(`a page has ${packed.length} bytes, expected ${bytes}`);
      return packed;
    }
    if (chunk.codec === 'SNAPPY') {
      // An element of three bytes stands for at most 64.
      if (bytes > packed.length * 64)
        throw new DamagedFile(`a page claims ${bytes} bytes from ${packed.length}`);
      this.#unpackedBytes = this.#memory(this.#unpackedBytes, bytes);
      const output = this.#unpackedBytes.subarray(0, bytes);
      unpackSnappy(packed, output);
      return output;
    }
    const codec = blockCodecs.get(chunk.codec);
    if (codec === undefined || decompression === undefined)
      throw new ElanusError(
        'unsupported',
        `its pages are packed by ${chunk.codec}, expected SNAPPY, GZIP, BROTLI, ZSTD or none; write it with one of these`,
      );
    return decompression.block(codec, packed, bytes);
  }
}

/** A count from the file. @throws Error when it cannot be one */
export function count(value: bigint | number | undefined, most: number): number {
  const number = Number(value ?? -1);
  if (!Number.isSafeInteger(number) || number < 0 || number > most)
    throw new DamagedFile(`${value} is out of range, expected 0 to ${most}`);
  return number;
}
