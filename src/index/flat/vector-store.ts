// Dense vectors of one segment in its shared memory, appended row by row. Rows live in blocks, each
// [vectors of blockRows rows | their inverse norms], so that both grow without moving what other threads are reading.

import { assert } from '#base/assert.js';
import { alignUp, copyBytes } from '#base/bytes.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { type ElementType, elementCodes, vectorBytes } from '#index/block/element-type.js';
import { DATA_OFFSET, REGION_BYTES_MAX, WASM_PAGE_BYTES } from '#index/block/region-layout.js';
import type { RowBlocks } from '#index/block/search-output.js';
import { flatKernel } from './flat-kernel.js';
import type { FlatSearchInput } from './flat-search.js';
import type { OwedNormsInput } from './owed-norms.js';

export interface VectorStoreOptions {
  readonly dim: number;
  /** Default float32. */
  readonly elementType?: ElementType;
  /** Keep 4 more bytes a row; the COSINE metric needs them. Not for binary vectors. */
  readonly inverseNorms: boolean;
  /** A multiple of 64. A sealed segment that knows its row count passes it, rounded up, and gets one contiguous block. */
  readonly blockRows?: number;
  /** Where the blocks start, a multiple of 4. Default DATA_OFFSET. */
  readonly offset?: number;
  /** Where they end at the latest, when something else follows in the memory. Default: they may take it all. */
  readonly end?: number;
}

/** What flatSearch needs to find rows; plain data, to be sent to a worker. */
export type VectorPlace = Pick<
  FlatSearchInput,
  'dim' | 'elementType' | 'vectorsOffset' | 'inverseNormsOffset' | 'blocks'
>;

const BLOCK_BYTES = 1 << 20;
/** About 1 MiB of vectors, so that a small segment stays small, a power of two from 64 to 16,384. */
export const defaultBlockRows = (bytesPerVector: number): number =>
  Math.min(16_384, Math.max(64, 2 ** Math.floor(Math.log2(BLOCK_BYTES / bytesPerVector))));
export const roundUpBlockRows = (rows: number): number => Math.max(64, alignUp(rows, 64));

export class VectorStore {
  readonly dim: number;
  readonly elementType: ElementType;
  /** Bytes of one vector. */
  readonly vectorBytes: number;
  readonly blocks: RowBlocks;
  readonly offset: number;
  readonly hasInverseNorms: boolean;
  readonly #memory: WebAssembly.Memory;
  readonly #end: number;
  #rowCount = 0;
  /** Rows from `begin` on lack their norms, up to `end`; none otherwise lacks them. */
  #owed = { begin: 0, end: 0 };

  constructor(region: { readonly memory: WebAssembly.Memory }, options: VectorStoreOptions) {
    const {
      dim,
      inverseNorms,
      elementType = 'float32',
      offset = DATA_OFFSET,
      end = REGION_BYTES_MAX,
    } = options;
    const { blockRows = defaultBlockRows(vectorBytes(elementType, dim)) } = options;
    assert(Number.isInteger(dim) && dim > 0, `dim is ${dim}`);
    assert(blockRows > 0 && blockRows % 64 === 0, `blockRows is ${blockRows}, expected a multiple of 64`);
    assert(!(inverseNorms && elementType === 'binary'), 'binary vectors have no norms');
    assert(offset % 4 === 0, `offset is ${offset}, expected a multiple of 4`);
    this.#memory = region.memory;
    this.#end = end;
    this.dim = dim;
    this.elementType = elementType;
    this.vectorBytes = vectorBytes(elementType, dim);
    this.offset = offset;
    this.hasInverseNorms = inverseNorms;
    this.blocks = { rows: blockRows, bytes: blockRows * (this.vectorBytes + (inverseNorms ? 4 : 0)) };
  }

