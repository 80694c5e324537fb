// SPARSE_INVERTED_INDEX: for every index that occurs, the rows that have it and their values, with the maxima that searches prune by.
// One index block (index-block.ts) with these sections; byte table: docs/formats/sparse-index.md. Loading it is a copy and one check.
import { alignUp, bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { encodeIndexBlock, type IndexBlock } from '#index/block/index-block.js';
import { type IndexWorkers, type LoadedIndex, placeIndex, sectionOf } from '#index/block/vector-index.js';
import { MARKS_BYTES, ORDER_BYTES, SUMS_BYTES, TERM_BYTES, TOP_HEADER_BYTES } from './sparse-kernel.js';

export const SPARSE_INDEX_TYPE = 'SPARSE_INVERTED_INDEX';
/** Postings of a list that have a maximum of their own. */
const SPARSE_BLOCK_POSTINGS = 64;
/** Indices of one query that an index search takes. */
export const SPARSE_TERMS_MAX = 65_536;
const K_MAX = 16_384;

export interface SparseBuildInput {
  /** Rows' (uint32 index, float32 value) pairs, one row after another; checked when they were written. */
  readonly data: Uint8Array;
  /** uint32 byte positions, one more than rows. */
  readonly offsets: Uint8Array;
  readonly metric: string;
  readonly algorithm: string;
}

/** Numbers the distinct indices of all pairs. */
class Dictionary {
  count = 0;
  keys = new Uint32Array(1024);
  sizes = new Uint32Array(1024);
  #slots = new Uint32Array(4096);

  add(key: number): void {
    if (this.count * 2 > this.#slots.length) this.#grow();
    const slot = this.#slotOf(key);
    let id = this.#slots[slot] as number;
    if (id === 0) {
      if (this.count === this.keys.length) {
        this.keys = doubled(this.keys);
        this.sizes = doubled(this.sizes);
      }
      this.keys[this.count] = key;
      id = this.#slots[slot] = ++this.count;
    }
    this.sizes[id - 1] = (this.sizes[id - 1] as number) + 1;
  }

  idOf(key: number): number {
    return (this.#slots[this.#slotOf(key)] as number) - 1;
  }

  #slotOf(key: number): number {
    const mask = this.#slots.length - 1;
    let slot = (Math.imul(key, 0x9e3779b1) >>> 7) & mask;
    for (;;) {
      const id = this.#slots[slot] as number;
      if (id === 0 || this.keys[id - 1] === key) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 4);
    for (let id = 0; id < this.count; id++) this.#slots[this.#slotOf(this.keys[id] as number)] = id + 1;
  }
}

function doubled(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

const aligned = (bytes: Uint8Array): Uint8Array =>
  bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);

/** The bytes of the index over these rows. A task: runs on any thread. */
export function sparseBuild({ data, offsets, metric, algorithm }: SparseBuildInput): Uint8Array<ArrayBuffer> {
  const pairs = aligned(data);
  const words = new Uint32Array(pairs.buffer, pairs.byteOffset, pairs.byteLength >> 2);
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  const ends = aligned(offsets);
  const positions = new Uint32Array(ends.buffer, ends.byteOffset, ends.byteLength >> 2);
  const rowCount = Math.max(0, positions.length - 1);
  const dictionary = new Dictionary();
  let total = 0;
  for (let at = 0; at < words.length; at += 2) {
    // A zero adds to no score.
    if (!((floats[at + 1] as number) > 0)) continue;
    dictionary.add(words[at] as number);
    total++;
  }
  const { count, keys, sizes } = dictionary;
  const order = Uint32Array.from({ length: count }, (_, id) => id).sort(
    (a, b) => (keys[a] as number) - (keys[b] as number),
  );
  const dims = Uint32Array.from(order, (id) => keys[id] as number);
  const starts = new Uint32Array(count + 1);
  const blockStarts = new Uint32Array(count + 1);
  const placeOf = new Uint32Array(count);
  for (const [list, id] of order.entries()) {
    const size = sizes[id] as number;
    placeOf[id] = starts[list] as number;
    starts[list + 1] = (starts[list] as number) + size;
    blockStarts[list + 1] = (blockStarts[list] as number) + Math.ceil(size / SPARSE_BLOCK_POSTINGS);
  }
  const rows = new Uint32Array(total);
  const values = new Float32Array(total);
  for (let row = 0; row < rowCount; row++) {
    const end = (positions[row + 1] as number) >> 2;
    for (let at = (positions[row] as number) >> 2; at < end; at += 2) {
      const value = floats[at + 1] as number;
      if (!(value > 0)) continue;
      const id = dictionary.idOf(words[at] as number);
      const place = placeOf[id] as number;
      placeOf[id] = place + 1;
      rows[place] = row;
      values[place] = value;
    }
  }
  const { maxima, blockLasts, blockMaxima } = boundsOf({ starts, blockStarts, rows, values });
  const lengths = metric === 'BM25' ? rowLengths(positions, floats) : undefined;
  const meta = { indexType: SPARSE_INDEX_TYPE, metric, elementType: 'sparse', dim: 0, rowCount };
  return encodeIndexBlock(
    {
      ...meta,
      params: {
        inverted_index_algo: algorithm,
        dims: count,
        postings: total,
        blocks: blockLasts.length,
        ...(lengths && { tokens: sumOf(lengths) }),
      },
    },
    new Map([
      ['dims', bytesView(dims)],
      ['starts', bytesView(starts)],
      ['maxima', bytesView(maxima)],
      ['block_starts', bytesView(blockStarts)],
      ['block_lasts', bytesView(blockLasts)],
      ['block_maxima', bytesView(blockMaxima)],
      ['rows', bytesView(rows)],
      ['values', bytesView(values)],
      ...(lengths ? [['lengths', bytesView(lengths)] as const] : []),
    ]),
  );
}

/** How many words each row has: its values, which are counts, added up. */
function rowLengths(positions: Uint32Array, floats: Float32Array): Uint32Array {
  const lengths = new Uint32Array(Math.max(0, positions.length - 1));
  for (let row = 0; row < lengths.length; row++) {
    const end = (positions[row + 1] as number) >> 2;
    let sum = 0;
    for (let at = (positions[row] as number) >> 2; at < end; at += 2) sum += floats[at + 1] as number;
    lengths[row] = sum;
  }
  return lengths;
}

function sumOf(lengths: Uint32Array): number {
  let sum = 0;
  for (const length of lengths) sum += length;
  return sum;
}

interface Lists {
  readonly starts: Uint32Array;
  readonly blockStarts: Uint32Array;
  readonly rows: Uint32Array;
  readonly values: Float32Array;
}

/** The last row and the largest value of each block, and the largest value of each list. */
function boundsOf(lists: Lists): {
  maxima: Float32Array;
  blockLasts: Uint32Array;
  blockMaxima: Float32Array;
} {
  const count = lists.blockStarts.length - 1;
  const maxima = new Float32Array(count);
  const blockLasts = new Uint32Array(lists.blockStarts[count] as number);
  const blockMaxima = new Float32Array(blockLasts.length);
  for (let list = 0; list < count; list++) {
    forEachBlock(lists, list, (block, last, max) => {
      blockLasts[block] = last;
      blockMaxima[block] = max;
      if (max > (maxima[list] as number)) maxima[list] = max;
    });
  }
  return { maxima, blockLasts, blockMaxima };
}

function forEachBlock(
  { starts, blockStarts, rows, values }: Lists,
  list: number,
  visit: (block: number, last: number, max: number) => void,
): void {
  const end = starts[list + 1] as number;
  let block = blockStarts[list] as number;
  for (let at = starts[list] as number; at < end; at += SPARSE_BLOCK_POSTINGS) {
    const stop = Math.min(end, at + SPARSE_BLOCK_POSTINGS);
    let max = 0;
    for (let i = at; i < stop; i++) if ((values[i] as number) > max) max = values[i] as number;
    visit(block++, rows[stop - 1] as number, max);
  }
}

/** Layout of a thread's work area. */
export interface SparseWork {
  readonly sums: number;
  readonly marks: number;
  readonly top: number;
  readonly excluded: number;
  readonly terms: number;
  readonly order: number;
  readonly end: number;
}

export function sparseWork(begin: number, rowCount: number, dims: number): SparseWork {
  const terms = Math.min(dims, SPARSE_TERMS_MAX);
  const marks = begin + SUMS_BYTES;
  const top = marks + MARKS_BYTES;
  const excluded = top + alignUp(TOP_HEADER_BYTES + Math.min(K_MAX, rowCount) * 8, 64);
  const first = excluded + alignUp(Math.ceil(rowCount / 8), 64);
  const order = first + alignUp(terms * TERM_BYTES, 64);
  const end = order + alignUp(terms * ORDER_BYTES, 64);
  return { sums: begin, marks, top, excluded, terms: first, order, end };
}

/** Typed views of the sections of an index in memory. */
export interface SparseLists extends Lists {
  readonly dims: Uint32Array;
  readonly maxima: Float32Array;
  readonly blockLasts: Uint32Array;
  readonly blockMaxima: Float32Array;
  /** Words of each row; empty but for BM25. */
  readonly lengths: Uint32Array;
}

interface KeptLists {
  readonly buffer: ArrayBufferLike;
  readonly sections: LoadedIndex['placement']['sections'];
  readonly lists: SparseLists;
}

/** Making ten views takes a tenth of a short search, and a memory seldom comes with another index. */
const keptLists = new WeakMap<WebAssembly.Memory, KeptLists>();

const listSections = [
  'dims',
  'starts',
  'block_starts',
  'block_lasts',
  'rows',
  'maxima',
  'block_maxima',
  'values',
  'lengths',
] as const;

export function sparseLists(memory: WebAssembly.Memory, { sections }: LoadedIndex['placement']): SparseLists {
  const kept = keptLists.get(memory);
  if (kept !== undefined && kept.buffer === memory.buffer && areSame(kept.sections, sections))
    return kept.lists;
  const lists = viewsOf(memory, sections);
  keptLists.set(memory, { buffer: memory.buffer, sections, lists });
  return lists;
}

/** Placements are copies in every task, so each is compared by what it says. */
function areSame(one: KeptLists['sections'], other: KeptLists['sections']): boolean {
  if (one === other) return true;
  for (const name of listSections) {
    if (one[name]?.offset !== other[name]?.offset || one[name]?.bytes !== other[name]?.bytes) return false;
  }
  return true;
}

function viewsOf(memory: WebAssembly.Memory, sections: KeptLists['sections']): SparseLists {
  const ints = (name: (typeof listSections)[number]): Uint32Array => {
    const { offset, bytes } = sections[name] ?? { offset: 0, bytes: 0 };
    return new Uint32Array(memory.buffer, offset, bytes >> 2);
  };
  const floats = (name: (typeof listSections)[number]): Float32Array => {
    const of = ints(name);
    return new Float32Array(of.buffer, of.byteOffset, of.length);
  };
  return {
    dims: ints('dims'),
    starts: ints('starts'),
    blockStarts: ints('block_starts'),
    blockLasts: ints('block_lasts'),
    rows: ints('rows'),
    maxima: floats('maxima'),
    blockMaxima: floats('block_maxima'),
    values: floats('values'),
    lengths: ints('lengths'),
  };
}

/**
 * Copies a decoded block into a region of its own and checks what searches rely on. The caller releases the region.
 * @throws data_corrupt; memory_limit
 */
export function loadSparseIndex<Region extends { readonly memory: WebAssembly.Memory }>(
  workers: IndexWorkers<Region>,
  block: IndexBlock,
  threads: number,
): LoadedIndex<Region> {
  const corrupt = (fact: string): ElanusError =>
    new ElanusError('data_corrupt', `a ${SPARSE_INDEX_TYPE} index ${fact}; the index has to be built again`);
  const { meta } = block;
  if (meta.indexType !== SPARSE_INDEX_TYPE || meta.elementType !== 'sparse')
    throw corrupt(`is of type ${meta.indexType}`);
  const numberOf = (name: string): number => {
    const value = meta.params[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 30) return value;
    throw corrupt(`says ${JSON.stringify(value)} for ${name}`);
  };
  const [dims, postings, blocks] = [numberOf('dims'), numberOf('postings'), numberOf('blocks')];
  for (const name of ['dims', 'maxima']) sectionOf(block, name, dims * 4);
  for (const name of ['starts', 'block_starts']) sectionOf(block, name, (dims + 1) * 4);
  for (const name of ['block_lasts', 'block_maxima']) sectionOf(block, name, blocks * 4);
  for (const name of ['rows', 'values']) sectionOf(block, name, postings * 4);
  const isOfWords = meta.metric === 'BM25';
  if (isOfWords) sectionOf(block, 'lengths', meta.rowCount * 4);
  const loaded = placeIndex(workers, block, sparseWork(0, meta.rowCount, dims).end, threads);
  const lists = sparseLists(loaded.region.memory, loaded.placement);
  const problem =
    listsProblem(lists, meta.rowCount) ??
    (isOfWords ? lengthsProblem(lists, meta.rowCount, meta.params.tokens) : undefined);
  if (problem === undefined) return isOfWords ? withShortest(loaded, lists.lengths) : loaded;
  workers.release(loaded.region);
  throw corrupt(problem);
}

/** Beside what the file says, the least number of words of a row that has any: no row can gain more by a word than one of these. */
function withShortest<Region extends { readonly memory: WebAssembly.Memory }>(
  loaded: LoadedIndex<Region>,
  lengths: Uint32Array,
): LoadedIndex<Region> {
  let shortest = Number.POSITIVE_INFINITY;
  for (const length of lengths) if (length > 0 && length < shortest) shortest = length;
  const { placement } = loaded;
  const params = { ...placement.params, shortest: Number.isFinite(shortest) ? shortest : 0 };
  return { ...loaded, placement: { ...placement, params } };
}

/** Searches follow these numbers as addresses and bounds, so none is taken on trust, though a checksum covers them. */
function listsProblem(lists: SparseLists, rowCount: number): string | undefined {
  const { dims, starts, blockStarts, blockLasts, blockMaxima, maxima, rows, values } = lists;
  if (starts[0] !== 0 || blockStarts[0] !== 0) return 'has lists that begin elsewhere';
  if (starts[dims.length] !== rows.length || blockStarts[dims.length] !== blockLasts.length)
    return 'has lists that end elsewhere';
  for (let list = 0; list < dims.length; list++) {
    const [begin, end] = [starts[list] as number, starts[list + 1] as number];
    if (list > 0 && (dims[list] as number) <= (dims[list - 1] as number)) return 'has indices out of order';
    if (end <= begin || end > rows.length) return 'has a list without rows';
    if (
      (blockStarts[list + 1] as number) - (blockStarts[list] as number) !==
      Math.ceil((end - begin) / SPARSE_BLOCK_POSTINGS)
    ) {
      return 'has blocks that do not fit their list';
    }
    let previous = -1;
    for (let at = begin; at < end; at++) {
      const row = rows[at] as number;
      if (row <= previous || row >= rowCount) return 'has rows out of order';
      previous = row;
      const value = values[at] as number;
      if (!(value > 0 && value < Number.POSITIVE_INFINITY)) return 'has a value that is not positive';
    }
    let most = 0;
    let isRight = true;
    forEachBlock(lists, list, (block, last, max) => {
      if (blockLasts[block] !== last || blockMaxima[block] !== max) isRight = false;
      if (max > most) most = max;
    });
    if (!isRight || maxima[list] !== most) return 'has wrong maxima';
  }
  return undefined;
}

/** Scores divide by what lengths make, and statistics rest on their sum. */
function lengthsProblem(lists: SparseLists, rowCount: number, tokens: unknown): string | undefined {
  const sums = new Float64Array(rowCount);
  for (let at = 0; at < lists.rows.length; at++) {
    const row = lists.rows[at] as number;
    sums[row] = (sums[row] as number) + (lists.values[at] as number);
  }
  if (lists.lengths.some((length, row) => length !== sums[row])) return 'has rows of a wrong length';
  return tokens === sumOf(lists.lengths) ? undefined : 'has a wrong number of words';
}
