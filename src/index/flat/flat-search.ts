// Exact search: scores every row that is not excluded. Runs as a task on any thread, in the shared memory of one segment.
// Memory is the limit, so rows are read in pieces that fit a core's cache and every query visits a piece before the next one.

import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import type { RowBlocks, SearchOutput } from '#index/block/search-output.js';
import { FlatQueries, type FlatSearchContext, type QueryInput } from './flat-queries.js';

export type { FlatSearchContext } from './flat-queries.js';
export { FLAT_K_MAX } from './flat-queries.js';

export interface FlatSearchInput extends QueryInput {
  readonly rowBegin: number;
  readonly rowEnd: number;
  /** Byte offset of row 0's vector. */
  readonly vectorsOffset: number;
  /** Byte offset of row 0's inverse norm; COSINE needs it. */
  readonly inverseNormsOffset?: number;
  /** Absent: vectors (and norms) are contiguous. */
  readonly blocks?: RowBlocks;
  /** Bit i & 7 of byte i >> 3 set: row i is skipped. Rows past its end are not. */
  readonly excluded?: Uint8Array | Uint32Array;
}

const PIECE_BYTES = 256 * 1024;
const PIECE_ROWS_MAX = 32_768;
const BITSET_BYTES = PIECE_ROWS_MAX / 8;

export function flatSearch(input: FlatSearchInput, context: FlatSearchContext): SearchOutput {
  const queries = new FlatQueries(input, context, input.rowEnd - input.rowBegin, BITSET_BYTES);
  checkNorms(input);
  const scan = new Scan(input, queries, context.memories[0] as WebAssembly.Memory);
  return queries.collect((group) => scan.run(group));
}

export function checkNorms(input: { readonly metric: string; readonly inverseNormsOffset?: number }): void {
  if (input.metric === 'COSINE' && input.inverseNormsOffset === undefined) {
    throw new ElanusError('internal', 'COSINE scan without inverse norms, expected inverseNormsOffset');
  }
}

class Scan {
  readonly #input: FlatSearchInput;
  readonly #queries: FlatQueries;
  readonly #memory: WebAssembly.Memory;
  readonly #excluded: Uint8Array | undefined;

  constructor(input: FlatSearchInput, queries: FlatQueries, memory: WebAssembly.Memory) {
    this.#input = input;
    this.#queries = queries;
    this.#memory = memory;
    const { excluded } = input;
    this.#excluded = excluded && bytesView(excluded);
  }

  /** Offers all rows to the loaded queries. */
  run(group: number): void {
    const { dim, rowEnd, vectorsOffset, inverseNormsOffset = 0, blocks } = this.#input;
    const {
      kernel,
      element,
      metric,
      rowBytes,
      tops,
      topStride,
      queries,
      queryStride,
      own: bitset,
      low,
      high,
    } = this.#queries;
    const pieceRows = Math.min(PIECE_ROWS_MAX, Math.max(64, Math.floor(PIECE_BYTES / (rowBytes * 64)) * 64));
    for (let row = this.#input.rowBegin; row < rowEnd; ) {
      const piece = Math.floor(row / 64) * 64; // Bitset words start here; vectors of the rows before `row` are not read.
      const blockBegin = blocks ? Math.floor(piece / blocks.rows) * blocks.rows : 0;
      const base = blocks ? (blockBegin / blocks.rows) * blocks.bytes : 0;
      const end = Math.min(rowEnd, piece + pieceRows, blocks ? blockBegin + blocks.rows : rowEnd);
      const excluded = this.#copyBitset(piece, row, end) ? bitset : 0;
      const from = excluded === 0 ? row : piece;
      const vectors = vectorsOffset + base + (from - blockBegin) * rowBytes;
      const norms = inverseNormsOffset + base + (from - blockBegin) * 4;
      for (let i = 0; i < group; i += 4) {
        const many = Math.min(4, group - i);
        const query = queries + i * queryStride;
        const top = tops + i * topStride;
        if (many === 1)
          kernel.scanOne(
            element,
            metric,
            dim,
            vectors,
            norms,
            from,
            end - from,
            query,
            top,
            excluded,
            low,
            high,
          );
        else {
          kernel.scanMany(
            ...([
              element,
              metric,
              dim,
              vectors,
              norms,
              from,
              end - from,
              many,
              query,
              queryStride,
              top,
              topStride,
            ] as const),
            ...([excluded, low, high] as const),
          );
        }
      }
      row = end;
    }
  }

  /** Copies the bits of [piece, end) into scratch, with those outside [row, end) set; false when no row is excluded. */
  #copyBitset(piece: number, row: number, end: number): boolean {
    const source = this.#excluded?.subarray(piece >> 3, Math.ceil(end / 8));
    if (!source || !hasBit(source)) return false;
    const bits = new Uint8Array(this.#memory.buffer, this.#queries.own, Math.ceil((end - piece) / 64) * 8);
    bits.fill(0, source.length);
    bits.set(source);
    for (let i = piece; i < row; i++) setBit(bits, i - piece);
    for (let i = end - piece; i < bits.length * 8; i++) setBit(bits, i);
    return true;
  }
}

function hasBit(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return true;
  return false;
}

function setBit(bits: Uint8Array, i: number): void {
  bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
}
