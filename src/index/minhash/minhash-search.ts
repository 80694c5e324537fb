// Search of MinHash signatures: in a MINHASH_LSH index, where only rows that share a band with the query are looked at, and by scan, where
// all are. Rows that share one are scored by all their elements, whatever `mh_search_with_jaccard` says: then scores mean the same
// everywhere. The score (MHJACCARD) is the part of elements that agree, an estimate of the Jaccard similarity of the two sets: larger is better.

import { ElanusError } from '#base/errors.js';
import type { RowBlocks, SearchOutput } from '#index/block/search-output.js';
import { TopScores } from '#index/block/top-scores.js';
import type { IndexSearchInput } from '#index/block/vector-index.js';
import { FLAT_K_MAX, type FlatSearchContext } from '#index/flat/flat-search.js';
import { bandBytes, bandHash, elementsOf, minhashLists, minhashShape } from './minhash-index.js';

interface MinhashRequest {
  /** Byte offset of row 0's signature, in the first memory. */
  readonly vectorsOffset: number;
  /** Absent: signatures are contiguous. */
  readonly blocks?: RowBlocks;
  /** Signatures one after another. */
  readonly queries: Uint8Array;
  /** 0 to 16,384. */
  readonly k: number;
  /** Bit i & 7 of byte i >> 3 set: row i is skipped. Rows past its end are not. */
  readonly excluded?: Uint8Array;
  /** radius < score <= rangeFilter */
  readonly radius?: number;
  readonly rangeFilter?: number;
}

export interface MinhashScanInput extends MinhashRequest {
  readonly dim: number;
  readonly elementBits: number;
  readonly rowBegin: number;
  readonly rowEnd: number;
}

class Signatures {
  readonly #memory: Uint8Array;
  readonly #request: MinhashRequest;
  readonly #rowBytes: number;
  readonly #elementBytes: number;

  constructor(memory: WebAssembly.Memory, request: MinhashRequest, dim: number, elementBits: number) {
    this.#memory = new Uint8Array(memory.buffer);
    this.#request = request;
    this.#rowBytes = dim / 8;
    this.#elementBytes = elementBits / 8;
  }

  #offsetOf(row: number): number {
    const { vectorsOffset, blocks } = this.#request;
    if (!blocks) return vectorsOffset + row * this.#rowBytes;
    const block = Math.floor(row / blocks.rows);
    return vectorsOffset + block * blocks.bytes + (row - block * blocks.rows) * this.#rowBytes;
  }

  agrees(query: Uint8Array, row: number, begin: number, end: number): boolean {
    const at = this.#offsetOf(row);
    for (let i = begin; i < end; i++) if (query[i] !== this.#memory[at + i]) return false;
    return true;
  }

  /** Elements that agree. */
  agreeing(query: Uint8Array, row: number): number {
    const width = this.#elementBytes;
    let at = this.#offsetOf(row);
    let count = 0;
    for (let begin = 0; begin < query.length; begin += width, at += width) {
      let i = 0;
      while (i < width && query[begin + i] === this.#memory[at + i]) i++;
      if (i === width) count++;
    }
    return count;
  }
}

const isExcluded = (bits: Uint8Array | undefined, row: number): boolean =>
  ((bits?.[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
function inRange({ radius, rangeFilter }: MinhashRequest, score: number): boolean {
  return (
    (radius === undefined || score > Math.fround(radius)) &&
    (rangeFilter === undefined || score <= Math.fround(rangeFilter))
  );
}

function answer(
  request: MinhashRequest,
  rowBytes: number,
  rowCount: number,
  fill: (query: Uint8Array, top: TopScores) => void,
): SearchOutput {
  const queryCount = request.queries.length / rowBytes;
  if (!Number.isInteger(queryCount)) {
    throw new ElanusError(
      'vector_dim_mismatch',
      `${request.queries.length} bytes of queries, expected a multiple of ${rowBytes}`,
    );
  }
  if (!(request.k >= 0 && request.k <= FLAT_K_MAX))
    throw new ElanusError('invalid_parameter', `k is ${request.k}, expected 0 to ${FLAT_K_MAX}`);
  const k = Math.max(0, Math.min(request.k, rowCount));
  const counts = new Uint32Array(queryCount);
  const rows = new Uint32Array(queryCount * k);
  const scores = new Float32Array(queryCount * k);
  let total = 0;
  for (let q = 0; q < queryCount; q++) {
    const top = new TopScores(k);
    fill(request.queries.subarray(q * rowBytes, (q + 1) * rowBytes), top);
    total += counts[q] = top.take(rows, scores, total);
  }
  return { counts, rows: rows.slice(0, total), scores: scores.slice(0, total) };
}

/** Every row that is not excluded. */
export function minhashScan(input: MinhashScanInput, context: FlatSearchContext): SearchOutput {
  const memory = context.memories[0];
  if (!memory)
    throw new ElanusError('internal', 'minhashScan got no memory, expected the region of the signatures');
  const { dim, elementBits, rowBegin, rowEnd, excluded } = input;
  const signatures = new Signatures(memory, input, dim, elementBits);
  const elements = elementsOf(input);
  return answer(input, dim / 8, rowEnd - rowBegin, (query, top) => {
    for (let row = rowBegin; row < rowEnd; row++) {
      if (isExcluded(excluded, row)) continue;
      const score = Math.fround(signatures.agreeing(query, row) / elements);
      if (inRange(input, score)) top.offer(score, row);
    }
  });
}

/** Rows that share a band with the query and are not excluded. A task over two regions: the signatures, and the index. */
export function minhashSearch(input: IndexSearchInput, context: FlatSearchContext): SearchOutput {
  const [vectors, memory] = context.memories;
  if (!vectors || !memory)
    throw new ElanusError(
      'internal',
      'minhashSearch got too few memories, expected the signatures and the index',
    );
  const shape = minhashShape(input.index);
  const { rowCount } = input.index;
  const { hashes, rows } = minhashLists(memory, input.index);
  const { buffer, byteOffset, byteLength } = input.queries;
  const request: MinhashRequest = {
    ...input,
    ...input.vectors,
    queries: new Uint8Array(buffer, byteOffset, byteLength),
  };
  const signatures = new Signatures(vectors, request, shape.dim, shape.elementBits);
  const elements = elementsOf(shape);
  return answer(request, shape.dim / 8, rowCount, (query, top) => {
    const seen = new Set<number>();
    for (let band = 0; band < shape.bands; band++) {
      const { begin, end } = bandBytes(shape, band);
      const hash = bandHash(query, begin, end);
      const last = (band + 1) * rowCount;
      for (let at = lowerBound(hashes, band * rowCount, last, hash); at < last && hashes[at] === hash; at++) {
        const row = rows[at] as number;
        // Equal hashes may be of unequal bands.
        if (isExcluded(input.excluded, row) || seen.has(row) || !signatures.agrees(query, row, begin, end))
          continue;
        seen.add(row);
        const score = Math.fround(signatures.agreeing(query, row) / elements);
        if (inRange(request, score)) top.offer(score, row);
      }
    }
  });
}

function lowerBound(sorted: Uint32Array, begin: number, end: number, value: number): number {
  let [low, high] = [begin, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
