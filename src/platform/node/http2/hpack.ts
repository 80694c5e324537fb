// Blocks of headers as HPACK (RFC 7541) writes them. What comes is read with the table of its connection; what goes uses no table, so that a
// block of an answer is made once for all connections. Pure.
import { HEADER_BYTES_EXTRA, type Header, HeaderTable } from './header-table.js';
import { HuffmanTexts, isSame } from './huffman.js';

/** Headers of a stream beyond it are counted, not kept. */
export const HEADER_LIST_BYTES_MAX = 16 * 1024;
const INTEGER_BYTES_MAX = 5;
/** Blocks beyond it, which hardly come twice, are not kept. */
const LATEST_BYTES_MAX = 1024;

/** The block cannot be read, and neither can any that follows on its connection. */
export class CompressionError extends Error {}

export interface HeaderList {
  /** Names and values in turn; not all of them when `bytes` is above the bound. */
  readonly headers: readonly string[];
  /** As HTTP/2 counts them. */
  readonly bytes: number;
}

export class HpackDecoder {
  readonly #table = new HeaderTable();
  readonly #texts = new HuffmanTexts();
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The block that came last, where it added nothing to the table: then the same bytes behind it mean the same. */
  #latest: { readonly block: Uint8Array; readonly list: HeaderList } | undefined;
  #hasAdded = false;

  /** @throws CompressionError */
  decode(block: Uint8Array): HeaderList {
    const latest = this.#latest;
    if (latest !== undefined && isSame(latest.block, block)) return latest.list;
    this.#latest = undefined;
    this.#hasAdded = false;
    const list = this.#decode(block);
    if (!this.#hasAdded && block.length <= LATEST_BYTES_MAX)
      this.#latest = { block: new Uint8Array(block), list };
    return list;
  }

  #decode(block: Uint8Array): HeaderList {
    this.#block = block;
    this.#at = 0;
    const headers: string[] = [];
    let bytes = 0;
    while (this.#at < block.length) {
      const byte = block[this.#at] as number;
      if ((byte & 0xe0) === 0x20) {
        if (bytes > 0 || !this.#table.resize(this.#integer(5)))
          throw new CompressionError('a size of the table that may not be');
        continue;
      }
      const { name, value } = this.#header(byte);
      bytes += name.length + value.length + HEADER_BYTES_EXTRA;
      // The rest is read all the same: the table must be right for the blocks that follow.
      if (bytes <= HEADER_LIST_BYTES_MAX) headers.push(name, value);
    }
    return { headers, bytes };
  }

  #header(byte: number): Header {
    if ((byte & 0x80) !== 0) return this.#indexed(this.#integer(7));
    const isKept = (byte & 0xc0) === 0x40;
    const index = this.#integer(isKept ? 6 : 4);
    const name = index === 0 ? this.#text() : this.#indexed(index).name;
    const header = { name, value: this.#text() };
    if (isKept) {
      this.#hasAdded = true;
      this.#table.add(header);
    }
    return header;
  }

  #indexed(index: number): Header {
    const header = this.#table.at(index);
    if (header === undefined) throw new CompressionError(`no header has the number ${index}`);
    return header;
  }

  #integer(prefixBits: number): number {
    const max = 2 ** prefixBits - 1;
    let value = (this.#block[this.#at++] as number) & max;
    if (value < max) return value;
    for (let shift = 0; shift < INTEGER_BYTES_MAX * 7; shift += 7) {
      const byte = this.#block[this.#at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new CompressionError('a number that does not end');
  }

  #text(): string {
    const first = this.#block[this.#at];
    if (first === undefined) throw new CompressionError('a text is missing');
    const length = this.#integer(7);
    const begin = this.#at;
    this.#at += length;
    if (this.#at > this.#block.length) throw new CompressionError('a text is longer than its block');
    const bytes = this.#block.subarray(begin, this.#at);
    const text = first < 0x80 ? latin1Of(bytes) : this.#texts.decode(bytes);
    if (text === undefined) throw new CompressionError('a text that is no Huffman code');
    return text;
  }
}

const latin1Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

function integer(value: number, prefixBits: number, first: number): number[] {
  const max = 2 ** prefixBits - 1;
  if (value < max) return [first | value];
  const bytes = [first | max];
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}

/** Place of `:status 200` among the headers that everybody knows. */
const STATUS_200 = 8;

/** @param headers names in lower case, and values, of latin-1 */
export function encodeHeaders(headers: readonly (readonly [string, string])[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [name, value] of headers) {
    if (name === ':status' && value === '200') parts.push(Buffer.from(integer(STATUS_200, 7, 0x80)));
    else
      parts.push(
        Buffer.from([0, ...integer(name.length, 7, 0)]),
        Buffer.from(name, 'latin1'),
        Buffer.from(integer(value.length, 7, 0)),
        Buffer.from(value, 'latin1'),
      );
  }
  return Buffer.concat(parts);
}
