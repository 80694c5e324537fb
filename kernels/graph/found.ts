// What a search found, as rows, and how many of them are worth a score by their vectors.
import { nodeOf, pool, results, rowOf } from './graph';

/** Nodes of the first `count` pool (or results) entries, as rows, u32 each, to `out`. */
export function takeRows(fromResults: i32, count: i32, out: usize): void {
  const entries = fromResults ? results : pool;
  for (let i = 0; i < count; i++) {
    const node = nodeOf(load<u64>(entries + ((<usize>i) << 3)));
    store<u32>(out + ((<usize>i) << 2), rowOf ? load<u32>(rowOf + ((<usize>node) << 2)) : node);
  }
}

const SCORED_MORE: i32 = 4;

/** A key as a number: of integer codes, or of a float (see `keyOf` in lib). */
@inline function numberOf(key: u32, isFloat: bool): f32 {
  return isFloat ? reinterpret<f32>(key & 0x80000000 ? key ^ 0x80000000 : ~key) : <f32>key;
}

/**
 * How many of the first `count` pool (or results) entries may be among the nearest k by the vectors: those up to `slack` behind the k-th. Keys
 * that are squared distances are squared again where they err: distances do by half of `slack`, however small they are.
 */
export function worthScoring(
  fromResults: i32,
  count: i32,
  k: i32,
  isFloat: bool,
  slack: f32,
  growsWithDistance: bool,
): i32 {
  if (count <= k + SCORED_MORE) return count;
  const entries = fromResults ? results : pool,
    last = numberOf(<u32>(load<u64>(entries + ((<usize>(k - 1)) << 3)) >> 32), isFloat);
  const bound = last + (growsWithDistance ? slack * (sqrt<f32>(max<f32>(last, 0)) + slack / 4) : slack);
  let n = k + SCORED_MORE;
  while (n < count && numberOf(<u32>(load<u64>(entries + ((<usize>n) << 3)) >> 32), isFloat) <= bound) n++;
  return n;
}
