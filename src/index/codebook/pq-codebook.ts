// Product quantisation: a vector is cut into m parts, and each part becomes the number of the nearest of 2^nbits trained codewords.
// With levels (PRQ), each further level quantises what the levels before it left over; a vector is then the sum of its levels.
// Tables are numbered level by level: table level * m + part.
import { ElanusError } from '#base/errors.js';
import { fromPanels, panelsFor } from './centroid-panels.js';
import { ivfKernel } from './ivf-kernel.js';

const PQ_BITS_MAX = 16;
export interface PqShape {
  /** Dimension of the vectors; `padded` is m * partDim, with zeros past dim. */
  readonly dim: number;
  readonly m: number;
  readonly nbits: number;
  readonly levels: number;
  readonly partDim: number;
  readonly padded: number;
  /** Codewords of a table: 2^nbits, or fewer when there are fewer vectors to learn from. */
  readonly codewords: number;
  /** Places of a table, a multiple of eight, and 16 for codes of up to four bits. */
  readonly entries: number;
  /** m * levels. */
  readonly tables: number;
  /** Bytes of one code when codes are not packed: 1 or 2. */
  readonly codeBytes: number;
}

/** @param rows that there are to learn from. @throws invalid_parameter */
export function pqShape(dim: number, m: number, nbits: number, levels: number, rows: number): PqShape {
  if (!(Number.isInteger(nbits) && nbits >= 1 && nbits <= PQ_BITS_MAX)) {
    throw new ElanusError(
      'invalid_parameter',
      `nbits is ${nbits}, expected 1 to ${PQ_BITS_MAX}; 8 suits most data`,
    );
  }
  if (!(Number.isInteger(m) && m >= 1 && m <= dim))
    throw new ElanusError('invalid_parameter', `m is ${m}, expected 1 to dim ${dim}`);
  if (!(Number.isInteger(levels) && levels >= 1 && levels <= 16)) {
    throw new ElanusError('invalid_parameter', `nrq is ${levels}, expected 1 to 16`);
  }
  const partDim = Math.ceil(dim / m);
  const codewords = Math.max(1, Math.min(2 ** nbits, rows));
  const entries = nbits <= 4 ? 16 : panelsFor(codewords) * 8;
  return {
    dim,
    m,
    nbits,
    levels,
    partDim,
    padded: m * partDim,
    codewords,
    entries,
    tables: m * levels,
    codeBytes: nbits <= 8 ? 1 : 2,
  };
}

/** Float32 values of the codebook: per table [panel][partDim][8]. */
export const pqBookFloats = (shape: PqShape): number => shape.tables * shape.entries * shape.partDim;
/** Float32 values of the biases beside it: half the squared length of each codeword, Infinity where there is none. */
export const pqBiasFloats = (shape: PqShape): number => shape.tables * shape.entries;

/** Where a codebook lies in a memory, as byte offsets. */
export interface PqPlace {
  readonly shape: PqShape;
  readonly books: number;
  readonly bias: number;
}

/** Work of encoding `count` vectors at a time: ids and values of one table. */
export const pqEncodeBytes = (count: number): number => count * 8;

/**
 * Encodes `count` vectors of shape.padded floats at `vectors`, row after row, into `codes` (`count` * tables, row-major).
 * What the codes do not say is left in place of the vectors: subtracting it from the vector gives what they stand for.
 */
export function pqEncode(
  memory: WebAssembly.Memory,
  { shape, books, bias }: PqPlace,
  vectors: number,
  count: number,
  work: number,
  codes: Uint8Array | Uint16Array,
): void {
  const { m, levels, partDim, entries, padded, tables } = shape;
  const kernel = ivfKernel.on(memory);
  const ids = new Uint32Array(memory.buffer, work, count);
  const floats = new Float32Array(memory.buffer, vectors, count * padded);
  const word = new Float32Array(partDim);
  for (let table = 0; table < levels * m; table++) {
    const part = (table % m) * partDim;
    const panels = books + table * entries * partDim * 4;
    kernel.assign(
      vectors + part * 4,
      padded * 4,
      count,
      partDim,
      panels,
      entries / 8,
      bias + table * entries * 4,
      work,
      work + count * 4,
    );
    const book = new Float32Array(memory.buffer, panels, entries * partDim);
    for (let i = 0; i < count; i++) {
      const id = ids[i] as number;
      codes[i * tables + table] = id;
      fromPanels(book, partDim, id, word);
      const at = i * padded + part;
      for (let d = 0; d < partDim; d++) floats[at + d] = (floats[at + d] as number) - (word[d] as number);
    }
  }
}

/** What a row of codes stands for, into `out` (shape.padded floats). */
export function pqDecode(
  memory: WebAssembly.Memory,
  { shape, books }: PqPlace,
  codes: ArrayLike<number>,
  out: Float32Array,
): void {
  const { m, partDim, entries, tables } = shape;
  const word = new Float32Array(partDim);
  out.fill(0);
  for (let table = 0; table < tables; table++) {
    const book = new Float32Array(memory.buffer, books + table * entries * partDim * 4, entries * partDim);
    fromPanels(book, partDim, codes[table] as number, word);
    const at = (table % m) * partDim;
    for (let d = 0; d < partDim; d++) out[at + d] = (out[at + d] as number) + (word[d] as number);
  }
}

/**
 * Fills `tables` (shape.tables * shape.entries floats) with minus the inner products of the query's parts and the codewords: the sum of
 * a row's entries is minus the inner product of the query with what its codes stand for. Scale the query to scale the tables.
 * @param zeros shape.entries float zeros.
 */
export function pqTables(
  memory: WebAssembly.Memory,
  { shape, books }: PqPlace,
  query: number,
  zeros: number,
  tables: number,
): void {
  const kernel = ivfKernel.on(memory);
  const { m, partDim, entries } = shape;
  for (let table = 0; table < shape.tables; table++) {
    const part = query + (table % m) * partDim * 4;
    kernel.scoreAll(
      part,
      partDim,
      books + table * entries * partDim * 4,
      entries / 8,
      zeros,
      tables + table * entries * 4,
    );
  }
}
