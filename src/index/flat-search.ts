// Exact search: scores every row that is not excluded. Runs as a task on any thread, in the shared memory of one segment.
// Memory is the limit, so rows are read in pieces that fit a core's cache and every query visits a piece before the next one.
import { ElanusError } from '#base/errors.js';
import { type FlatKernel, flatKernel, floatOf, KEY_END, KEY_LOWEST, keyOf } from './flat-kernel.js';
import { isLargerBetter, type MetricType, metricCodes } from './metric.js';
import { SCRATCH_BYTES_PER_THREAD, scratchOffsetOf } from './region-layout.js';

export const FLAT_K_MAX = 16_384;
/** Rows in blocks: row r is at offset + floor(r / blockRows) * blockBytes + (r % blockRows) * size of one. */
export interface RowBlocks {
  /** A multiple of 64. */
  readonly rows: number;
  readonly bytes: number;
}
export interface FlatSearchInput {
  readonly dim: number;
  readonly metric: MetricType;
  readonly rowBegin: number;
  readonly rowEnd: number;
  /** Byte offset of row 0's vector. */
  readonly vectorsOffset: number;
  /** Byte offset of row 0's inverse norm; COSINE needs it. */
  readonly inverseNormsOffset?: number;
  /** Absent: vectors (and norms) are contiguous. */
  readonly blocks?: RowBlocks;
  readonly queries: Float32Array;
  /** 0 to 16,384. */
  readonly k: number;
  /** Bit i & 7 of byte i >> 3 set: row i is skipped. Rows past its end are not. */
  readonly excluded?: Uint8Array | Uint32Array;
  /** L2: rangeFilter <= score < radius; IP and COSINE: radius < score <= rangeFilter. */
  readonly radius?: number;
  readonly rangeFilter?: number;
  /** Default: the scratch of the context's thread. */
  readonly scratchOffset?: number;
  readonly scratchBytes?: number;
}
/** Query i's hits are counts[i] entries, after those of the queries before it, best first, equal scores by row. */
export interface FlatSearchOutput {
  readonly counts: Uint32Array;
  readonly rows: Uint32Array;
  readonly scores: Float32Array;
}
export interface FlatSearchContext {
  readonly memories: readonly WebAssembly.Memory[];
  readonly thread?: number;
}

const PIECE_BYTES = 256 * 1024;
const PIECE_ROWS_MAX = 32_768;
const TEMP_BYTES = 32;
const BITSET_BYTES = PIECE_ROWS_MAX / 8;
const TOP_HEADER_BYTES = 16;
const alignUp = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

export function flatSearch(input: FlatSearchInput, context: FlatSearchContext): FlatSearchOutput {
  const { dim, k } = input;
  const memory = context.memories[0];
  if (!memory) throw new ElanusError('internal', 'flatSearch got no memory, expected the segment region');
  const queryCount = input.queries.length / dim;
  if (!Number.isInteger(queryCount)) {
    throw new ElanusError('vector_dim_mismatch', `${input.queries.length} query floats, expected a multiple of dim ${dim}`);
  }
  if (!(k >= 0 && k <= FLAT_K_MAX)) throw new ElanusError('invalid_parameter', `k is ${k}, expected 0 to ${FLAT_K_MAX}`);
  if (input.metric === 'COSINE' && input.inverseNormsOffset === undefined) {
    throw new ElanusError('internal', 'COSINE scan without inverse norms, expected inverseNormsOffset');
  }
  const scratchOffset = input.scratchOffset ?? scratchOffsetOf(context.thread ?? 0);
  const scratch = layoutScratch(
    scratchOffset,
    input.scratchBytes ?? SCRATCH_BYTES_PER_THREAD,
    dim,
    Math.min(k, Math.max(0, input.rowEnd - input.rowBegin)),
    queryCount,
  );
  const scan = new Scan(input, memory, scratch);
  const counts = new Uint32Array(queryCount);
  const rows = new Uint32Array(queryCount * scratch.k);
  const scores = new Float32Array(queryCount * scratch.k);
  let total = 0;
  for (let first = 0; first < queryCount && scratch.k > 0; first += scratch.group) {
    const group = Math.min(scratch.group, queryCount - first);
    scan.load(first, group);
    scan.run(group);
    for (let i = 0; i < group; i++) total += counts[first + i] = scan.take(i, rows, scores, total);
  }
  return total === rows.length ? { counts, rows, scores } : { counts, rows: rows.slice(0, total), scores: scores.slice(0, total) };
}

interface Scratch {
  readonly k: number;
  /** Queries that are in scratch at a time. */
  readonly group: number;
  readonly temp: number;
  readonly bitset: number;
  readonly tops: number;
  readonly topStride: number;
  readonly queries: number;
  readonly queryStride: number;
}
/** temp | bitset of one piece | top-k states | queries */
function layoutScratch(offset: number, bytes: number, dim: number, k: number, queryCount: number): Scratch {
  const temp = alignUp(offset, 16);
  const bitset = temp + TEMP_BYTES;
  const tops = bitset + BITSET_BYTES;
  const topStride = alignUp(TOP_HEADER_BYTES + k * 8, 16);
  const queryStride = alignUp(dim * 4, 16);
  const group = Math.min(queryCount, Math.floor((offset + bytes - tops) / (topStride + queryStride)));
  if (group < 1 && queryCount > 0) {
    throw new ElanusError('internal', `scratch of ${bytes} bytes is too small for one query of dim ${dim} with k ${k}`);
  }
  return { k, group, temp, bitset, tops, topStride, queries: tops + group * topStride, queryStride };
}

