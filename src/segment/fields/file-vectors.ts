// A dense vector field of a sealed segment whose vectors stay in a file: what the segment needs of it, and what its kinds have in common.
// DiskVectors walks over pages of the file; CodedVectors answers by codes in memory and reads pages for output.
import { ElanusError } from '#base/errors.js';
import type { WalkPlan } from '#index/block/walk-plan.js';
import { type DiskLayout, pageOf, recordAt } from '#index/disk/disk-layout.js';
import type { DiskPages } from '#index/disk/disk-search.js';
import { column } from '#model/columns/column.js';
import type { MetricName } from '#model/schema/metric-type.js';
import type { SharedRegion, Workers } from '#platform/workers.js';
import type { Column } from '#proto/elanus/data.js';
import { type FieldStore, fieldReleased } from './field-store.js';
import type { SegmentHits } from './segment-hits.js';
import type { VectorColumn } from './vector-column.js';

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

/** A search as it was planned: checked, with its own copy of the queries. */
export interface FileSearch {
  readonly metric: MetricName;
  readonly queries: Float32Array | Uint8Array;
  readonly queryCount: number;
  /** 1 to the rows of the segment. */
  readonly k: number;
  readonly params: Readonly<Record<string, number | string | boolean>>;
  /** Bit set: the row does not count. */
  readonly excluded?: Uint8Array;
  /** Rows that count. */
  readonly passing: number;
  /** The rows themselves, where a filter named them. */
  readonly rows?: Uint32Array;
  readonly radius?: number;
  readonly rangeFilter?: number;
}

/** The region is given back as soon as the last read ends; the vectors come into memory when the file is lost. */
export abstract class FileVectors implements FieldStore {
  readonly kind = 'file';
  abstract readonly form: 'disk' | 'codes';
  abstract readonly rowCount: number;
  /** In memory, without cached pages, which all files share. */
  abstract readonly bytes: number;
  abstract readonly nullBits: Uint8Array | undefined;
  abstract readonly dim: number;
  abstract readonly vectorBytes: number;
  /** That the index was built for; no other can be searched. */
  abstract readonly metric: string;
  readonly fieldId: bigint;
  /** Key of the file. */
  readonly key: string;
  /** The codes are what is left of the vectors in memory: they are not given up. */
  readonly indexBytes = 0;
  readonly missingBytes = 0;
  readonly #parts: FileVectorsParts;
  readonly #region: SharedRegion;
  #restored: Promise<VectorColumn> | undefined;
  #readers = 0;
  #isReleased = false;

  constructor(parts: FileVectorsParts, region: SharedRegion) {
    this.#parts = parts;
    this.#region = region;
    this.key = parts.key;
    this.fieldId = parts.fieldId;
  }

  /** How a search is carried out when so many rows count. */
  abstract planOf(passing: number, width: number, k?: number): WalkPlan;

  /** @throws data_corrupt, object_not_found when the file is lost */
  abstract search(search: FileSearch, signal?: AbortSignal): Promise<SegmentHits>;

  /** Copies of the rows' vectors. @throws data_corrupt, object_not_found when the file is lost */
  abstract gather(rows: Uint32Array): Promise<Column>;

  // The file has the vectors of all rows: what the segment is given beside it comes without them.
  check(): void {}

  reserve(): void {}

  append(): void {}

  appendMissing(): void {}

  dropIndexes(): void {}

  /** The vectors in memory. All who ask get the same; it belongs to the segment. */
  restore(): Promise<VectorColumn> {
    this.#restored ??= this.#parts.restore().catch((error: unknown) => {
      this.#restored = undefined;
      throw error;
    });
    return this.#restored;
  }

  /** Keeps the region and the file while they are read. */
  protected async hold<T>(read: () => Promise<T>): Promise<T> {
    if (this.#isReleased) throw fieldReleased(this.fieldId);
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

/** A file that is damaged or gone; other errors may pass. */
export const isLostFile = (error: unknown): boolean =>
  error instanceof ElanusError && (error.key === 'data_corrupt' || error.key === 'object_not_found');
