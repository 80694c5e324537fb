// The typed face of kernels/filter and the small memory it works in: a block of a column is copied there, which takes a tenth of the time of a
// loop over it in JavaScript, and 16 rows are compared at a time. There is one for each thread. What is in the memory is good until the next
// call of anything here, and never across an `await`.
import { Kernel } from '#base/kernel-module.js';
import { filterKernelBase64 } from '#expr/gen/filter-kernel.js';

/** Rows of a block that the memory has room for, at 8 bytes each. */
export const KERNEL_ROWS = 2048;
/** Bytes of a table of values. */
const TABLE_BYTES_MAX = 128 * 1024 + 8;
/** Bytes of text that are searched at once: they stay in the first cache. */
export const WINDOW_BYTES = KERNEL_ROWS * 8;
/** Bytes of the longest text that is searched for. */
export const NEEDLE_BYTES_MAX = 256;

// Addresses. A step of a kernel may read up to 128 bytes, or the length of a needle, behind the data.
const BOUNDS = 64;
const NEEDLE = 512;
const OUT = 1024;
const DATA = 2048;
const TABLE = DATA + WINDOW_BYTES + 2048;
const PAGE_BYTES = 65_536;
const PAGES = Math.ceil((TABLE + TABLE_BYTES_MAX) / PAGE_BYTES);

type MapArguments = [values: number, count: number, low: number, bits: number, span: number, out: number];

interface FilterExports {
  int32sWithin(values: number, count: number, low: number, span: number, out: number): void;
  int64sWithin(values: number, count: number, bounds: number, out: number): void;
  floatsWithin(values: number, count: number, low: number, high: number, out: number): void;
  doublesWithin(values: number, count: number, low: number, high: number, out: number): void;
  bytesSet(bytes: number, count: number, out: number): void;
  int32sMaybeIn(values: number, count: number, bits: number, shift: number, out: number): void;
  int64sMaybeIn(values: number, count: number, bits: number, shift: number, out: number): void;
  addHashes(values: number, count: number, bits: number, shift: number): void;
  int32sOnMap(...args: MapArguments): void;
  int64sOnMap(...args: MapArguments): void;
  find(from: number, end: number, needle: number, length: number): number;
}

const compiled = new Kernel<FilterExports>(filterKernelBase64);

/** What `find` says instead of a place. */
export const NOT_FOUND = -1;
export const GIVEN_UP = -2;

/** Rows [begin, begin + count) of a column, at most `KERNEL_ROWS`. */
interface Block {
  readonly begin: number;
  readonly count: number;
}

/** Whole numbers, each one word or, where it is wide, two. */
interface IntColumn {
  readonly values: Int32Array;
  readonly isWide: boolean;
}

/** A bit for the hash of each value, in its upper 64 - `shift` bits. */
interface HashTable {
  readonly bits: Uint8Array;
  readonly shift: number;
}

/** A bit for each of `span` whole numbers from `low` on, and a 0 behind the last. */
interface NumberMap {
  readonly low: bigint;
  readonly span: number;
  readonly bits: Uint8Array;
}

