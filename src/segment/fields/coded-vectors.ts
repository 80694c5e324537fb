// A dense vector field of a sealed segment of which only codes and graph are in memory (HNSW_SQ without refine). Searches score by codes;
// the vectors are in the file of the index, read row by row for output, and for exact scores where a search asks for them (refine_k).
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { isInRange, type MetricType } from '#index/block/metric.js';
import type { WalkPlan } from '#index/block/walk-plan.js';
import type { CodedIndexParts } from '#index/coded-index.js';
import { DiskFound, type Hit, type ScoringPlace } from '#index/disk/disk-found.js';
import { FLAT_K_MAX } from '#index/flat/flat-search.js';
import { COPY_SECTIONS } from '#index/graph/nodes/copies-of-rows.js';
import { GRAPH_POOL_MAX, graphParams, NIL, workLayout } from '#index/graph/nodes/graph-layout.js';
import { CODES_SEARCH_TASK, type SearchableIndex } from '#index/vector-indexes.js';
import type { SharedRegion } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import {
  type FileSearch,
  FileVectors,
  type FileVectorsParts,
  gatherRecords,
  readRecords,
} from './file-vectors.js';
import { setBit } from './row-versions.js';
import { mergeHits, type SegmentHits } from './segment-hits.js';
import { SegmentIndex } from './segment-index.js';
import { settled } from './settled.js';

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

export class CodedVectors extends FileVectors {
  readonly form = 'codes';
  readonly rowCount: number;
  readonly bytes: number;
  readonly nullBits: Uint8Array | undefined;
  readonly dim: number;
  readonly vectorBytes: number;
  readonly metric: MetricType;
  readonly #parts: CodedVectorsParts;
  readonly #index: SegmentIndex;
  readonly #scoring: ScoringPlace;

  constructor(parts: CodedVectorsParts) {
    const { workers, index, layout, metric, elementType, key } = parts;
    const { placement, region } = index;
    super(parts, region);
    this.#parts = parts;
    this.dim = placement.dim;
    this.vectorBytes = layout.vectorBytes;
    this.metric = metric;
    // The base class gives the region back, also after reads that no search makes: the index never does.
    this.#index = new SegmentIndex(workers, { ...index, task: CODES_SEARCH_TASK }, key);
    this.rowCount = placement.rowCount;
    this.nullBits = nullBitsOf(index);
    this.bytes = index.bytes + layout.pages * PLACE_BYTES + (this.nullBits?.length ?? 0);
    const { nodes, degree } = graphParams(placement);
    const work = workLayout(nodes, placement.dim, degree, placement.rowCount);
    // This is the working memory of the calling thread, whose walks leave nothing there that the next one needs.
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

  planOf(passing: number, width: number, k?: number): WalkPlan {
    return this.#index.planOf(passing, width, k);
  }

  async search(search: FileSearch, signal?: AbortSignal): Promise<SegmentHits> {
    const { refineK = 1, ...params } = search.params;
    const { metric: _same, queryCount, rows, ...rest } = search;
    const coded: CodedSearch = {
      ...rest,
      params,
      ...(rows !== undefined && search.passing <= NAMED_ROWS_MAX && { rows: rows.slice() }),
    };
    const factor = Number(refineK);
    return this.hold(() =>
      factor > 1
        ? this.#refined(coded, queryCount, factor, signal)
        : this.#index.search(undefined, coded, signal),
    );
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
    const bytes = bytesView(queries);
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
      // No part of a range may be left out because a code lies just beyond it: exact scores decide.
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
    return this.hold(() => gatherRecords(this.#parts, layout, records));
  }
}

type CodedSearch = Parameters<SegmentIndex['search']>[1];

/** Bit set: the row has no node. Undefined: all have one. */
function nullBitsOf({ placement, region }: SearchableIndex<SharedRegion>): Uint8Array | undefined {
  const { nodes } = graphParams(placement);
  const { rowCount, sections } = placement;
  const copies = (sections[COPY_SECTIONS.copies]?.bytes ?? 0) >> 2;
  if (nodes + copies === rowCount || sections.nodeOf === undefined) return undefined;
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
