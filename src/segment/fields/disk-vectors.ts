// A dense vector field of a sealed segment whose vectors stay in the file of its disk index: searched by codes in memory and pages of the
// file, read row by row for output. What is in memory goes back as soon as the last read ends.
import { type DiskIndex, NO_NODE } from '#index/disk/disk-index.js';
import { diskSearch } from '#index/disk/disk-search.js';
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
} from './file-vectors.js';
import { emptyHits, mergeHits, type SegmentHits, type SegmentSearch } from './segment-hits.js';
import type { VectorColumn } from './vector-column.js';

export interface DiskVectorsParts extends FileVectorsParts {
  readonly index: DiskIndex<SharedRegion>;
}

export class DiskVectors implements FileVectors {
  readonly key: string;
  readonly fieldId: bigint;
  readonly #parts: DiskVectorsParts;
  readonly #hold: FileHold;

  constructor(parts: DiskVectorsParts) {
    this.#parts = parts;
    this.#hold = new FileHold(parts, parts.index.region);
    this.key = parts.key;
    this.fieldId = parts.fieldId;
  }

  get bytes(): number {
    return this.#parts.index.bytes;
  }

  get rowCount(): number {
    return this.#parts.index.placement.rowCount;
  }

  get nullBits(): Uint8Array | undefined {
    return this.#parts.index.nullBits;
  }

  async search(
    request: SegmentSearch,
    excluded: ExcludedRows,
    signal?: AbortSignal,
    hooks?: SearchHooks,
  ): Promise<SegmentHits> {
    const { index, pages, workers } = this.#parts;
    const { queries, radius, rangeFilter, params = {} } = request;
    const { placement, layout } = index;
    const { vectorBytes } = layout;
    const queryCount = checkFileSearch(request, {
      vectorBytes,
      dim: placement.dim,
      metric: placement.metric,
    });
    const k = Math.min(request.k, this.rowCount);
    if (k === 0 || queryCount === 0) return emptyHits(queryCount, k);
    const { bits, passing, rows } = excluded;
    // An exact search would read the whole file: instead of a measured width a usual one, and nobody knows its recall.
    const { targetRecall } = params;
    const width =
      typeof targetRecall === 'number'
        ? widthsOfLevel(levelOfRecall(targetRecall), request.k).ef
        : Number(params.searchList ?? request.k);
    const input = {
      queries,
      k,
      params: { ...params, searchList: width },
      passing,
      ...(bits && { excluded: bits }),
      ...(rows && { rows }),
      ...(radius !== undefined && { radius }),
      ...(rangeFilter !== undefined && { rangeFilter }),
    };
    const hits = await this.#hold.hold(() => diskSearch(index, pages, workers, input, signal));
    const form = { indexType: 'DISKANN', plan: 'walk', widthName: 'search_list', width };
    hooks?.report?.({ ...form, rows: this.rowCount, passing, computed: 0n, recall: 0 });
    return mergeHits(request.metric, queryCount, k, [hits]);
  }

  gather(rows: Uint32Array): Promise<Column> {
    return this.#hold.hold(() => {
      const { layout, nodeOf } = this.#parts.index;
      const nodes = nodeOf === undefined ? rows : Uint32Array.from(rows, (row) => nodeOf[row] ?? NO_NODE);
      return gatherRecords(this.#parts, layout, nodes);
    });
  }

  restore(): Promise<VectorColumn> {
    return this.#hold.restore();
  }

  release(): void {
    this.#hold.release();
  }
}
