// The literals of a block (RFC 8878, 3.1.1.3.1): bytes as they are, one byte many times, or Huffman codes in one or four streams.
import { damaged } from './bits.js';
import { decodeHuffman, type HuffmanTable, readHuffmanTable } from './huffman.js';

export interface Literals {
  readonly bytes: Uint8Array;
  /** The tree that a later block may use again. */
  readonly tree: HuffmanTable | undefined;
  readonly end: number;
}

const RAW = 0;
const ONE_BYTE = 1;
const TREE = 2;

export function readLiterals(block: Uint8Array, tree: HuffmanTable | undefined, bytesMax: number): Literals {
  const first = byteOf(block, 0);
  const [type, format] = [first & 3, (first >> 2) & 3];
  if (type === RAW || type === ONE_BYTE) {
    const [begin, size] = plainSize(block, format);
    check(size, bytesMax);
    const end = begin + (type === RAW ? size : 1);
    if (end > block.length) throw damaged('literals end early');
    const bytes = type === RAW ? block.subarray(begin, end) : new Uint8Array(size).fill(byteOf(block, begin));
    return { bytes, tree, end };
  }
  const begin = format < 2 ? 3 : format + 2;
  const width = format < 2 ? 10 : format === 2 ? 14 : 18;
  const size = numberAt(block, 4, width);
  const end = begin + numberAt(block, 4 + width, width);
  check(size, bytesMax);
  if (end > block.length) throw damaged('literals end early');
  const found = type === TREE ? readHuffmanTable(block.subarray(0, end), begin) : { table: tree, end: begin };
  if (found.table === undefined)
    throw damaged('literals use the tree of an earlier block, and there is none');
  const bytes = new Uint8Array(size);
  const coded = block.subarray(found.end, end);
  if (format === 0) decodeHuffman(found.table, coded, bytes);
  else decodeFour(found.table, coded, bytes);
  return { bytes, tree: found.table, end };
}

const byteOf = (block: Uint8Array, at: number): number => {
  const byte = block[at];
  if (byte === undefined) throw damaged('a block ends early');
  return byte;
};

/** A number of up to 18 bits from a bit of the header on. */
function numberAt(block: Uint8Array, bit: number, width: number): number {
  let value = 0;
  for (let at = (bit + width - 1) >> 3; at >= bit >> 3; at--) value = value * 256 + byteOf(block, at);
  return Math.floor(value / 2 ** (bit & 7)) % 2 ** width;
}

function plainSize(block: Uint8Array, format: number): readonly [begin: number, size: number] {
  if (format === 1) return [2, numberAt(block, 4, 12)];
  if (format === 3) return [3, numberAt(block, 4, 20)];
  return [1, byteOf(block, 0) >> 3];
}

function check(size: number, bytesMax: number): void {
  if (size > bytesMax) throw damaged(`a block has ${size} bytes of literals, expected at most ${bytesMax}`);
}

function decodeFour(table: HuffmanTable, coded: Uint8Array, out: Uint8Array): void {
  const each = (out.length + 3) >> 2;
  if (coded.length < 6 || each * 3 > out.length) throw damaged('literals are too few for four streams');
  let at = 6;
  for (let stream = 0; stream < 4; stream++) {
    const size =
      stream < 3 ? byteOf(coded, stream * 2) + byteOf(coded, stream * 2 + 1) * 256 : coded.length - at;
    if (size < 0 || at + size > coded.length) throw damaged('a stream of literals ends early');
    const end = stream < 3 ? each * (stream + 1) : out.length;
    decodeHuffman(table, coded.subarray(at, at + size), out.subarray(each * stream, end));
    at += size;
  }
}
