// A dense vector field of a sealed segment whose vectors stay in the file of its disk index: searched by codes in memory and pages of the
// file, read row by row for output. What is in memory goes back as soon as the last read ends.
import type { WalkPlan } from '#index/block/walk-plan.js';
import { type DiskIndex, NO_NODE } from '#index/disk/disk-index.js';
import { diskSearch } from '#index/disk/disk-search.js';
import type { SharedRegion } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import { type FileSearch, FileVectors, type FileVectorsParts, gatherRecords } from './file-vectors.js';
import { mergeHits, type SegmentHits } from './segment-hits.js';

export interface DiskVectorsParts extends FileVectorsParts {
  readonly index: DiskIndex<SharedRegion>;
}

export class DiskVectors extends FileVectors {
  readonly form = 'disk';
  readonly #parts: DiskVectorsParts;

  constructor(parts: DiskVectorsParts) {
    super(parts, parts.index.region);
    this.#parts = parts;
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

  get dim(): number {
    return this.#parts.index.placement.dim;
  }

  get vectorBytes(): number {
    return this.#parts.index.layout.vectorBytes;
  }

  get metric(): string {
    return this.#parts.index.placement.metric;
  }

  /** Whatever counts, nodes are walked over. */
  planOf(): WalkPlan {
    return 'walk';
  }

  async search(search: FileSearch, signal?: AbortSignal): Promise<SegmentHits> {
    const { index, pages, workers } = this.#parts;
    const { metric, queryCount, k } = search;
    const hits = await this.hold(() => diskSearch(index, pages, workers, search, signal));
    return mergeHits(metric, queryCount, k, [hits]);
  }

  gather(rows: Uint32Array): Promise<Column> {
    return this.hold(() => {
      const { layout, nodeOf } = this.#parts.index;
      const nodes = nodeOf === undefined ? rows : Uint32Array.from(rows, (row) => nodeOf[row] ?? NO_NODE);
      return gatherRecords(this.#parts, layout, nodes);
    });
  }
}
