// Task: search in an index of the IVF family. Regions: the exact vectors, and the index. The lists nearest to the query are probed;
// candidates come from their codes and are scored again exactly, so every score that is returned is exact.
//
// Probing goes on past nprobe while there are fewer than k hits, through all lists if need be. With a filter it goes on until nprobe lists
// had rows that count, and enough of these were seen: a filter may empty the nearest lists, or thin all of them out, and the best of what
// counts lie further away then. Where few rows of a list count, they are scored by their vectors and its codes are not read.
// A range search scores all rows of the probed lists exactly, codes play no part in it; it goes on past nprobe while there are fewer
// than k hits, until two lists in a row gave none. What it returns is exact within the lists that it probed.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { type ElementType, elementTypes } from '#index/block/element-type.js';
import { writeFloats } from '#index/block/vector-floats.js';
import type { IndexPlacement, IndexSearchInput, IndexSearchOutput } from '#index/block/vector-index.js';
import { type IvfKernel, ivfKernel } from '#index/codebook/ivf-kernel.js';
import { flatIds } from '#index/flat/flat-ids.js';
import { flatSearch } from '#index/flat/flat-search.js';
import { bfloat16Bits, float16Bits } from '#model/columns/half-float.js';
import { isMetricName, type MetricName } from '#model/schema/metric-type.js';
import { type CodeScan, candidatesWanted, codeScanOf } from './ivf-code-scan.js';
import { type Hits, joined, mergeHits, NO_HITS } from './ivf-hits.js';
import { type IvfLayout, type IvfWork, ivfWork, KEPT_ROWS, layoutOfMeta } from './ivf-layout.js';
import { normalise } from './ivf-source.js';

/** Queries are float32 whatever the vectors' element type, or bytes as they are in a row; of binary vectors, the bytes of their bits. */
export interface IvfSearchInput extends Omit<IndexSearchInput, 'queries'> {
  readonly queries: Float32Array | Uint8Array;
}

type Context = { readonly memories: readonly WebAssembly.Memory[]; readonly thread?: number };
const EMPTY_LISTS_MAX = 2;
/** From one row in so many on, reading all rows in order is faster than going from row to row (measured: 20 ns against 100). */
const DENSE_ROWS = 5;
const TOP_HEADER_BYTES = 16;
/** Rows that count which a search with a filter has to see for each hit, unless nprobe lists have fewer in all. */
const SEEN_A_HIT = 16;
/** Below one row in so many of a list its rows that count are scored by their vectors. */
const FEW_OF_LIST = 4;

export function ivfSearch(input: IvfSearchInput, context: Context): IndexSearchOutput {
  const [, memory] = context.memories;
  if (!memory) throw new ElanusError('internal', 'ivfSearch got no index memory, expected vectors and index');
  const search = new IvfSearch({ ...input, queries: floatsOf(input) }, context, memory);
  const { queryCount } = search;
  const counts = new Uint32Array(queryCount);
  const hits: Hits[] = [];
  for (let i = 0; i < queryCount; i++) {
    const found = search.one(i);
    counts[i] = found.rows.length;
    hits.push(found);
  }
  const only = hits[0];
  if (only && hits.length === 1)
    return { counts, rows: only.rows, scores: only.scores, computed: search.computed };
  const total = counts.reduce((sum, count) => sum + count, 0);
  const rows = new Uint32Array(total);
  const scores = new Float32Array(total);
  let at = 0;
  for (const one of hits) {
    rows.set(one.rows, at);
    scores.set(one.scores, at);
    at += one.rows.length;
  }
  return { counts, rows, scores, computed: search.computed };
}

function floatsOf({ index, queries }: IvfSearchInput): Float32Array | Uint8Array {
  if (queries instanceof Float32Array || index.elementType === 'binary') return queries;
  const width = index.elementType === 'float32' ? 4 : index.elementType === 'int8' ? 1 : 2;
  const floats = new Float32Array(queries.length / width);
  writeFloats(index.elementType, queries, floats);
  return floats;
}

