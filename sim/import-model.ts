// What the collection that imports fill must hold at the time of a read. Rows come in batches, of a job or of an insert, and each batch is there
// whole or not at all:
//   1. Of a job that was seen completed every row is found exactly once, with its version, by every later read.
//   2. Of one that was seen failed, or that waits for its commit, none ever is.
//   3. Of one whose outcome is not known, all or none; what was seen once stays.
//   4. An outcome never changes, and a file with a wrong row has but one.
//   5. A row is found until its time has come by the time of the read, and never after it.
import type { ImportRow } from './import-rows.js';
import { Violation } from './model.js';

/** hidden: nobody may see the rows, now. They may still come. */
export type BatchState = 'unknown' | 'hidden' | 'there' | 'never';

export interface Batch {
  readonly what: string;
  readonly rows: readonly ImportRow[];
  state: BatchState;
}

export interface FoundRow {
  readonly key: number;
  readonly version: number;
}

const wrong = (text: string): Violation => new Violation(`an import is wrong: ${text}`);

export class ImportModel {
  #batches: Batch[] = [];

  add(what: string, rows: readonly ImportRow[]): Batch {
    const batch: Batch = { what, rows, state: 'unknown' };
    this.#batches.push(batch);
    return batch;
  }

  /** @throws Violation when it had another outcome before */
  settle(batch: Batch, state: BatchState): void {
    const isEnd = batch.state === 'there' || batch.state === 'never';
    if (isEnd && batch.state !== state)
      throw wrong(`${batch.what} was ${batch.state === 'there' ? 'complete' : 'failed'}, and is ${state}`);
    batch.state = state;
  }

  /** The collection was dropped: nothing of what was in it comes back. */
  clear(): void {
    this.#batches = [];
  }

  /** @param atMs the time of the read, by the oracle */
  checkRead(found: readonly FoundRow[], atMs: number): void {
    const versions = new Map<number, number>();
    for (const { key, version } of found) {
      if (versions.has(key)) throw wrong(`key ${key} is found twice`);
      versions.set(key, version);
    }
    for (const batch of this.#batches) this.#checkBatch(batch, versions, atMs);
    const [stranger] = versions.keys();
    if (stranger !== undefined) throw wrong(`key ${stranger} is found, and nothing has brought it`);
  }

  /** For a read without one time: batches are there whole or not at all, as far as their rows do not expire. */
  checkWhole(found: readonly FoundRow[]): void {
    const keys = new Set(found.map(({ key }) => key));
    for (const batch of this.#batches) {
      const lasting = batch.rows.filter(({ untilMs }) => untilMs === undefined);
      const missing = lasting.find(({ key }) => !keys.has(key));
      const seen = lasting.find(({ key }) => keys.has(key));
      if (seen !== undefined && missing !== undefined)
        throw wrong(`key ${seen.key} of ${batch.what} is found, key ${missing.key} of it is not`);
      if (seen !== undefined) this.settle(batch, 'there');
    }
  }

  /** Takes what it explains out of `versions`. */
  #checkBatch(batch: Batch, versions: Map<number, number>, atMs: number): void {
    const alive = batch.rows.filter(({ untilMs }) => untilMs === undefined || untilMs > atMs);
    const seen = batch.rows.filter(({ key }) => versions.has(key));
    for (const { key, version, untilMs } of seen) {
      if (untilMs !== undefined && untilMs <= atMs)
        throw wrong(`key ${key} of ${batch.what} is found at ${atMs}, and was to be gone at ${untilMs}`);
      if (versions.get(key) !== version)
        throw wrong(`key ${key} of ${batch.what} has version ${versions.get(key)}, expected ${version}`);
      versions.delete(key);
    }
    if (seen.length > 0 && (batch.state === 'never' || batch.state === 'hidden'))
      throw wrong(
        `${seen.length} rows of ${batch.what} are found, which ${batch.state === 'never' ? 'failed' : 'waits for its commit'}`,
      );
    if (seen.length < alive.length && (seen.length > 0 || batch.state === 'there')) {
      const missing = alive.find((row) => !seen.includes(row));
      throw wrong(
        `key ${missing?.key} of ${batch.what} is missing; ${seen.length} of ${alive.length} rows are found`,
      );
    }
    if (seen.length > 0) batch.state = 'there';
  }

  /** How many rows `count(*)` may count at some moment between two times, when nothing is under way. */
  countRange(fromMs: number, toMs: number): readonly [number, number] {
    const rows = this.#batches.filter(({ state }) => state === 'there').flatMap((batch) => batch.rows);
    const aliveAt = (ms: number): number =>
      rows.filter(({ untilMs }) => untilMs === undefined || untilMs > ms).length;
    return [aliveAt(toMs), aliveAt(fromMs)];
  }

  /** When nothing is under way, after a read: what has rows that live and was not seen never happened. */
  settleQuiet(atMs: number): void {
    for (const batch of this.#batches)
      if (
        batch.state === 'unknown' &&
        batch.rows.some(({ untilMs }) => untilMs === undefined || untilMs > atMs)
      )
        batch.state = 'never';
  }
}