class Scan {
  readonly #input: FlatSearchInput;
  readonly #memory: WebAssembly.Memory;
  readonly #scratch: Scratch;
  readonly #kernel: FlatKernel;
  readonly #excluded: Uint8Array | undefined;
  readonly #low: number;
  readonly #high: number;
  constructor(input: FlatSearchInput, memory: WebAssembly.Memory, scratch: Scratch) {
    this.#input = input;
    this.#memory = memory;
    this.#scratch = scratch;
    this.#kernel = flatKernel.on(memory);
    const { excluded } = input;
    this.#excluded = excluded && new Uint8Array(excluded.buffer, excluded.byteOffset, excluded.byteLength);
    const sign = isLargerBetter(input.metric) ? -1 : 1;
    this.#low = input.rangeFilter === undefined ? KEY_LOWEST : keyOf(sign * input.rangeFilter);
    this.#high = input.radius === undefined ? KEY_END : keyOf(sign * input.radius);
    if (Number.isNaN(input.radius) || Number.isNaN(input.rangeFilter)) {
      throw new ElanusError('invalid_parameter', 'radius or range_filter is not a number, expected a finite bound');
    }
  }
  /** Puts queries into scratch with empty top-k states. */
  load(first: number, group: number): void {
    const { dim, metric, queries } = this.#input;
    const { tops, topStride, queryStride, k } = this.#scratch;
    const buffer = this.#memory.buffer;
    for (let i = 0; i < group; i++) {
      const at = this.#scratch.queries + i * queryStride;
      const top = tops + i * topStride;
      new Float32Array(buffer, at, dim).set(queries.subarray((first + i) * dim, (first + i + 1) * dim));
      new Uint32Array(buffer, top, 3).set([0, 0, k]);
      if (metric === 'COSINE') this.#kernel.norms(at, dim, 1, top + 4);
    }
  }
  /** Offers all rows to the loaded queries. */
  run(group: number): void {
    const { dim, metric, rowEnd, vectorsOffset, inverseNormsOffset = 0, blocks } = this.#input;
    const { temp, tops, topStride, queries, queryStride, bitset } = this.#scratch;
    const code = metricCodes[metric];
    const pieceRows = Math.min(PIECE_ROWS_MAX, Math.max(64, Math.floor(PIECE_BYTES / (dim * 4 * 64)) * 64));
    for (let row = this.#input.rowBegin; row < rowEnd; ) {
      const piece = Math.floor(row / 64) * 64; // Bitset words start here; vectors of the rows before `row` are not read.
      const blockBegin = blocks ? Math.floor(piece / blocks.rows) * blocks.rows : 0;
      const base = blocks ? (blockBegin / blocks.rows) * blocks.bytes : 0;
      const end = Math.min(rowEnd, piece + pieceRows, blocks ? blockBegin + blocks.rows : rowEnd);
      const excluded = this.#copyBitset(piece, row, end) ? bitset : 0;
      const from = excluded === 0 ? row : piece;
      const vectors = vectorsOffset + base + (from - blockBegin) * dim * 4;
      const norms = inverseNormsOffset + base + (from - blockBegin) * 4;
      for (let i = 0; i < group; i += 4) {
        const many = Math.min(4, group - i);
        const query = queries + i * queryStride;
        const top = tops + i * topStride;
        if (many === 1) {
          this.#kernel.scanOne(code, dim, vectors, norms, from, end - from, query, top, excluded, this.#low, this.#high);
        } else {
          this.#kernel.scanMany(
            ...([code, dim, vectors, norms, from, end - from, many, query, queryStride, top, topStride] as const),
            ...([excluded, this.#low, this.#high, temp] as const),
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
    const bits = new Uint8Array(this.#memory.buffer, this.#scratch.bitset, Math.ceil((end - piece) / 64) * 8);
    bits.fill(0, source.length);
    bits.set(source);
    for (let i = piece; i < row; i++) setBit(bits, i - piece);
    for (let i = end - piece; i < bits.length * 8; i++) setBit(bits, i);
    return true;
  }
  /** Moves the hits of loaded query i to `at`; returns how many there are. */
  take(i: number, rows: Uint32Array, scores: Float32Array, at: number): number {
    const top = this.#scratch.tops + i * this.#scratch.topStride;
    const count = this.#kernel.finish(top);
    const entries = new Uint32Array(this.#memory.buffer, top + TOP_HEADER_BYTES, count * 2);
    const negative = isLargerBetter(this.#input.metric);
    for (let j = 0; j < count; j++) {
      rows[at + j] = entries[j * 2] as number;
      const value = floatOf(entries[j * 2 + 1] as number);
      scores[at + j] = negative ? 0 - value : value;
    }
    return count;
  }
}
function hasBit(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return true;
  return false;
}
function setBit(bits: Uint8Array, i: number): void {
  bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
}
