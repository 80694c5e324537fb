// The common case of a search over several segments, without looking at the keys of all that was found: scores alone choose the best hits, and
// only these get their keys and times. It gives up (undefined) where keys decide, which is among equal scores.
import { must } from '#base/assert.js';
import { bytesAt, column, columnFromBytes, uint32At } from '#model/columns/column.js';
import { isStringType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import type { SegmentHits } from '#segment/fields/segment-hits.js';
import type { ReadableSegment } from '#segment/readable-segment.js';
import { elementKeys } from './element-keys.js';
import type { Hits, KeyField } from './hits.js';

/** What a search found in one segment: `counts[q]` rows of query q from `q * k` on, best first. */
export interface FoundIn {
  readonly segment: ReadableSegment;
  readonly found: SegmentHits;
}

/** Hits that are merged in one go, well below a millisecond; more of them are merged in slices. */
const ENTRIES_MAX = 1 << 13;

/**
 * The `k` best of all that was found, by query; a key may be among them twice. When none of them has a newer row of its key elsewhere, they
 * are the answer: each is the newest of its key, and whatever was not found is worse than what was found beside it.
 */
export function bestHits(
  lists: readonly FoundIn[],
  queryCount: number,
  k: number,
  isLargerBetter: boolean,
  keyField: KeyField,
) {
  if (queryCount * k > ENTRIES_MAX) return undefined;
  const best = new BestHits(lists, queryCount, k, isLargerBetter);
  for (let query = 0; query < queryCount; query++) if (!best.choose(query)) return undefined;
  return best.finish(keyField);
}

class BestHits {
  readonly #lists: readonly FoundIn[];
  readonly #k: number;
  readonly #isLargerBetter: boolean;
  readonly #counts: Uint32Array;
  /** The list of each chosen hit, and its place there. */
  readonly #from: number[] = [];
  readonly #places: number[] = [];
  /** By list, for the query that is being merged: the first hit that is not chosen, and the end. */
  readonly #heads: number[] = [];
  readonly #ends: number[] = [];

  constructor(lists: readonly FoundIn[], queryCount: number, k: number, isLargerBetter: boolean) {
    this.#lists = lists;
    this.#k = k;
    this.#isLargerBetter = isLargerBetter;
    this.#counts = new Uint32Array(queryCount);
  }

  /** @returns false when scores do not decide the order */
  choose(query: number): boolean {
    for (const [index, { found }] of this.#lists.entries()) {
      this.#heads[index] = query * found.k;
      this.#ends[index] = query * found.k + (found.counts[query] as number);
    }
    let count = 0;
    let last = 0;
    for (;;) {
      const index = this.#bestHead();
      if (index < 0) break;
      const head = this.#heads[index] as number;
      const score = this.#scoreAt(index, head);
      // Not only between hits: the best of those that are left out must be worse as well.
      if (count > 0 && !this.#isWorse(score, last)) return false;
      if (count === this.#k) break;
      last = score;
      count++;
      this.#from.push(index);
      this.#places.push(head);
      this.#heads[index] = head + 1;
    }
    this.#counts[query] = count;
    return true;
  }

  #scoreAt(index: number, at: number): number {
    return (this.#lists[index] as FoundIn).found.scores[at] as number;
  }

  #isWorse(score: number, than: number): boolean {
    return this.#isLargerBetter ? score < than : score > than;
  }

  /** The list whose next hit is best, or -1. */
  #bestHead(): number {
    let best = -1;
    let bestScore = 0;
    for (let index = 0; index < this.#lists.length; index++) {
      const head = this.#heads[index] as number;
      if (head === this.#ends[index]) continue;
      const score = this.#scoreAt(index, head);
      if (best >= 0 && !this.#isWorse(bestScore, score)) continue;
      best = index;
      bestScore = score;
    }
    return best;
  }

  finish(keyField: KeyField): Hits {
    const total = this.#from.length;
    const hits = {
      counts: this.#counts,
      scores: new Float32Array(total),
      segmentIds: new BigInt64Array(total),
      rows: new Uint32Array(total),
      timestamps: new BigUint64Array(total),
    };
    for (let at = 0; at < total; at++) {
      const { segment, found } = this.#lists[this.#from[at] as number] as FoundIn;
      const place = this.#places[at] as number;
      const row = found.rows[place] as number;
      hits.rows[at] = row;
      hits.scores[at] = found.scores[place] as number;
      hits.segmentIds[at] = segment.id;
      hits.timestamps[at] = segment.data.timestampOf(row);
    }
    const keys = this.#keys(hits.rows, keyField);
    const isElements = this.#lists.some(({ found }) => found.offsets !== undefined);
    return { ...hits, keys: isElements ? elementKeys(keys, this.#offsets()) : keys };
  }

  #offsets(): Uint32Array {
    return Uint32Array.from(this.#from, (list, at) => {
      const { found } = this.#lists[list] as FoundIn;
      return found.offsets?.[this.#places[at] as number] ?? 0;
    });
  }

  #keys(rows: Uint32Array, { fieldId, dataType }: KeyField): Column {
    const columns = this.#lists.map(({ segment }) => must(segment.data.column(fieldId), 'key column'));
    const columnOf = (at: number): Column => columns[this.#from[at] as number] as Column;
    if (isStringType(dataType)) {
      return columnFromBytes(
        fieldId,
        dataType,
        Array.from(rows, (row, at) => bytesAt(columnOf(at), row)),
      );
    }
    const words = new Uint32Array(rows.length * 2);
    for (let at = 0; at < rows.length; at++) {
      const { data } = columnOf(at);
      words[at * 2] = uint32At(data, (rows[at] as number) * 2);
      words[at * 2 + 1] = uint32At(data, (rows[at] as number) * 2 + 1);
    }
    return column(fieldId, dataType, new Uint8Array(words.buffer));
  }
}
