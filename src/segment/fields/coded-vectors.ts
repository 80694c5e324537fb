// A dense vector field of a sealed segment of which only codes and graph are in memory (HNSW_SQ without refine). Searches score by codes;
// the vectors are in the file of the index, read row by row for output, and for exact scores where a search asks for them (refine_k).
import { ElanusError } from '#base/errors.js';
import { isInRange } from '#index/block/metric.js';
import type { CodedIndexParts } from '#index/coded-index.js';
import { DiskFound, type Hit, type ScoringPlace } from '#index/disk/disk-found.js';
import { FLAT_K_MAX } from '#index/flat/flat-search.js';
import { GRAPH_POOL_MAX, graphParams, NIL, workLayout } from '#index/graph/nodes/graph-layout.js';
import { CODES_SEARCH_TASK, type SearchableIndex } from '#index/vector-indexes.js';
import { levelOfRecall, widthsOfLevel } from '#model/params/auto-level.js';
import type { SharedRegion } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import type { SearchHooks } from '#segment/search/search-hooks.js';
import type { ExcludedRows } from './excluded-rows.js';
import {
  checkFileSearch,
  FileHold,
  type FileVectors,
  type FileVectorsParts,
  gatherRecords,
  readRecords,
} from './file-vectors.js';
import { setBit } from './row-versions.js';
import { emptyHits, mergeHits, type SegmentHits, type SegmentSearch } from './segment-hits.js';
import { SegmentIndex } from './segment-index.js';
import { settled } from './settled.js';
import type { VectorColumn } from './vector-column.js';

export interface CodedVectorsParts extends FileVectorsParts, CodedIndexParts {
  readonly index: SearchableIndex<SharedRegion>;
}

/** So few rows that a filter named are handed over by name: no bits are looked through. */
const NAMED_ROWS_MAX = 1000;
/** Queries whose vectors are read at a time. */
const QUERIES_AT_ONCE = 8;
/** A range is passed when one in so many rows lies beyond it: codes order rows roughly. */
const PAST_SHARE = 8;
/** A place in the page cache, four bytes a page. */
const PLACE_BYTES = 4;

export class CodedVectors implements FileVectors {
  readonly key: string;
  readonly fieldId: bigint;
  readonly rowCount: number;
  readonly bytes: number;
  readonly nullBits: Uint8Array | undefined;
  readonly #parts: CodedVectorsParts;
  readonly #index: SegmentIndex;
  readonly #hold: FileHold;
  readonly #scoring: ScoringPlace;

