// Exact search of sparse rows without an index: each row's pairs are looked up in a hash table of the query. For growing rows, and for
// segments too small for an index. Rows lie in shared memory one after another, a uint32 count of pairs before each row's pairs.

import { ElanusError } from '#base/errors.js';
import type { SearchOutput } from '#index/block/search-output.js';
import { TopScores } from '#index/block/top-scores.js';
import type { FlatSearchContext } from '#index/flat/flat-search.js';
import { type Bm25Norm, rowLength } from './bm25.js';
import { type SparseQuery, scoreBounds, unpackSparseQueries } from './sparse-query.js';

export interface SparseScanInput {
  /** Byte offset of row `rowBegin`, a multiple of 4. */
  readonly offset: number;
  readonly rowBegin: number;
  readonly rowEnd: number;
  /** Only these rows, whatever `rowBegin`, `rowEnd` and `excluded` say, ascending, and where each begins. */
  readonly places?: SparsePlaces;
  /** Packed queries, as `unpackSparseQueries` reads them. */
  readonly queries: Uint8Array;
  readonly k: number;
  /** Bit i & 7 of byte i >> 3 set: row i is skipped. Rows past its end are not. */
  readonly excluded?: Uint8Array;
  /** radius < score <= rangeFilter */
  readonly radius?: number;
  readonly rangeFilter?: number;
  /** Scores are those of BM25: values of rows are counts of words. */
  readonly bm25?: Bm25Norm;
}

export interface SparsePlaces {
  readonly rows: Uint32Array;
  /** Byte offset of each, a multiple of 4. */
  readonly offsets: Uint32Array;
}

const FREE = 0xffffffff;
/** Odd, and large in the multiplicative sense: spreads neighbouring indices over the table. */
const HASH = 0x9e3779b1;

/** Open addressing, at most a quarter full. */
export class QueryTable {
  readonly keys: Uint32Array;
  readonly weights: Float64Array;
  readonly shift: number;

  constructor({ indices, values }: SparseQuery) {
    const bits = Math.max(4, Math.ceil(Math.log2(Math.max(1, indices.length))) + 2);
    this.shift = 32 - bits;
    this.keys = new Uint32Array(2 ** bits).fill(FREE);
    this.weights = new Float64Array(2 ** bits);
    for (const [i, index] of indices.entries()) {
      let at = Math.imul(index, HASH) >>> this.shift;
      while (this.keys[at] !== FREE) at = (at + 1) & (this.keys.length - 1);
      this.keys[at] = index;
      this.weights[at] = values[i] as number;
    }
  }

  /** The weight of an index; -1 where the query has it not. */
  find(index: number): number {
    let at = Math.imul(index, HASH) >>> this.shift;
    for (;;) {
      const key = this.keys[at] as number;
      if (key === index) return this.weights[at] as number;
      if (key === FREE) return -1;
      at = (at + 1) & (this.keys.length - 1);
    }
  }
}

export function sparseScan(input: SparseScanInput, context: FlatSearchContext): SearchOutput {
  const memory = context.memories[0];
  if (!memory) throw new ElanusError('internal', 'sparseScan got no memory, expected the region of the rows');
  const queries = unpackSparseQueries(input.queries);
  const most = input.places?.rows.length ?? input.rowEnd - input.rowBegin;
  const k = Math.max(0, Math.min(input.k, most));
  const { low, high } = scoreBounds(input.radius, input.rangeFilter);
  const words = new Uint32Array(memory.buffer);
  const floats = new Float32Array(memory.buffer);
  const counts = new Uint32Array(queries.length);
  const rows = new Uint32Array(queries.length * k);
  const scores = new Float32Array(queries.length * k);
  let total = 0;
  for (const [q, query] of queries.entries()) {
    const top = new TopScores(k);
    if (query.indices.length > 0 && k > 0) {
      const scan = new RowScan({
        words,
        floats,
        table: new QueryTable(query),
        top,
        low,
        high,
        bm25: input.bm25,
      });
      if (input.places === undefined) scan.range(input);
      else scan.places(input.places);
    }
    counts[q] = top.take(rows, scores, total);
    total += counts[q] as number;
  }
  return { counts, rows: rows.slice(0, total), scores: scores.slice(0, total) };
}

interface ScanParts {
  readonly words: Uint32Array;
  readonly floats: Float32Array;
  readonly table: QueryTable;
  readonly top: TopScores;
  readonly low: number;
  readonly high: number;
  readonly bm25: Bm25Norm | undefined;
}

/** One query over rows, which come in ascending order. */
class RowScan {
  readonly #parts: ScanParts;
  #threshold: number;

  constructor(parts: ScanParts) {
    this.#parts = parts;
    this.#threshold = parts.low;
  }

  range({ offset, rowBegin, rowEnd, excluded }: SparseScanInput): void {
    const { words } = this.#parts;
    let at = offset / 4;
    for (let row = rowBegin; row < rowEnd; row++) {
      if (!excluded || ((excluded[row >> 3] ?? 0) & (1 << (row & 7))) === 0) this.#offer(row, at);
      at += 1 + (words[at] as number) * 2;
    }
  }

  places({ rows, offsets }: SparsePlaces): void {
    for (let i = 0; i < rows.length; i++) this.#offer(rows[i] as number, (offsets[i] as number) / 4);
  }

  #offer(row: number, at: number): void {
    const { high, top, bm25 } = this.#parts;
    const sum = bm25 === undefined ? this.#scoreAt(at) : this.#scoreOfWords(at, bm25);
    if (!(sum > this.#threshold)) return;
    const score = Math.fround(sum);
    if (!(score > this.#threshold) || score > high) return;
    top.offer(score, row);
    // Rows come in ascending order, so an equal score that comes later never gets in.
    if (top.worst > this.#threshold) this.#threshold = top.worst;
  }

  /** Apart from the sum of products, whose loop it would slow down. */
  #scoreOfWords(begin: number, { base, slope }: Bm25Norm): number {
    const { words, floats, table } = this.#parts;
    const end = begin + 1 + (words[begin] as number) * 2;
    const norm = base + slope * rowLength(floats, begin + 1, end);
    let sum = 0;
    for (let at = begin + 1; at < end; at += 2) {
      const weight = table.find(words[at] as number);
      const count = floats[at + 1] as number;
      if (weight > 0) sum += (weight * count) / (count + norm);
    }
    return sum;
  }

  #scoreAt(begin: number): number {
    const { words, floats, table } = this.#parts;
    const { keys, weights, shift } = table;
    const mask = keys.length - 1;
    const end = begin + 1 + (words[begin] as number) * 2;
    let sum = 0;
    for (let at = begin + 1; at < end; at += 2) {
      const index = words[at] as number;
      let slot = Math.imul(index, HASH) >>> shift;
      for (;;) {
        const key = keys[slot] as number;
        if (key === index) {
          sum += (weights[slot] as number) * (floats[at + 1] as number);
          break;
        }
        if (key === FREE) break;
        slot = (slot + 1) & mask;
      }
    }
    return sum;
  }
}