  /** Bytes that a region needs for so many rows, from its start. */
  static bytesFor(rows: number, options: VectorStoreOptions): number {
    const { dim, inverseNorms, elementType = 'float32', offset = DATA_OFFSET } = options;
    const bytes = vectorBytes(elementType, dim);
    const { blockRows = defaultBlockRows(bytes) } = options;
    return offset + Math.ceil(rows / blockRows) * blockRows * (bytes + (inverseNorms ? 4 : 0));
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Rows that fit without growing the memory. */
  get capacity(): number {
    const end = Math.min(this.#end, this.#memory.buffer.byteLength);
    return Math.max(0, Math.floor((end - this.offset) / this.blocks.bytes)) * this.blocks.rows;
  }

  /** The first byte after all blocks in use. */
  get endOffset(): number {
    return this.offset + Math.ceil(this.#rowCount / this.blocks.rows) * this.blocks.bytes;
  }

  /** Rows whose inverse norms are still to be computed. As long as there are some, `place` says of no norms. */
  get normsOwed(): number {
    return this.#owed.end - this.#owed.begin;
  }

  get place(): VectorPlace {
    const { dim, elementType, offset: vectorsOffset, blocks } = this;
    return this.hasInverseNorms && this.normsOwed === 0
      ? { dim, elementType, vectorsOffset, blocks, inverseNormsOffset: offsetOfNorms(this, 0) }
      : { dim, elementType, vectorsOffset, blocks };
  }

  /** Byte offset of a row's vector. */
  vectorOffset(row: number): number {
    const block = Math.floor(row / this.blocks.rows);
    return this.offset + block * this.blocks.bytes + (row - block * this.blocks.rows) * this.vectorBytes;
  }

  /**
   * Appends whole vectors, bytes as they came, at any alignment. `inverseNorms`, when known, are taken instead of computed.
   * @returns the number of the first new row. @throws memory_limit, and then nothing is appended.
   */
  append(bytes: Uint8Array, inverseNorms?: Float32Array): number {
    const { vectorBytes } = this;
    const rows = bytes.length / vectorBytes;
    assert(Number.isInteger(rows), `${bytes.length} bytes are no whole vectors of ${vectorBytes} bytes`);
    assert(inverseNorms === undefined || inverseNorms.length === rows, 'one inverse norm per vector');
    return this.#appendInBlocks(rows, (at, done, count) => {
      const block = new Uint8Array(this.#memory.buffer, at, count * vectorBytes);
      copyBytes(bytes, done * vectorBytes, (done + count) * vectorBytes, block, 0);
      return inverseNorms?.subarray(done, done + count);
    });
  }

  /**
   * Appends rows of which some have no vector; those are left zero, as memory beyond the rows is.
   * @param bytes of the rows that have one, one after the other; @param valid a byte a row, 0 for a row without
   * @returns the number of the first new row. @throws memory_limit, and then nothing is appended.
   */
  appendPresent(bytes: Uint8Array, valid: Uint8Array): number {
    const { vectorBytes } = this;
    let from = 0;
    const first = this.#appendInBlocks(valid.length, (at, done, count) => {
      const block = new Uint8Array(this.#memory.buffer, at, count * vectorBytes);
      const end = done + count;
      for (let row = done; row < end; row++) {
        if (valid[row] === 0) continue;
        const begin = row;
        while (row < end && valid[row] !== 0) row++;
        const length = (row - begin) * vectorBytes;
        copyBytes(bytes, from, from + length, block, (begin - done) * vectorBytes);
        from += length;
      }
      return undefined;
    });
    assert(from === bytes.length, `${bytes.length} bytes for vectors of ${from}`);
    return first;
  }

  /** @param fill writes so many rows, those from `done` on, to an address; @returns their inverse norms if they are known. */
  #appendInBlocks(
    rows: number,
    fill: (at: number, done: number, count: number) => Float32Array | undefined,
  ): number {
    this.reserve(this.#rowCount + rows);
    const first = this.#rowCount;
    for (let done = 0; done < rows; ) {
      const row = first + done;
      const count = Math.min(rows - done, this.blocks.rows - (row % this.blocks.rows));
      const at = this.vectorOffset(row);
      const norms = fill(at, done, count);
      if (this.hasInverseNorms) {
        if (norms) new Float32Array(this.#memory.buffer, offsetOfNorms(this, row), count).set(norms);
        else this.#computeNorms(row, count);
      }
      done += count;
    }
    this.#rowCount += rows;
    return first;
  }

  /**
   * Where the vectors of the next rows will lie, for whoever reads them there from a file: they are no rows until `appendWritten` says so.
   * Undefined: not all in one piece. @throws memory_limit
   */
  unwritten(rows: number): Uint8Array | undefined {
    this.reserve(this.#rowCount + rows);
    if ((this.#rowCount % this.blocks.rows) + rows > this.blocks.rows) return undefined;
    return new Uint8Array(this.#memory.buffer, this.vectorOffset(this.#rowCount), rows * this.vectorBytes);
  }

  /** Norms of some of the unwritten vectors, from the first of them, once their bytes are there. */
  prepareUnwritten(begin: number, end: number): void {
    if (this.hasInverseNorms && end > begin) this.#computeNorms(this.#rowCount + begin, end - begin);
  }

  /** Appends rows whose vectors lie in their place already. @param isPrepared their norms, too; else they are owed */
  appendWritten(rows: number, isPrepared: boolean): void {
    assert(this.#rowCount + rows <= this.capacity, `${rows} vectors were not written`);
    this.#rowCount += rows;
    if (isPrepared || !this.hasInverseNorms) return;
    const end = this.#rowCount;
    this.#owed = { begin: this.normsOwed === 0 ? end - rows : this.#owed.begin, end };
  }

  /** The next of the norms that are owed, of so many rows at most; undefined: none is. */
  owedNorms(rows: number): OwedNormsInput | undefined {
    const { begin, end } = this.#owed;
    if (begin === end) return undefined;
    const count = Math.min(rows, end - begin, this.blocks.rows - (begin % this.blocks.rows));
    return {
      elementType: this.elementType,
      dim: this.dim,
      count,
      vectors: this.vectorOffset(begin),
      norms: offsetOfNorms(this, begin),
    };
  }

  /** They are there. Twice the same, as when two have computed them, counts once. */
  normsComputed({ vectors, count }: OwedNormsInput): void {
    const { begin, end } = this.#owed;
    if (begin < end && vectors === this.vectorOffset(begin)) this.#owed = { begin: begin + count, end };
  }

  #computeNorms(row: number, count: number): void {
    const code = elementCodes[this.elementType];
    const [at, normsAt] = [this.vectorOffset(row), offsetOfNorms(this, row)];
    flatKernel.on(this.#memory).norms(code, at, this.dim, count, normsAt);
  }

  /** Appends rows without a vector. Memory beyond the rows is zero, and so is what it holds of them: nothing is written. @throws memory_limit */
  appendEmpty(rows: number): number {
    this.reserve(this.#rowCount + rows);
    const first = this.#rowCount;
    this.#rowCount += rows;
    return first;
  }

  /** Grows the memory to hold so many rows in all. @throws memory_limit */
  reserve(rows: number): void {
    const needed = this.offset + Math.ceil(rows / this.blocks.rows) * this.blocks.bytes;
    assert(
      this.#end === REGION_BYTES_MAX || needed <= this.#end,
      `${rows} vectors end at ${needed}, their place at ${this.#end}`,
    );
    const missing = needed - this.#memory.buffer.byteLength;
    if (missing <= 0) return;
    const refuse = (why: string, cause?: unknown): ElanusError =>
      new ElanusError(
        'memory_limit',
        `segment of ${rows} vectors needs ${needed} bytes: ${why}; use smaller segments`,
        { cause },
      );
    if (needed > REGION_BYTES_MAX) throw refuse(`expected at most ${REGION_BYTES_MAX}`);
    try {
      this.#memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
    } catch (error) {
      throw refuse(messageOf(error), error);
    }
  }

  /** Appends all rows of another store of such vectors. */
  appendAll(other: VectorStore): void {
    const { rows: blockRows } = other.blocks;
    for (let row = 0; row < other.rowCount; row += blockRows) {
      const count = Math.min(blockRows, other.rowCount - row);
      const norms =
        other.hasInverseNorms && other.normsOwed === 0
          ? new Float32Array(other.#memory.buffer, offsetOfNorms(other, row), count)
          : undefined;
      this.append(
        new Uint8Array(other.#memory.buffer, other.vectorOffset(row), count * other.vectorBytes),
        norms,
      );
    }
  }

  /** A copy of one vector's bytes. */
  view(row: number): Uint8Array {
    this.#check(row);
    return new Uint8Array(this.#memory.buffer, this.vectorOffset(row), this.vectorBytes).slice();
  }

  /** Copies of the vectors of these rows, one after the other. @param into memory for them, when it is large enough */
  copyRows(rows: Uint32Array, into?: Uint8Array): Uint8Array {
    const { vectorBytes } = this;
    const bytes = rows.length * vectorBytes;
    const copy = into !== undefined && into.length >= bytes ? into.subarray(0, bytes) : new Uint8Array(bytes);
    const memory = new Uint8Array(this.#memory.buffer);
    for (let i = 0; i < rows.length; ) {
      const row = rows[i] as number;
      this.#check(row);
      const count = this.#runFrom(rows, i);
      const at = this.vectorOffset(row);
      copy.set(memory.subarray(at, at + count * vectorBytes), i * vectorBytes);
      i += count;
    }
    return copy;
  }

  /** How many of the rows from index `i` on follow each other and lie in one block, so that one copy takes them all. */
  #runFrom(rows: Uint32Array, i: number): number {
    const row = rows[i] as number;
    const most = Math.min(rows.length - i, this.#rowCount - row, this.blocks.rows - (row % this.blocks.rows));
    let count = 1;
    while (count < most && rows[i + count] === row + count) count++;
    return count;
  }

  /** Copies of the inverse norms of all rows. */
  copyInverseNorms(): Float32Array {
    assert(this.hasInverseNorms && this.normsOwed === 0, 'this store has no inverse norms of all rows');
    const copy = new Float32Array(this.#rowCount);
    for (let row = 0; row < copy.length; row += this.blocks.rows) {
      const count = Math.min(this.blocks.rows, copy.length - row);
      copy.set(new Float32Array(this.#memory.buffer, offsetOfNorms(this, row), count), row);
    }
    return copy;
  }

  #check(row: number): void {
    assert(row >= 0 && row < this.#rowCount, `row ${row} of ${this.#rowCount}`);
  }
}

function offsetOfNorms(store: VectorStore, row: number): number {
  const block = Math.floor(row / store.blocks.rows);
  return (
    store.offset +
    block * store.blocks.bytes +
    store.blocks.rows * store.vectorBytes +
    (row - block * store.blocks.rows) * 4
  );
}