  constructor(parts: CodedVectorsParts) {
    const { workers, index, layout, metric, elementType, key } = parts;
    const { placement, region } = index;
    this.#parts = parts;
    this.#hold = new FileHold(parts, region);
    // The hold gives the region back, also after reads that no search makes: the index never does.
    this.#index = new SegmentIndex(workers, { ...index, task: CODES_SEARCH_TASK }, key);
    this.key = key;
    this.fieldId = parts.fieldId;
    this.rowCount = placement.rowCount;
    this.nullBits = nullBitsOf(index);
    this.bytes = index.bytes + layout.pages * PLACE_BYTES + (this.nullBits?.length ?? 0);
    const { nodes, degree } = graphParams(placement);
    const work = workLayout(nodes, placement.dim, degree, placement.rowCount);
    // Of the calling thread, whose walks leave nothing behind that the next one needs.
    const at = placement.workOffset + placement.workBytes * workers.parallelism;
    this.#scoring = {
      memory: region.memory,
      metric,
      elementType,
      dim: placement.dim,
      vectors: at + work.pool,
      norms: at + work.results,
      rows: Math.max(1, Math.min(4096, Math.floor((GRAPH_POOL_MAX * 8) / layout.vectorBytes))),
    };
  }

  async search(
    request: SegmentSearch,
    excluded: ExcludedRows,
    signal?: AbortSignal,
    hooks?: SearchHooks,
  ): Promise<SegmentHits> {
    const { metric, layout, index } = this.#parts;
    const { radius, rangeFilter, params: asked = {} } = request;
    const { dim } = index.placement;
    const queryCount = checkFileSearch(request, { vectorBytes: layout.vectorBytes, dim, metric });
    const k = Math.min(request.k, this.rowCount);
    if (k === 0 || queryCount === 0) return emptyHits(queryCount, k);
    // A view of a larger buffer would take that whole buffer along to the worker.
    const { buffer, byteOffset, byteLength } = request.queries;
    const queries =
      byteLength === buffer.byteLength
        ? request.queries
        : new Uint8Array(buffer, byteOffset, byteLength).slice();
    const { bits, passing, rows } = excluded;
    const { refineK = 1, targetRecall, ...params } = asked;
    // Measuring a recall takes exact searches, which would read the whole file: a usual width instead, and nobody knows its recall.
    const ef =
      typeof targetRecall === 'number'
        ? widthsOfLevel(levelOfRecall(targetRecall), request.k).ef
        : Number(params.ef ?? k);
    const search = {
      queries,
      k,
      params: { ...params, ef },
      passing,
      ...(bits && { excluded: bits }),
      ...(rows !== undefined && passing <= NAMED_ROWS_MAX && { rows: rows.slice() }),
      ...(radius !== undefined && { radius }),
      ...(rangeFilter !== undefined && { rangeFilter }),
    };
    const factor = Number(refineK);
    const hits = await this.#hold.hold(() =>
      factor > 1
        ? this.#refined(search, queryCount, factor, signal)
        : this.#index.search(undefined, search, signal),
    );
    const plan = `${this.#index.planOf(passing, Math.max(ef, k))}, by codes${factor > 1 ? ', refined' : ''}`;
    const form = { indexType: 'HNSW_SQ', plan, widthName: 'ef', width: ef };
    hooks?.report?.({
      ...form,
      rows: this.rowCount,
      passing,
      computed: BigInt(hits.computed ?? 0),
      recall: 0,
    });
    return hits;
  }

  /** Exact scores for the best `k * factor` of each query, and the best `k` by them. */
  async #refined(
    search: CodedSearch,
    queryCount: number,
    factor: number,
    signal?: AbortSignal,
  ): Promise<SegmentHits> {
    const { queries, k } = search;
    const { metric, layout, pages } = this.#parts;
    const width = layout.vectorBytes;
    const bytes = new Uint8Array(queries.buffer, queries.byteOffset, queries.byteLength);
    const jobs = Array.from({ length: queryCount }, (_, query) => async () => {
      const hits = await this.#refinedOne(
        search,
        bytes.slice(query * width, (query + 1) * width),
        factor,
        signal,
      );
      await pages.yield();
      return hits.slice(0, k);
    });
    const found = await settled(jobs, QUERIES_AT_ONCE);
    const all = found.flat();
    const answer = {
      counts: Uint32Array.from(found, (hits) => hits.length),
      rows: Uint32Array.from(all, (hit) => hit.row),
      scores: Float32Array.from(all, (hit) => hit.score),
    };
    return mergeHits(metric, queryCount, k, [answer]);
  }

  async #refinedOne(
    search: CodedSearch,
    query: Uint8Array,
    factor: number,
    signal?: AbortSignal,
  ): Promise<Hit[]> {
    const { radius, rangeFilter, ...rest } = search;
    const { metric, layout, pages } = this.#parts;
    const isRange = radius !== undefined || rangeFilter !== undefined;
    const most = Math.min(this.rowCount, FLAT_K_MAX);
    for (let size = Math.min(most, Math.ceil(search.k * factor)); ; size = Math.min(most, size * 2)) {
      // Of a range no part may be left out because a code lies just beyond it: exact scores decide.
      const near = await this.#index.search(undefined, { ...rest, queries: query, k: size }, signal);
      if (signal?.aborted) throw new ElanusError('cancelled', 'the caller stopped waiting for a search');
      const rows = near.rows.slice(0, near.counts[0]).sort();
      const found = new DiskFound(this.#scoring, query);
      await readRecords(pages, layout, rows, (vector, i) => found.add(rows[i] as number, vector));
      const hits = found.hits();
      if (!isRange) return hits;
      const within = hits.filter(({ score }) => isInRange(metric, score, radius, rangeFilter));
      const beyond = hits.filter(({ score }) => !isInRange(metric, score, radius)).length;
      const isAll = hits.length < size || size >= Math.min(most, search.passing);
      if (beyond * PAST_SHARE > hits.length || isAll || within.length >= search.k) return within;
    }
  }

  gather(rows: Uint32Array): Promise<Column> {
    const { nullBits } = this;
    const { layout } = this.#parts;
    const isNull = (row: number): boolean =>
      nullBits !== undefined && ((nullBits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
    const records = nullBits === undefined ? rows : rows.map((row) => (isNull(row) ? NIL : row));
    return this.#hold.hold(() => gatherRecords(this.#parts, layout, records));
  }

  restore(): Promise<VectorColumn> {
    return this.#hold.restore();
  }

  release(): void {
    this.#hold.release();
  }
}

type CodedSearch = Parameters<SegmentIndex['search']>[1];

/** Bit set: the row has no node. Undefined: all have one. */
function nullBitsOf({ placement, region }: SearchableIndex<SharedRegion>): Uint8Array | undefined {
  const { nodes } = graphParams(placement);
  const { rowCount, sections } = placement;
  if (nodes === rowCount || sections.nodeOf === undefined) return undefined;
  const bits = new Uint8Array(Math.ceil(rowCount / 8));
  for (const [row, node] of new Uint32Array(
    region.memory.buffer,
    sections.nodeOf.offset,
    rowCount,
  ).entries()) {
    if (node === NIL) setBit(bits, row);
  }
  return bits;
}
