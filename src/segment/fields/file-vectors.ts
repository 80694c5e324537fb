// A dense vector field of a sealed segment whose vectors stay in a file: what the segment needs of it, and what its kinds have in common.
// DiskVectors walks over pages of the file; CodedVectors answers by codes in memory and reads pages for output.
import { assert } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { type DiskLayout, pageOf, recordAt } from '#index/disk/disk-layout.js';
import type { DiskPages } from '#index/disk/disk-search.js';
import { FLAT_K_MAX } from '#index/flat/flat-search.js';
import { column } from '#model/columns/column.js';
import type { MetricName } from '#model/schema/metric-type.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import type { SearchHooks } from '#segment/search/search-hooks.js';
import type { ExcludedRows } from './excluded-rows.js';
import type { SegmentHits, SegmentSearch } from './segment-hits.js';
import type { VectorColumn } from './vector-column.js';

export interface FileVectors {
  /** Of the file. */
  readonly key: string;
  readonly fieldId: bigint;
  readonly rowCount: number;
  /** In memory, without cached pages, which all files share. */
  readonly bytes: number;
  /** Bit set: the row has no vector. */
  readonly nullBits: Uint8Array | undefined;
  /** @throws data_corrupt, object_not_found when the file is lost */
  search(
    request: SegmentSearch,
    excluded: ExcludedRows,
    signal?: AbortSignal,
    hooks?: SearchHooks,
  ): Promise<SegmentHits>;
  /** Copies of the rows' vectors. @throws data_corrupt, object_not_found when the file is lost */
  gather(rows: Uint32Array): Promise<Column>;
  /** The vectors in memory. All who ask get the same; it belongs to the segment. */
  restore(): Promise<VectorColumn>;
  release(): void;
}

export type FilePages = DiskPages & { close(): void };
export interface FileVectorsParts {
  readonly workers: Workers;
  readonly pages: FilePages;
  readonly key: string;
  readonly fieldId: bigint;
  readonly dataType: number;
  /** Brings the vectors into memory from the insert log, for when the file is lost. */
  readonly restore: () => Promise<VectorColumn>;
}

/** The region of such a field, given back as soon as the last read ends, and the vectors that come into memory when the file is lost. */
export class FileHold {
  readonly #parts: FileVectorsParts;
  readonly #region: SharedRegion;
  #restored: Promise<VectorColumn> | undefined;
  #readers = 0;
  #isReleased = false;

  constructor(parts: FileVectorsParts, region: SharedRegion) {
    this.#parts = parts;
    this.#region = region;
  }

  restore(): Promise<VectorColumn> {
    this.#restored ??= this.#parts.restore().catch((error: unknown) => {
      this.#restored = undefined;
      throw error;
    });
    return this.#restored;
  }

  async hold<T>(read: () => Promise<T>): Promise<T> {
    assert(!this.#isReleased, `the disk index of field ${this.#parts.fieldId} was released`);
    this.#readers++;
    try {
      return await read();
    } finally {
      this.#readers--;
      this.#giveBack();
    }
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#parts.pages.close();
    this.#giveBack();
  }

  #giveBack(): void {
    if (this.#isReleased && this.#readers === 0) this.#parts.workers.release(this.#region);
  }
}

/** Rows whose pages are asked for at a time. */
const GATHER_ROWS = 256;
/** Calls with the vector of each record, a view into its page, in the order of `records`. */
export async function readRecords(
  pages: DiskPages,
  layout: DiskLayout,
  records: Uint32Array,
  take: (vector: Uint8Array, at: number) => void,
): Promise<void> {
  for (let begin = 0; begin < records.length; begin += GATHER_ROWS) {
    const some = records.subarray(begin, begin + GATHER_ROWS);
    const read = await Promise.all(
      Array.from(some, (record) => (record < layout.nodes ? pages.page(pageOf(layout, record)) : undefined)),
    );
    for (const [i, record] of some.entries()) {
      const at = recordAt(layout, record) + layout.links * 4;
      const page = read[i];
      if (page !== undefined) take(page.subarray(at, at + layout.vectorBytes), begin + i);
    }
  }
}

/** Copies of the vectors of records, as a column. @param records a number beyond the last record: no vector */
export async function gatherRecords(
  { pages, fieldId, dataType }: FileVectorsParts,
  layout: DiskLayout,
  records: Uint32Array,
): Promise<Column> {
  const width = layout.vectorBytes;
  const data = new Uint8Array(records.length * width);
  await readRecords(pages, layout, records, (vector, at) => data.set(vector, at * width));
  const isNull = (record: number): boolean => record >= layout.nodes;
  const valid = records.some(isNull)
    ? Uint8Array.from(records, (record) => (isNull(record) ? 0 : 1))
    : undefined;
  return column(fieldId, dataType, data, undefined, valid);
}

/** @returns how many queries there are. @throws vector_dim_mismatch, invalid_parameter */
export function checkFileSearch(
  { queries, k, metric }: Pick<SegmentSearch, 'queries' | 'k' | 'metric'>,
  index: { readonly vectorBytes: number; readonly dim: number; readonly metric: MetricName | string },
): number {
  const queryCount = queries.byteLength / index.vectorBytes;
  if (!Number.isInteger(queryCount)) {
    const expected = `expected a multiple of ${index.vectorBytes} (dim ${index.dim})`;
    throw new ElanusError(
      'vector_dim_mismatch',
      `query vectors have ${queries.byteLength} bytes, ${expected}`,
    );
  }
  if (!(k >= 1 && k <= FLAT_K_MAX)) {
    throw new ElanusError(
      'invalid_parameter',
      `limit is ${k}, expected 1 to ${FLAT_K_MAX}: ask for fewer hits`,
    );
  }
  if (metric !== index.metric) {
    const remedy = 'search with the metric of the index';
    throw new ElanusError(
      'invalid_parameter',
      `metric ${metric}, the index was built for ${index.metric}; ${remedy}`,
    );
  }
  return queryCount;
}