/** A number of the search parameters, by its name in requests or in the program. */
function searchNumber(params: IndexSearchInput['params'], ...names: readonly string[]): number | undefined {
  for (const name of names) if (params[name] !== undefined) return Number(params[name]);
  return undefined;
}

class IvfSearch {
  readonly queryCount: number;
  computed = 0;
  readonly #input: IvfSearchInput;
  readonly #context: Context;
  readonly #memory: WebAssembly.Memory;
  readonly #kernel: IvfKernel;
  readonly #layout: IvfLayout;
  readonly #index: IndexPlacement;
  readonly #elementType: ElementType;
  readonly #metric: MetricName;
  /** Byte offset of each part of the working memory. */
  readonly #work: IvfWork;
  readonly #excluded: number;
  readonly #offsets: Uint32Array;
  readonly #mean: Float32Array | undefined;
  readonly #codes: CodeScan | undefined;
  readonly #isRange: boolean;
  readonly #nprobe: number;
  readonly #wanted: number;

  constructor(input: IvfSearchInput, context: Context, memory: WebAssembly.Memory) {
    const { index, params, k } = input;
    this.#input = input;
    this.#context = context;
    this.#memory = memory;
    this.#index = index;
    this.#kernel = ivfKernel.on(memory);
    const layout = layoutOfMeta(index);
    this.#layout = layout;
    const elementType = elementTypes.find((type) => type === index.elementType);
    if (!elementType || !isMetricName(index.metric)) {
      throw new ElanusError(
        'internal',
        `ivfSearch on ${index.elementType} with ${index.metric}, expected a known type and metric`,
      );
    }
    this.#elementType = elementType;
    this.#metric = index.metric;
    const perQuery = elementType === 'binary' ? Math.ceil(layout.dim / 8) : layout.dim;
    this.queryCount = input.queries.length / perQuery;
    if (!Number.isInteger(this.queryCount)) {
      throw new ElanusError(
        'vector_dim_mismatch',
        `${input.queries.length} query values, expected a multiple of ${perQuery}`,
      );
    }
    const base = index.workOffset + (context.thread ?? 0) * index.workBytes;
    this.#work = ivfWork(layout, base);
    if (this.#work.end > memory.buffer.byteLength) {
      throw new ElanusError(
        'internal',
        `thread ${context.thread} has no working memory in the index region, expected it up to ${this.#work.end}`,
      );
    }
    this.#offsets = new Uint32Array(memory.buffer, this.#section('offsets'), layout.lists + 1);
    this.#mean = layout.hasMean
      ? new Float32Array(memory.buffer, this.#section('mean'), layout.dim)
      : undefined;
    this.#isRange = input.radius !== undefined || input.rangeFilter !== undefined;
    this.#nprobe = Math.max(1, Math.min(layout.lists, searchNumber(params, 'nprobe') ?? 8));
    this.#wanted = candidatesWanted(layout, k, params);
    this.#excluded = this.#copyExcluded(input.excluded);
    this.#codes = this.#isRange
      ? undefined
      : codeScanOf(layout, this.#metric, memory, (name) => this.#section(name), this.#work, params);
  }

  #section(name: string): number {
    const place = this.#index.sections[name];
    if (!place)
      throw new ElanusError(
        'data_corrupt',
        `${this.#index.indexType} index lacks section ${name}; it has to be built again`,
      );
    return place.offset;
  }

  /** Returns the address of the bits, or 0. */
  #copyExcluded(excluded: Uint8Array | undefined): number {
    if (!excluded || !hasBit(excluded)) return 0;
    const bits = new Uint8Array(this.#memory.buffer, this.#work.excluded, Math.ceil(this.#layout.count / 8));
    const source = excluded.subarray(0, bits.length);
    bits.set(source);
    bits.fill(0, source.length);
    return this.#work.excluded;
  }

  one(i: number): Hits {
    const { k } = this.#input;
    if (k < 1 || this.#layout.count === 0) return NO_HITS;
    this.#loadQuery(i);
    if (this.#isRange) return this.#range(i);
    let lists = this.#rank(this.#nprobe);
    const rows: Uint32Array[] = [];
    const codes = this.#codes;
    if (codes) {
      codes.begin();
      this.#startTop('top', Math.min(this.#wanted, this.#layout.count));
    }
    let [seen, filled] = [0, 0];
    const goesOn = (probed: number): boolean => probed < this.#nprobe || this.#isTooFew(seen, filled);
    // The next ranking begins as the one before it: only lists that are new are probed.
    for (let at = 0; at < lists.length && goesOn(at); at++) {
      const counted = this.#probe(lists[at] as number, codes, rows);
      seen += counted;
      filled += this.#filledPart(lists[at] as number, counted);
      if (at + 1 === lists.length && lists.length < this.#layout.lists && goesOn(at + 1))
        lists = this.#rank(this.#layout.lists);
    }
    if (codes) rows.push(this.#takeTop());
    return this.#exact(i, joined(rows));
  }

  /** 1 for a list of which as many rows count as of all, or more; less where the filter thins it out more than others. */
  #filledPart(list: number, counted: number): number {
    const { count } = this.#layout;
    const { passing = count } = this.#input;
    const size = (this.#offsets[list + 1] as number) - (this.#offsets[list] as number);
    return counted === 0 ? 0 : Math.min(1, (counted * count) / (size * Math.max(1, passing)));
  }

  /** Whether more lists than nprobe are to be probed. @param seen rows that count so far; @param filled lists that had their share of them */
  #isTooFew(seen: number, filled: number): boolean {
    const { k, passing } = this.#input;
    if (seen < k) return true;
    const { count, lists } = this.#layout;
    if (this.#excluded === 0 || seen >= (passing ?? count)) return false;
    return filled < this.#nprobe || seen < Math.min(k * SEEN_A_HIT, (this.#nprobe * count) / lists);
  }

  /** Adds the rows of a list that count to the candidates. @returns how many count */
  #probe(list: number, codes: CodeScan | undefined, rows: Uint32Array[]): number {
    if (!codes) return this.#keepRows(list, rows);
    const begin = this.#offsets[list] as number;
    const size = (this.#offsets[list + 1] as number) - begin;
    let counted = size;
    if (this.#excluded !== 0) {
      const kept: Uint32Array[] = [];
      counted = this.#keepRows(list, kept);
      if (counted * FEW_OF_LIST < size) {
        rows.push(...kept);
        return counted;
      }
    }
    this.computed += size;
    codes.scan(list, begin, size, this.#excluded);
    return counted;
  }

  #range(i: number): Hits {
    const { k } = this.#input;
    const lists = this.#rank(this.#layout.lists);
    let hits = NO_HITS;
    let rows: Uint32Array[] = [];
    let held = 0;
    let empty = 0;
    for (
      let at = 0;
      at < lists.length && (at < this.#nprobe || (hits.rows.length < k && empty < EMPTY_LISTS_MAX));
      at++
    ) {
      held += this.#keepRows(lists[at] as number, rows);
      // The first nprobe lists are scored together, the further ones each on its own. One of which nothing counts says nothing of the next.
      if (at + 1 < this.#nprobe || held === 0) continue;
      const found = this.#exact(i, joined(rows));
      empty = found.rows.length > 0 ? 0 : empty + 1;
      hits = mergeHits(hits, found, k, this.#metric);
      rows = [];
      held = 0;
    }
    return hits;
  }

  /** The query as the index sees it, at `query`, zeros past dim. */
  #loadQuery(i: number): void {
    const { dim } = this.#layout;
    const floats = new Float32Array(
      this.#memory.buffer,
      this.#work.query,
      (this.#work.turnedQuery - this.#work.query) / 4,
    );
    const { queries } = this.#input;
    if (this.#elementType === 'binary') {
      const bytes = Math.ceil(dim / 8);
      for (let d = 0; d < dim; d++)
        floats[d] = ((queries[i * bytes + (d >> 3)] as number) >> (d & 7)) & 1 ? 1 : -1;
      return;
    }
    floats.set(queries.subarray(i * dim, (i + 1) * dim));
    if (this.#metric === 'COSINE') normalise(floats, 0, dim);
    const mean = this.#mean;
    if (mean) for (let d = 0; d < dim; d++) floats[d] = (floats[d] as number) - (mean[d] as number);
  }

  /** The `count` best lists, best first. Their scores stay at `scores`. */
  #rank(count: number): Uint32Array {
    const { dim, lists } = this.#layout;
    const probes = this.#work.probes;
    const scores = this.#work.scores;
    const panels = Math.ceil(lists / 8);
    this.#kernel.scoreAll(
      this.#work.query,
      dim,
      this.#section('centroids'),
      panels,
      this.#section('list_bias'),
      scores,
    );
    this.#startTop('probes', Math.min(count, lists));
    this.#kernel.selectBest(scores, lists, probes);
    const found = this.#kernel.finish(probes);
    const entries = new Uint32Array(this.#memory.buffer, probes + TOP_HEADER_BYTES, found * 2);
    const result = new Uint32Array(found);
    for (let i = 0; i < found; i++) result[i] = entries[i * 2] as number;
    this.computed += lists;
    return result;
  }

  #startTop(name: 'top' | 'probes', k: number): void {
    new Uint32Array(this.#memory.buffer, this.#work[name], 4).set([0, 0, k, 0]);
  }

  #takeTop(): Uint32Array {
    const top = this.#work.top;
    const found = this.#kernel.finish(top);
    const entries = new Uint32Array(this.#memory.buffer, top + TOP_HEADER_BYTES, found * 2);
    const rows = new Uint32Array(found);
    for (let i = 0; i < found; i++) rows[i] = entries[i * 2] as number;
    return rows;
  }

  /** Adds the rows of a list that are not excluded; returns how many. */
  #keepRows(list: number, rows: Uint32Array[]): number {
    const begin = this.#offsets[list] as number;
    const end = this.#offsets[list + 1] as number;
    const base = this.#section('rows');
    if (this.#excluded === 0) {
      rows.push(new Uint32Array(this.#memory.buffer, base + begin * 4, end - begin));
      return end - begin;
    }
    let total = 0;
    for (let at = begin; at < end; at += KEPT_ROWS) {
      const kept = this.#kernel.keepRows(
        base + at * 4,
        Math.min(KEPT_ROWS, end - at),
        this.#excluded,
        this.#work.kept,
      );
      rows.push(new Uint32Array(this.#memory.buffer, this.#work.kept, kept).slice());
      total += kept;
    }
    return total;
  }

  #exact(i: number, ids: Uint32Array): Hits {
    if (ids.length === 0) return NO_HITS;
    this.computed += ids.length;
    const { vectors, k, radius, rangeFilter } = this.#input;
    const request = {
      ...vectors,
      elementType: this.#elementType,
      metric: this.#metric,
      k,
      queries: this.#exactQuery(i),
      ...(radius !== undefined && { radius }),
      ...(rangeFilter !== undefined && { rangeFilter }),
    };
    const { count } = this.#layout;
    if (ids.length * DENSE_ROWS < count) return flatIds({ ...request, ids }, this.#context);
    return flatSearch(
      { ...request, rowBegin: 0, rowEnd: count, excluded: allBut(ids, count) },
      this.#context,
    );
  }

  /** The query as it came, in the elements of the vectors. */
  #exactQuery(i: number): Float32Array | Uint8Array {
    const { dim } = this.#layout;
    const { queries } = this.#input;
    if (this.#elementType === 'binary') {
      const bytes = Math.ceil(dim / 8);
      return queries.subarray(i * bytes, (i + 1) * bytes);
    }
    const query = queries.subarray(i * dim, (i + 1) * dim);
    if (this.#elementType === 'float16') return bytesView(Uint16Array.from(query, float16Bits));
    if (this.#elementType === 'bfloat16') return bytesView(Uint16Array.from(query, bfloat16Bits));
    return this.#elementType === 'int8' ? bytesView(Int8Array.from(query)) : query;
  }
}

/** A bit for each row, clear for those that are named. */
function allBut(ids: Uint32Array, count: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 8)).fill(255);
  for (const id of ids) bits[id >> 3] = (bits[id >> 3] as number) & ~(1 << (id & 7));
  return bits;
}

function hasBit(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return true;
  return false;
}