class FilterKernel {
  readonly #run: FilterExports;
  readonly #bytes: Uint8Array;
  readonly #ints: Int32Array;
  readonly #floats: Float32Array;
  readonly #doubles: Float64Array;
  readonly #bounds: BigInt64Array;
  readonly #out: Uint32Array;
  readonly #table: Uint8Array;
  /** The table that is in the memory. */
  #loaded: Uint8Array | undefined;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
    const { buffer } = memory;
    this.#run = compiled.on(memory);
    this.#bytes = new Uint8Array(buffer);
    this.#ints = new Int32Array(buffer, DATA, KERNEL_ROWS * 2);
    this.#floats = new Float32Array(buffer, DATA, KERNEL_ROWS);
    this.#doubles = new Float64Array(buffer, DATA, KERNEL_ROWS);
    this.#bounds = new BigInt64Array(buffer, BOUNDS, 2);
    this.#out = new Uint32Array(buffer, OUT, KERNEL_ROWS / 32);
    this.#table = new Uint8Array(buffer, TABLE, TABLE_BYTES_MAX);
  }

  /** @param low at most `high`, both of 32 bits */
  int32sWithin(values: Int32Array, block: Block, low: number, high: number, out: Uint32Array): void {
    this.#takeWords(values, block.begin, block.count);
    this.#run.int32sWithin(DATA, block.count, low, high - low, OUT);
    out.set(this.#out);
  }

  /** @param words two of each value */
  int64sWithin(words: Int32Array, block: Block, low: bigint, high: bigint, out: Uint32Array): void {
    this.#takeWords(words, block.begin * 2, block.count * 2);
    this.#bounds[0] = low;
    this.#bounds[1] = high;
    this.#run.int64sWithin(DATA, block.count, BOUNDS, OUT);
    out.set(this.#out);
  }

  floatsWithin(values: Float32Array, block: Block, low: number, high: number, out: Uint32Array): void {
    this.#floats.set(values.subarray(block.begin, block.begin + block.count));
    this.#run.floatsWithin(DATA, block.count, low, high, OUT);
    out.set(this.#out);
  }

  doublesWithin(values: Float64Array, block: Block, low: number, high: number, out: Uint32Array): void {
    this.#doubles.set(values.subarray(block.begin, block.begin + block.count));
    this.#run.doublesWithin(DATA, block.count, low, high, OUT);
    out.set(this.#out);
  }

  /** Clears the bits of rows whose byte is 0. */
  keepSet(bytes: Uint8Array, { begin, count }: Block, bits: Uint32Array): void {
    this.#bytes.set(bytes.subarray(begin, begin + count), DATA);
    this.#run.bytesSet(DATA, count, OUT);
    const out = this.#out;
    for (let word = (count + 31) >>> 5; word-- > 0; )
      bits[word] = (bits[word] as number) & (out[word] as number);
  }

  /** Which of a block may be among the values of a table of hashes. */
  maybeIn(column: IntColumn, block: Block, table: HashTable, out: Uint32Array): void {
    this.#load(table.bits);
    this.#takeInts(column, block);
    if (column.isWide) this.#run.int64sMaybeIn(DATA, block.count, TABLE, table.shift, OUT);
    else this.#run.int32sMaybeIn(DATA, block.count, TABLE, table.shift, OUT);
    out.set(this.#out);
  }

  /** Which of a block have their bit set on a map. */
  onMap(column: IntColumn, block: Block, map: NumberMap, out: Uint32Array): void {
    this.#load(map.bits);
    this.#takeInts(column, block);
    this.#bounds[0] = map.low;
    if (column.isWide) this.#run.int64sOnMap(DATA, block.count, BOUNDS, TABLE, map.span, OUT);
    else this.#run.int32sOnMap(DATA, block.count, BOUNDS, TABLE, map.span, OUT);
    out.set(this.#out);
  }

  /** A table of `bytes` bytes with a bit set for the hash of each value. @param words two of each value @param shift as in `maybeIn` */
  hashesOf(words: Int32Array, bytes: number, shift: number): Uint8Array {
    this.#loaded = undefined;
    this.#table.fill(0, 0, bytes);
    for (let at = 0; at < words.length; at += KERNEL_ROWS * 2) {
      const length = Math.min(KERNEL_ROWS * 2, words.length - at);
      this.#takeWords(words, at, length);
      this.#run.addHashes(DATA, length / 2, TABLE, shift);
    }
    return this.#table.slice(0, bytes);
  }

  takeNeedle(needle: Uint8Array): void {
    this.#bytes.set(needle, NEEDLE);
  }

  /** @param begin of at most `WINDOW_BYTES` */
  takeWindow(bytes: Uint8Array, begin: number, end: number): void {
    this.#bytes.set(bytes.subarray(begin, end), DATA);
  }

  /** Where in the window the needle is, from `begin` on and up to `end`; `NOT_FOUND`, or `GIVEN_UP`: too much was compared. */
  find(begin: number, end: number, length: number): number {
    const found = this.#run.find(DATA + begin, DATA + end, NEEDLE, length);
    return found < 0 ? found : found - DATA;
  }

  #takeInts({ values, isWide }: IntColumn, { begin, count }: Block): void {
    if (isWide) this.#takeWords(values, begin * 2, count * 2);
    else this.#takeWords(values, begin, count);
  }

  #takeWords(words: Int32Array, begin: number, count: number): void {
    this.#ints.set(words.subarray(begin, begin + count));
  }

  #load(table: Uint8Array): void {
    if (this.#loaded === table) return;
    this.#table.set(table);
    this.#loaded = table;
  }
}

let own: FilterKernel | undefined;

/** The kernel of this thread, made when a filter first needs it. */
export function filterKernel(): FilterKernel {
  own ??= new FilterKernel();
  return own;
}
