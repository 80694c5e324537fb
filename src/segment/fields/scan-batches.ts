// Searches that scan the same rows at the same time share a scan: what it costs is mostly reading the vectors, and several queries score
// them in one pass. No search waits for others: those that come while scans are running share the next.
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { emptyHits, type SegmentHits } from './segment-hits.js';

export interface SharedScan {
  /** Which rows in which way: scans with the same text and the same bits may be one. */
  readonly over: string;
  /** Bit set: the row does not count. The same object, not the same bits. */
  readonly excluded: Uint8Array | undefined;
  /** One after the other, of one length each. */
  readonly queries: Uint8Array;
  readonly queryCount: number;
  readonly k: number;
}

export type Scan = (queries: Uint8Array, queryCount: number, k: number) => Promise<SegmentHits>;
interface Waiter {
  readonly asked: SharedScan;
  readonly hits: Deferred<SegmentHits>;
}

interface Batch {
  readonly scan: Scan;
  readonly waiters: Waiter[];
}

/** More queries in one scan compute longer than they read. */
const BATCH_QUERIES_MAX = 32;

/** Shared scans of one vector field of a segment. */
export class ScanBatches {
  readonly #waiting: Batch[] = [];
  #running = 0;

  /**
   * @param scan the scan of whatever shares `over` and `excluded` with this one
   * @param atOnce scans that run side by side
   */
  async run(asked: SharedScan, scan: Scan, atOnce: number, signal?: AbortSignal): Promise<SegmentHits> {
    if (this.#running < atOnce && this.#waiting.length === 0) {
      this.#running++;
      try {
        return await scan(asked.queries, asked.queryCount, asked.k);
      } finally {
        this.#running--;
        this.#next(atOnce);
      }
    }
    const waiter: Waiter = { asked, hits: deferred() };
    const batch = this.#waiting.find((one) => fits(one, asked));
    if (batch === undefined) this.#waiting.push({ scan, waiters: [waiter] });
    else batch.waiters.push(waiter);
    const forget = signal && onAbort(signal, () => this.#leave(waiter));
    return forget === undefined ? waiter.hits.promise : waiter.hits.promise.finally(forget);
  }

  #next(atOnce: number): void {
    while (this.#running < atOnce) {
      const batch = this.#waiting.shift();
      if (batch === undefined) return;
      this.#running++;
      void perform(batch).finally(() => {
        this.#running--;
        this.#next(atOnce);
      });
    }
  }

  #leave(waiter: Waiter): void {
    for (const [place, { waiters }] of this.#waiting.entries()) {
      const at = waiters.indexOf(waiter);
      if (at < 0) continue;
      waiters.splice(at, 1);
      if (waiters.length === 0) this.#waiting.splice(place, 1);
      waiter.hits.reject(new ElanusError('cancelled', 'the search was cancelled before its scan began'));
      return;
    }
  }
}

function fits({ waiters }: Batch, { over, excluded, queryCount }: SharedScan): boolean {
  const [first] = waiters;
  if (first === undefined || first.asked.over !== over || first.asked.excluded !== excluded) return false;
  return waiters.reduce((count, { asked }) => count + asked.queryCount, queryCount) <= BATCH_QUERIES_MAX;
}

async function perform({ scan, waiters }: Batch): Promise<void> {
  try {
    const queries = joined(waiters.map(({ asked }) => asked.queries));
    const queryCount = waiters.reduce((count, { asked }) => count + asked.queryCount, 0);
    const hits = await scan(queries, queryCount, Math.max(...waiters.map(({ asked }) => asked.k)));
    let first = 0;
    for (const { asked, hits: own } of waiters) {
      own.resolve(waiters.length === 1 ? hits : partOf(hits, first, asked));
      first += asked.queryCount;
    }
  } catch (error) {
    for (const { hits } of waiters) hits.reject(error);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const all = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The best `k` of the queries from `first` on. */
function partOf(all: SegmentHits, first: number, { queryCount, k }: SharedScan): SegmentHits {
  const part = emptyHits(queryCount, Math.min(k, all.k));
  for (let query = 0; query < queryCount; query++) {
    const count = Math.min(part.k, all.counts[first + query] as number);
    const from = (first + query) * all.k;
    part.counts[query] = count;
    part.rows.set(all.rows.subarray(from, from + count), query * part.k);
    part.scores.set(all.scores.subarray(from, from + count), query * part.k);
  }
  return part;
}
