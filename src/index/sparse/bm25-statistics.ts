// How many rows of a segment have each of some words, and how many words those rows have in all: only rows that count, so that what was
// deleted changes no score. Tasks: of the rows in an index by its lists, of those behind it by their pairs.
import { ElanusError } from '#base/errors.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import type { FlatSearchContext } from '#index/flat/flat-search.js';
import { rowLength } from './bm25.js';
import { type SparseLists, sparseLists } from './sparse-index.js';
import { QueryTable } from './sparse-scan.js';

export interface TermStatistics {
  /** Numbers of rows that have each word. */
  readonly frequencies: Uint32Array;
  readonly totalLength: number;
}

interface Counted {
  /** Ascending. */
  readonly terms: Uint32Array;
  /** Bit i & 7 of byte i >> 3 set: row i does not count. */
  readonly excluded?: Uint8Array;
}

export interface IndexStatisticsInput extends Counted {
  readonly index: IndexPlacement;
}

export interface RowStatisticsInput extends Counted {
  /** Byte offset of row `rowBegin`, a multiple of 4. */
  readonly offset: number;
  readonly rowBegin: number;
  readonly rowEnd: number;
}

const isExcluded = (excluded: Uint8Array, row: number): boolean =>
  ((excluded[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;

export function bm25IndexStatistics(
  { index, terms, excluded }: IndexStatisticsInput,
  context: FlatSearchContext,
): TermStatistics {
  const lists = sparseLists(memoryOf(context), index);
  const { tokens } = index.params;
  if (typeof tokens !== 'number') throw new ElanusError('internal', 'statistics of an index without words');
  const frequencies = Uint32Array.from(terms, (term) => frequencyOf(lists, term, excluded));
  return { frequencies, totalLength: tokens - lengthOfExcluded(lists, excluded) };
}

function frequencyOf(
  { dims, starts, rows }: SparseLists,
  term: number,
  excluded: Uint8Array | undefined,
): number {
  const list = placeOf(dims, term);
  if (list < 0) return 0;
  const [begin, end] = [starts[list] as number, starts[list + 1] as number];
  if (excluded === undefined) return end - begin;
  let count = 0;
  for (let at = begin; at < end; at++) if (!isExcluded(excluded, rows[at] as number)) count++;
  return count;
}

function placeOf(dims: Uint32Array, term: number): number {
  let [low, high] = [0, dims.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((dims[middle] as number) < term) low = middle + 1;
    else high = middle;
  }
  return dims[low] === term ? low : -1;
}

function lengthOfExcluded({ lengths }: SparseLists, excluded: Uint8Array | undefined): number {
  let sum = 0;
  const bytes = Math.min(excluded?.length ?? 0, Math.ceil(lengths.length / 8));
  for (let at = 0; at < bytes; at++) {
    const bits = excluded?.[at] ?? 0;
    for (let bit = 0; bits >> bit !== 0; bit++)
      if (((bits >> bit) & 1) !== 0) sum += lengths[at * 8 + bit] ?? 0;
  }
  return sum;
}

export function bm25RowStatistics(
  { offset, rowBegin, rowEnd, terms, excluded }: RowStatisticsInput,
  context: FlatSearchContext,
): TermStatistics {
  const memory = memoryOf(context);
  const words = new Uint32Array(memory.buffer);
  const floats = new Float32Array(memory.buffer);
  // The weight of a word is its place.
  const table = new QueryTable({ indices: terms, values: Float32Array.from(terms, (_, place) => place) });
  const frequencies = new Uint32Array(terms.length);
  let totalLength = 0;
  let at = offset / 4;
  for (let row = rowBegin; row < rowEnd; row++) {
    const begin = at + 1;
    const end = begin + (words[at] as number) * 2;
    at = end;
    if (excluded !== undefined && isExcluded(excluded, row)) continue;
    totalLength += rowLength(floats, begin, end);
    for (let pair = begin; pair < end; pair += 2) {
      const place = table.find(words[pair] as number);
      if (place >= 0) frequencies[place] = (frequencies[place] as number) + 1;
    }
  }
  return { frequencies, totalLength };
}

function memoryOf({ memories }: FlatSearchContext): WebAssembly.Memory {
  const [memory] = memories;
  if (memory === undefined) throw new ElanusError('internal', 'statistics got no memory, expected a region');
  return memory;
}
