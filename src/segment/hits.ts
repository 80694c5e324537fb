// Hits of a search from several places, brought together: best first, one per key (the newest row), ties by key. Pure.
import { ElanusError } from '#base/errors.js';
import { concatBatches, gatherColumn, type Key, keyAt, lengthProblem, uint32At } from '#model/column.js';
import { DataType, fixedWidth } from '#model/data-type.js';
import { compareKeys } from '#model/row-key.js';
import type { Column } from '#proto/elanus/data.js';
import { ShardSearchResponse } from '#proto/elanus/roles.js';

/** Hits of all queries one after another; `counts[q]` cuts them. A hit's address is (segment, row). */
export interface Hits {
  readonly counts: Uint32Array;
  readonly scores: Float32Array;
  readonly segmentIds: BigInt64Array;
  readonly rows: Uint32Array;
  readonly keys: Column;
  readonly timestamps: BigUint64Array;
}
interface Candidate {
  readonly part: number;
  readonly at: number;
  readonly score: number;
  readonly key: Key;
  readonly timestamp: bigint;
}
/** @param parts each with `queryCount` counts. @param k hits kept per query. */
export function mergeHits(
  parts: readonly Hits[],
  queryCount: number,
  k: number,
  isLargerBetter: boolean,
  keyField: { readonly fieldId: bigint; readonly dataType: number },
): Hits {
  const found = parts.filter(({ rows }) => rows.length > 0);
  const [only] = found;
  // What one part found is in order already, but for ties and keys that it has twice.
  if (only !== undefined && found.length === 1 && isMerged(only, k, isLargerBetter)) return only;
  const starts = parts.map(() => 0);
  const chosen: Candidate[] = [];
  const counts = new Uint32Array(queryCount);
  for (let query = 0; query < queryCount; query++) {
    const newest = new Map<Key, Candidate>();
    for (const [index, part] of parts.entries()) {
      const begin = starts[index] ?? 0;
      const end = begin + (part.counts[query] ?? 0);
      starts[index] = end;
      for (let at = begin; at < end; at++) {
        const candidate = { part: index, at, score: part.scores[at] ?? 0, key: keyAt(part.keys, at), timestamp: part.timestamps[at] ?? 0n };
        const other = newest.get(candidate.key);
        if (other === undefined || other.timestamp < candidate.timestamp) newest.set(candidate.key, candidate);
      }
    }
    const sorted = [...newest.values()]
      .sort((a, b) => (isLargerBetter ? b.score - a.score : a.score - b.score) || compareKeys(a.key, b.key))
      .slice(0, k);
    counts[query] = sorted.length;
    chosen.push(...sorted);
  }
  const bases: number[] = [];
  let total = 0;
  for (const part of parts) {
    bases.push(total);
    total += part.scores.length;
  }
  const all =
    parts.length === 0
      ? undefined
      : concatBatches(parts.map((part) => ({ rowCount: part.scores.length, columns: [part.keys] }))).columns[0];
  const order = Uint32Array.from(chosen, (candidate) => (bases[candidate.part] ?? 0) + candidate.at);
  const partOf = (candidate: Candidate): Hits => parts[candidate.part] as Hits;
  return {
    counts,
    scores: Float32Array.from(chosen, (candidate) => candidate.score),
    segmentIds: BigInt64Array.from(chosen, (candidate) => partOf(candidate).segmentIds[candidate.at] ?? 0n),
    rows: Uint32Array.from(chosen, (candidate) => partOf(candidate).rows[candidate.at] ?? 0),
    keys: all === undefined ? emptyKeys(keyField) : gatherColumn(all, order, total),
    timestamps: BigUint64Array.from(chosen, (candidate) => candidate.timestamp),
  };
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
/** Few are compared with each other by their low halves, which tells nearly all apart. */
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
      if (uint32At(keys.data, other * 2) === low && uint32At(keys.data, other * 2 + 1) === uint32At(keys.data, at * 2 + 1)) return true;
    }
  }
  return false;
}
const emptyKeys = ({ fieldId, dataType }: { readonly fieldId: bigint; readonly dataType: number }): Column => ({
  fieldId,
  dataType,
  data: new Uint8Array(0),
  // Only values of variable width have offsets.
  offsets: new Uint8Array(dataType === DataType.VarChar ? 4 : 0),
  valid: new Uint8Array(0),
});

const bytesOf = (array: Uint32Array | Float32Array | BigInt64Array | BigUint64Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
/** Bytes of the wire in a buffer of their own, for a typed array over them. */
export const aligned = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;
/** The same bytes, copied only when they are not aligned for a typed array. */
const at8 = (bytes: Uint8Array): Uint8Array => (bytes.byteOffset % 8 === 0 ? bytes : bytes.slice());
const uint32sOf = (bytes: Uint8Array): Uint32Array => {
  const { buffer, byteOffset, byteLength } = at8(bytes);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
};
const floatsOf = (bytes: Uint8Array): Float32Array => {
  const { buffer, byteOffset, byteLength } = at8(bytes);
  return new Float32Array(buffer, byteOffset, byteLength / 4);
};
const int64sOf = (bytes: Uint8Array): BigInt64Array => {
  const { buffer, byteOffset, byteLength } = at8(bytes);
  return new BigInt64Array(buffer, byteOffset, byteLength / 8);
};
const uint64sOf = (bytes: Uint8Array): BigUint64Array => {
  const { buffer, byteOffset, byteLength } = at8(bytes);
  return new BigUint64Array(buffer, byteOffset, byteLength / 8);
};
const emptyResponse = ShardSearchResponse.create({});
export function encodeHits(hits: Hits, readTimestamp: bigint): ShardSearchResponse {
  return {
    ...emptyResponse,
    counts: bytesOf(hits.counts),
    scores: bytesOf(hits.scores),
    segmentIds: bytesOf(hits.segmentIds),
    rows: bytesOf(hits.rows),
    keys: hits.keys,
    timestamps: bytesOf(hits.timestamps),
    readTimestamp,
  };
}
/** @throws internal when the parts do not fit together: nothing behind this reads past an end. */
export function decodeHits(response: ShardSearchResponse): Hits {
  const hitCount = response.scores.length / 4;
  const keys = response.keys ?? emptyKeys({ fieldId: 0n, dataType: DataType.Int64 });
  const fits =
    response.counts.length % 4 === 0 &&
    Number.isInteger(hitCount) &&
    response.rows.length === hitCount * 4 &&
    response.segmentIds.length === hitCount * 8 &&
    response.timestamps.length === hitCount * 8;
  const counts = fits ? uint32sOf(response.counts) : new Uint32Array(0);
  if (!fits || counts.reduce((sum, count) => sum + count, 0) !== hitCount) throw unfit(response, 'hits of different lengths');
  const problem = lengthProblem(keys, hitCount, fixedWidth(keys.dataType, 0));
  if (problem !== undefined) throw unfit(response, `the key column ${problem}`);
  return {
    counts,
    scores: floatsOf(response.scores),
    segmentIds: int64sOf(response.segmentIds),
    rows: uint32sOf(response.rows),
    keys,
    timestamps: uint64sOf(response.timestamps),
  };
}
const unfit = (response: ShardSearchResponse, why: string): ElanusError =>
  new ElanusError(
    'internal',
    `a search answer of ${response.scores.length / 4} hits: ${why}, expected whole hits; check the peer's version`,
  );
