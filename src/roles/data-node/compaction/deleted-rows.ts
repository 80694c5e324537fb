// Which rows of a segment its deletes and its time to live take out: by keys and times alone.
import { bytesView } from '#base/bytes.js';
import { gatherColumn, int64Values } from '#model/columns/column.js';
import { primaryField, TIMESTAMP_FIELD } from '#model/schema/field.js';
import type { Pace } from '#platform/pace.js';
import type { Platform } from '#platform/platform.js';
import type { Column, FileRecord, SegmentRecord } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { ColumnStore } from '#segment/fields/column-store.js';
import { KeyIndex } from '#segment/fields/key-index.js';
import { type DeleteSet, readDeletes } from '#segment/files/delta-log.js';
import { readFields } from '#segment/files/segment-columns.js';
import { isExpired, type OwnExpiries } from './own-expiries.js';

/** Rows between two looks at the clock. */
const ROWS_BETWEEN_LOOKS = 4096;

/** Deletes by key. Typed arrays: a key costs its bytes and some thirty more. */
export class KeyDeletes {
  readonly #keys: ColumnStore;
  readonly #index: KeyIndex;
  #times = new BigUint64Array(16);

  constructor(schema: CollectionSchema) {
    const { fieldID, dataType } = primaryField(schema);
    this.#keys = new ColumnStore(fieldID, dataType, 0);
    this.#index = new KeyIndex(this.#keys);
  }

  get size(): number {
    return this.#keys.rowCount;
  }

  /** All deletes of these files. */
  async add(
    platform: Platform,
    files: readonly FileRecord[],
    schema: CollectionSchema,
    pace: Pace,
  ): Promise<void> {
    for (const file of files) {
      const { keys, timestamps } = await readDeletes(platform, file, schema);
      const first = this.size;
      this.#keys.append(keys, timestamps.length);
      if (this.size > this.#times.length) {
        const grown = new BigUint64Array(Math.max(this.size, this.#times.length * 2));
        grown.set(this.#times.subarray(0, first));
        this.#times = grown;
      }
      this.#times.set(timestamps, first);
      for (let row = first; row < this.size; row++) {
        this.#index.insert(row);
        if (row % ROWS_BETWEEN_LOOKS === 0 && pace.isDue) await pace.rest();
      }
    }
  }

  /** When a row that has this key and was written then was deleted first; 0n: it was not. A delete hits what was written before it. */
  firstAfter(keys: Column, row: number, written: bigint): bigint {
    let first = 0n;
    for (let at = this.#index.newestOf(keys, row); at >= 0; at = this.#index.older(at)) {
      const deleted = this.#times[at] as bigint;
      if (deleted > written && (first === 0n || deleted < first)) first = deleted;
    }
    return first;
  }

  /** Those that hit a row of the segment, of the times in (after, until]. Each once, however many rows it hits. */
  async hitting(
    { keys, times }: TimedRows,
    { after, until }: { readonly after: bigint; readonly until: bigint },
    pace: Pace,
  ): Promise<DeleteSet> {
    const isHit = new Uint8Array(this.size);
    let count = 0;
    for (let row = 0; row < times.length; row++) {
      if (row % ROWS_BETWEEN_LOOKS === 0 && pace.isDue) await pace.rest();
      for (let at = this.#index.newestOf(keys, row); at >= 0; at = this.#index.older(at)) {
        const deleted = this.#times[at] as bigint;
        if (isHit[at] !== 0 || deleted <= (times[row] as bigint) || deleted <= after || deleted > until)
          continue;
        isHit[at] = 1;
        count++;
      }
    }
    const rows = new Uint32Array(count);
    for (let at = 0, next = 0; at < isHit.length; at++) if (isHit[at] !== 0) rows[next++] = at;
    return {
      keys: gatherColumn(this.#keys.view(), rows, this.size),
      timestamps: BigUint64Array.from(rows, (at) => this.#times[at] as bigint),
    };
  }
}

/** Keys of a segment's rows, and when each counts as written. */
export interface TimedRows {
  readonly keys: Column;
  readonly times: BigUint64Array;
}

/** @throws data_corrupt, object_not_found */
export async function readTimedRows(
  platform: Platform,
  { files, commitTimestamp }: Pick<SegmentRecord, 'files' | 'commitTimestamp'>,
  schema: CollectionSchema,
): Promise<TimedRows> {
  const fieldIds = [primaryField(schema).fieldID, TIMESTAMP_FIELD];
  const { columns, rowCount } = await readFields(platform, files, schema, fieldIds);
  const [keys, written] = columns as [Column, Column];
  if (commitTimestamp !== 0n) return { keys, times: new BigUint64Array(rowCount).fill(commitTimestamp) };
  const bytes = bytesView(int64Values(written).slice());
  return { keys, times: new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8) };
}

export interface Survivors {
  /** Rows that stay, ascending. */
  readonly rows: Uint32Array;
  /** Reads at this time or later miss none of those that go. */
  readonly readableFrom: bigint;
}

/** What had expired at `at`. */
export interface Expiry {
  readonly at: bigint;
  /** What was written then or before; 0n: nothing. */
  readonly until: bigint;
  /** Rows that name a time of their own: those at or before `micros`. */
  readonly own: { readonly times: OwnExpiries; readonly micros: bigint } | undefined;
}

export async function survivorsOf(
  { keys, times }: TimedRows,
  deletes: readonly KeyDeletes[],
  expiry: Expiry,
  pace: Pace,
): Promise<Survivors> {
  const rows = new Uint32Array(times.length);
  const { own } = expiry;
  const used = deletes.filter(({ size }) => size > 0);
  let count = 0;
  let readableFrom = 0n;
  for (let row = 0; row < times.length; row++) {
    if (row % ROWS_BETWEEN_LOOKS === 0 && pace.isDue) await pace.rest();
    const written = times[row] as bigint;
    const gone =
      written <= expiry.until || (own !== undefined && isExpired(own.times, row, own.micros))
        ? expiry.at
        : used.reduce((first, one) => earlier(first, one.firstAfter(keys, row, written)), 0n);
    if (gone === 0n) rows[count++] = row;
    else if (gone > readableFrom) readableFrom = gone;
  }
  return { rows: rows.slice(0, count), readableFrom };
}

/** 0n is no time. */
const earlier = (a: bigint, b: bigint): bigint => (a === 0n || (b !== 0n && b < a) ? b : a);
