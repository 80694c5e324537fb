// Copies of a key in several segments. Within a segment only the newest row of a key is visible; between segments a search finds out for
// its hits: a hit whose key has a newer row elsewhere is no answer. It is left out, and if that leaves a list short that had more to give,
// the search runs again without it. So k hits are k keys, each by its newest row, as long as there are so many.
// All rows of a key are in one shard, so the owner of the shard sees all of them.

import type { ReadTime } from '#base/read-time.js';
import type { Pace } from '#platform/pace.js';
import { type ReadableSegment, readTsFor } from '#segment/readable-segment.js';
import type { Hits } from './hits.js';
import { pickHits } from './merge-hits.js';

/** Rows that a search found to have a newer row of their key in another segment, by segment. */
export class SupersededRows {
  readonly #rows = new Map<bigint, Set<number>>();

  static decode(segmentIds: BigInt64Array, rows: Uint32Array): SupersededRows {
    const superseded = new SupersededRows();
    for (const [at, id] of segmentIds.entries()) superseded.#add(id, rows[at] ?? 0);
    return superseded;
  }

  #add(segmentId: bigint, row: number): void {
    const known = this.#rows.get(segmentId);
    if (known === undefined) this.#rows.set(segmentId, new Set([row]));
    else known.add(row);
  }

  add(hits: Hits, numbers: readonly number[]): void {
    for (const number of numbers) this.#add(hits.segmentIds[number] ?? 0n, hits.rows[number] ?? 0);
  }

  of(segmentId: bigint): Uint32Array | undefined {
    if (this.#rows.size === 0) return undefined;
    const rows = this.#rows.get(segmentId);
    return rows === undefined ? undefined : Uint32Array.from(rows);
  }

  addresses(): { readonly segmentIds: BigInt64Array; readonly rows: Uint32Array } {
    const segmentIds: bigint[] = [];
    const all: number[] = [];
    for (const [id, rows] of this.#rows) {
      for (const row of rows) {
        segmentIds.push(id);
        all.push(row);
      }
    }
    return { segmentIds: BigInt64Array.from(segmentIds), rows: Uint32Array.from(all) };
  }
}

/** Whether one row of a key is newer than another: of equal times the one in the segment that was begun later. */
export const isNewer = (timestamp: bigint, segmentId: bigint, than: bigint, thanSegmentId: bigint): boolean =>
  timestamp > than || (timestamp === than && segmentId > thanSegmentId);

/** Hits between two looks at the clock. */
const HITS_BETWEEN_LOOKS = 256;
/** Numbers of the hits whose key has a newer visible row in one of the segments. @throws cancelled, deadline_exceeded */
export async function supersededBy(
  segments: readonly ReadableSegment[],
  readTs: ReadTime,
  hits: Hits,
  pace: Pace,
): Promise<number[]> {
  const numbers: number[] = [];
  for (let at = 0; at < hits.rows.length; at++) {
    const time = hits.timestamps[at] as bigint;
    const own = hits.segmentIds[at] as bigint;
    for (const segment of segments) {
      if (!hasNewer(segment, readTs, hits, at, time, own)) continue;
      numbers.push(at);
      break;
    }
    if (at % HITS_BETWEEN_LOOKS === HITS_BETWEEN_LOOKS - 1 && pace.isDue) await pace.rest();
  }
  return numbers;
}

function hasNewer(
  segment: ReadableSegment,
  readTs: ReadTime,
  hits: Hits,
  at: number,
  time: bigint,
  own: bigint,
): boolean {
  const { id, data } = segment;
  if (id === own || data.timestampTo < time) return false;
  const row = data.findKeyOf(hits.keys, at, readTsFor(segment, readTs));
  return row !== undefined && isNewer(data.timestampOf(row), id, time, own);
}

/** The hits without those at these ascending numbers. */
export function withoutHits(hits: Hits, numbers: readonly number[]): Hits {
  if (numbers.length === 0) return hits;
  const counts = new Uint32Array(hits.counts.length);
  const kept = new Uint32Array(hits.rows.length - numbers.length);
  let begin = 0;
  let next = 0;
  let count = 0;
  for (const [query, all] of hits.counts.entries()) {
    const before = count;
    for (let at = begin; at < begin + all; at++) {
      if (numbers[next] === at) next++;
      else kept[count++] = at;
    }
    counts[query] = count - before;
    begin += all;
  }
  return pickHits(hits, kept, counts);
}

/** Whether a list of `k` hits, and so perhaps with more behind it, lost one of them. */
export function isLeftShort(hits: Hits, numbers: readonly number[], k: number): boolean {
  let begin = 0;
  let next = 0;
  for (const count of hits.counts) {
    const end = begin + count;
    if ((numbers[next] ?? end) < end && count >= k) return true;
    while ((numbers[next] ?? end) < end) next++;
    begin = end;
  }
  return false;
}

/** Hits asked for in the next round: more, as there are copies, within bounds of memory. */
export const nextK = (k: number, queryCount: number): number =>
  Math.max(k, Math.min(k * 4, K_MAX, Math.floor(ENTRIES_MAX / queryCount)));
const K_MAX = 16_384;
const ENTRIES_MAX = 1 << 18;
