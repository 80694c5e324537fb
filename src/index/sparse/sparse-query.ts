// Sparse query vectors as they come to searches: a uint32 count before each query's (uint32 index, float32 value) pairs, by ascending index.
// They were checked where they entered; here only their lengths are, as no search may read past them.
import { ElanusError } from '#base/errors.js';

export interface SparseQuery {
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}

/** Zero values are left out: they score nothing. @throws invalid_parameter */
export function unpackSparseQueries(packed: Uint8Array): SparseQuery[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const queries: SparseQuery[] = [];
  for (let at = 0; at < packed.length; ) {
    const count = at + 4 <= packed.length ? view.getUint32(at, true) : 0;
    at += 4;
    if (at + count * 8 > packed.length) {
      throw new ElanusError(
        'invalid_parameter',
        `sparse queries end after ${packed.length} bytes, inside query ${queries.length}; send them again`,
      );
    }
    const indices = new Uint32Array(count);
    const values = new Float32Array(count);
    let kept = 0;
    for (let i = 0; i < count; i++, at += 8) {
      const value = view.getFloat32(at + 4, true);
      if (!(value > 0)) continue;
      indices[kept] = view.getUint32(at, true);
      values[kept++] = value;
    }
    queries.push({ indices: indices.subarray(0, kept), values: values.subarray(0, kept) });
  }
  return queries;
}

/** Where each query begins, in bytes. */
export function sparseQueryBegins(packed: Uint8Array): Uint32Array {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const begins: number[] = [];
  for (let at = 0; at + 4 <= packed.length; at += 4 + view.getUint32(at, true) * 8) begins.push(at);
  return Uint32Array.from(begins);
}

/** How many queries are packed. */
export const sparseQueryCount = (packed: Uint8Array): number => unpackSparseQueries(packed).length;

/**
 * Leaves out the smallest values of a query: `ratio` of them, rounded down; of values equal to the smallest kept one, all are kept.
 * @param ratio 0 (nothing is left out) to below 1
 */
export function dropSmallest(query: SparseQuery, ratio: number): SparseQuery {
  const dropped = Math.floor(ratio * query.values.length);
  if (dropped === 0) return query;
  const least = query.values.slice().sort()[dropped] as number;
  const kept = [...query.values.keys()].filter((i) => (query.values[i] as number) >= least);
  return {
    indices: Uint32Array.from(kept, (i) => query.indices[i] as number),
    values: Float32Array.from(kept, (i) => query.values[i] as number),
  };
}

/** The bounds of a range search as (low, high] of float32 scores. A row without a common index scores 0 and is no hit, whatever the radius. */
export function scoreBounds(
  radius: number | undefined,
  rangeFilter: number | undefined,
): { readonly low: number; readonly high: number } {
  if (Number.isNaN(radius) || Number.isNaN(rangeFilter)) {
    throw new ElanusError(
      'invalid_parameter',
      'radius or range_filter is not a number, expected a finite bound',
    );
  }
  return {
    low: Math.max(0, Math.fround(radius ?? 0)),
    high: Math.fround(rangeFilter ?? Number.POSITIVE_INFINITY),
  };
}
