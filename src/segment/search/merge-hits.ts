// Hits of a search from several places, brought together: best first, one per key (the newest row), ties by key. Pure, but for the pauses.
import { concatBatches, gatherColumn, type Key, keyAt, uint32At } from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import { DataType } from '#model/schema/data-type.js';
import type { Pace } from '#platform/pace.js';
import type { Column } from '#proto/elanus/data.js';
import { emptyKeys, type Hits, type KeyField } from './hits.js';

/** @param parts each with `queryCount` counts. @param k hits kept per query. */
export function mergeHits(
  parts: readonly Hits[],
  queryCount: number,
  k: number,
  isLargerBetter: boolean,
  keyField: KeyField,
): Hits {
  const merged = alreadyMerged(parts, k, isLargerBetter);
  if (merged !== undefined) return merged;
  const merge = new HitMerge(parts, queryCount, k, isLargerBetter);
  for (let query = 0; query < queryCount; query++) {
    for (const index of parts.keys()) merge.collect(query, index);
    merge.choose(query);
  }
  return merge.finish(keyField);
}

/**
 * As `mergeHits`, in slices: many queries times many hits take long. What is merged already comes back at once.
 * @throws cancelled, deadline_exceeded
 */
export function mergeHitsPaced(
  parts: readonly Hits[],
  queryCount: number,
  k: number,
  isLargerBetter: boolean,
  keyField: KeyField,
  pace: Pace,
): Hits | Promise<Hits> {
  const merged = alreadyMerged(parts, k, isLargerBetter);
  if (merged !== undefined) return merged;
  return mergeInSlices(new HitMerge(parts, queryCount, k, isLargerBetter), parts, queryCount, keyField, pace);
}

async function mergeInSlices(
  merge: HitMerge,
  parts: readonly Hits[],
  queryCount: number,
  keyField: KeyField,
  pace: Pace,
): Promise<Hits> {
  let since = 0;
  for (let query = 0; query < queryCount; query++) {
    for (const index of parts.keys()) {
      since += merge.collect(query, index);
      if (since < ENTRIES_BETWEEN_LOOKS) continue;
      since = 0;
      if (pace.isDue) await pace.rest();
    }
    merge.choose(query);
  }
  if (pace.isDue) await pace.rest();
  return merge.finish(keyField);
}

/** Merging an entry takes a fraction of a microsecond; after so many the clock is read. */
const ENTRIES_BETWEEN_LOOKS = 512;
/** So many are looked through at once, to see whether anything has to be merged. */
const ENTRIES_AT_ONCE = 1 << 15;
/** What one part found is in order already, but for ties and keys that it has twice. */
function alreadyMerged(parts: readonly Hits[], k: number, isLargerBetter: boolean): Hits | undefined {
  const found = parts.filter(({ rows }) => rows.length > 0);
  const [only] = found;
  if (only === undefined || found.length > 1 || only.rows.length > ENTRIES_AT_ONCE) return undefined;
  return isMerged(only, k, isLargerBetter) ? only : undefined;
}

/** Queries one after another; the cost grows with the hits of the parts. */
class HitMerge {
  readonly #parts: readonly Hits[];
  readonly #k: number;
  readonly #isLargerBetter: boolean;
  readonly #counts: Uint32Array;
  /** By part: where its next query begins, and the number of its first hit when all parts lie one after another. */
  readonly #starts: number[];
  readonly #bases: number[] = [];
  readonly #total: number;
  /** Numbers of the hits kept. */
  readonly #chosen: Uint32Array;
  #chosenCount = 0;
  /** The newest row of each key of the query that is being merged, as places in the lists below. */
  readonly #newest = new Map<Key, number>();
  #scores: number[] = [];
  #keys: Key[] = [];
  #times: bigint[] = [];
  #numbers: number[] = [];

  constructor(parts: readonly Hits[], queryCount: number, k: number, isLargerBetter: boolean) {
    this.#parts = parts;
    this.#k = k;
    this.#isLargerBetter = isLargerBetter;
    this.#counts = new Uint32Array(queryCount);
    this.#starts = parts.map(() => 0);
    let total = 0;
    for (const part of parts) {
      this.#bases.push(total);
      total += part.rows.length;
    }
    this.#total = total;
    this.#chosen = new Uint32Array(Math.min(total, queryCount * k));
  }

  /** Takes the query's hits of a part. Queries come in order. @returns how many */
  collect(query: number, index: number): number {
    const part = this.#parts[index] as Hits;
    const begin = this.#starts[index] ?? 0;
    const end = begin + (part.counts[query] ?? 0);
    const base = this.#bases[index] ?? 0;
    this.#starts[index] = end;
    for (let at = begin; at < end; at++) {
      const key = keyAt(part.keys, at);
      const time = part.timestamps[at] ?? 0n;
      const known = this.#newest.get(key);
      if (known !== undefined && (this.#times[known] ?? 0n) >= time) continue;
      this.#newest.set(key, this.#scores.length);
      this.#scores.push(part.scores[at] ?? 0);
      this.#keys.push(key);
      this.#times.push(time);
      this.#numbers.push(base + at);
    }
    return end - begin;
  }

  /** Keeps the best of the query's hits. */
  choose(query: number): void {
    const [scores, keys] = [this.#scores, this.#keys];
    // Lists come in order, so this is little more than merging them.
    const sign = this.#isLargerBetter ? -1 : 1;
    const order = [...this.#newest.values()].sort(
      (a, b) => sign * ((scores[a] ?? 0) - (scores[b] ?? 0)) || compareKeys(keys[a] ?? 0n, keys[b] ?? 0n),
    );
    const count = Math.min(order.length, this.#k);
    for (let at = 0; at < count; at++) this.#chosen[this.#chosenCount++] = this.#numbers[order[at] ?? 0] ?? 0;
    this.#counts[query] = count;
    this.#newest.clear();
    this.#scores = [];
    this.#keys = [];
    this.#times = [];
    this.#numbers = [];
  }

  finish(keyField: KeyField): Hits {
    return pickHits(
      joinHits(this.#parts, this.#total, keyField),
      this.#chosen.subarray(0, this.#chosenCount),
      this.#counts,
    );
  }
}

/** All hits of the parts, one part after another; the counts belong to none of them. */
export function joinHits(parts: readonly Hits[], total: number, keyField: KeyField): Hits {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const all = {
    counts: new Uint32Array(0),
    scores: new Float32Array(total),
    segmentIds: new BigInt64Array(total),
    rows: new Uint32Array(total),
    timestamps: new BigUint64Array(total),
  };
  let at = 0;
  for (const { scores, segmentIds, rows, timestamps } of parts) {
    all.scores.set(scores, at);
    all.segmentIds.set(segmentIds, at);
    all.rows.set(rows, at);
    all.timestamps.set(timestamps, at);
    at += rows.length;
  }
  const found = parts.filter(({ rows }) => rows.length > 0);
  const keys = concatBatches(found.map((part) => ({ rowCount: part.rows.length, columns: [part.keys] })))
    .columns[0];
  return { ...all, keys: keys ?? emptyKeys(keyField) };
}

/** The hits with these numbers, in that order. */
export function pickHits(hits: Hits, chosen: Uint32Array, counts: Uint32Array): Hits {
  const picked = {
    counts,
    scores: new Float32Array(chosen.length),
    segmentIds: new BigInt64Array(chosen.length),
    rows: new Uint32Array(chosen.length),
    timestamps: new BigUint64Array(chosen.length),
  };
  for (let at = 0; at < chosen.length; at++) {
    const from = chosen[at] as number;
    picked.scores[at] = hits.scores[from] as number;
    picked.segmentIds[at] = hits.segmentIds[from] as bigint;
    picked.rows[at] = hits.rows[from] as number;
    picked.timestamps[at] = hits.timestamps[from] as bigint;
  }
  return { ...picked, keys: gatherColumn(hits.keys, chosen, hits.rows.length) };
}

/** Leaves out the first `offset` hits of every query, and those behind the next `limit`. */
export function pageOfHits(hits: Hits, offset: number, limit: number): Hits {
  if (offset === 0 && hits.counts.every((count) => count <= limit)) return hits;
  const counts = hits.counts.map((count) => Math.min(limit, Math.max(0, count - offset)));
  const kept = new Uint32Array(counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  let begin = 0;
  for (const [query, all] of hits.counts.entries()) {
    const count = counts[query] as number;
    for (let index = 0; index < count; index++) kept[at++] = begin + offset + index;
    begin += all;
  }
  return pickHits(hits, kept, counts);
}

/** The hits of some queries after those of others, of the same segments. */
export function appendHits(groups: readonly Hits[], keyField: KeyField): Hits {
  const [only] = groups;
  if (only !== undefined && groups.length === 1) return only;
  const counts = new Uint32Array(groups.reduce((sum, group) => sum + group.counts.length, 0));
  let at = 0;
  let total = 0;
  for (const group of groups) {
    counts.set(group.counts, at);
    at += group.counts.length;
    total += group.rows.length;
  }
  return { ...joinHits(groups, total, keyField), counts };
}

/** Each query has at most k hits, best first, equal scores by key, each key once. */
function isMerged({ counts, scores, keys }: Hits, k: number, isLargerBetter: boolean): boolean {
  let begin = 0;
  for (const count of counts) {
    const end = begin + count;
    if (count > k || hasKeyTwice(keys, begin, end)) return false;
    for (let at = begin + 1; at < end; at++) {
      const ahead = (scores[at - 1] as number) - (scores[at] as number);
      if (isLargerBetter ? ahead > 0 : ahead < 0) continue;
      if (ahead !== 0 || compareKeys(keyAt(keys, at - 1), keyAt(keys, at)) > 0) return false;
    }
    begin = end;
  }
  return true;
}

/** Few are compared with each other by their low halves, which distinguishes nearly all. */
const PAIRS_MAX = 32;
function hasKeyTwice(keys: Column, begin: number, end: number): boolean {
  if (keys.dataType !== DataType.Int64 || end - begin > PAIRS_MAX) {
    const seen = new Set<Key>();
    for (let at = begin; at < end; at++) seen.add(keyAt(keys, at));
    return seen.size < end - begin;
  }
  for (let at = begin + 1; at < end; at++) {
    const low = uint32At(keys.data, at * 2);
    for (let other = begin; other < at; other++) {
      if (
        uint32At(keys.data, other * 2) === low &&
        uint32At(keys.data, other * 2 + 1) === uint32At(keys.data, at * 2 + 1)
      )
        return true;
    }
  }
  return false;
}
