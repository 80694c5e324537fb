// A look at each node that counts, by its code: bits say which, or a list.
import { touch } from './codes';
import { counts, filteredRowOf, nodes, scratch } from './graph';
import { offerScored } from './offered';

/** Nodes that are scored together, and up to so many more. */
const SCANNED: i32 = 32;

/** Scores every node that counts by its code and keeps the ef nearest in the pool. @returns how many */
export function scanCounting(query: usize, ef: i32, excluded: usize): i32 {
  const ids = scratch + 64;
  let size = 0,
    n = 0;
  for (let first: u32 = 0; first < nodes; ) {
    if (hasNone(excluded, first)) {
      first += 128;
      continue;
    }
    for (let left = countingOf(excluded, first); left != 0; left &= left - 1) {
      store<u32>(ids + ((<usize>n) << 2), first + ctz(left));
      n++;
    }
    first += 32;
    if (n < SCANNED) continue;
    size = <i32>offerScored(query, ef, n, size, 0);
    n = 0;
  }
  return n == 0 ? size : <i32>offerScored(query, ef, n, size, 0);
}

/** The same of the `count` u32 at `ids`, which are the nodes that count. Codes of those that come next are under way meanwhile. */
export function scanListed(query: usize, ef: i32, ids: usize, count: i32): i32 {
  let size = 0;
  for (let from = 0; from < count; from += SCANNED) {
    const n = min(SCANNED, count - from),
      piece = ids + ((<usize>from) << 2);
    memory.copy(scratch + 64, piece, (<usize>n) << 2);
    touch(piece + ((<usize>n) << 2), min(SCANNED, count - from - n));
    size = <i32>offerScored(query, ef, n, size, 0);
  }
  return size;
}

/** Whether none of 128 nodes from `first` on counts, by bits of nodes. */
@inline function hasNone(excluded: usize, first: u32): bool {
  return filteredRowOf == 0 && nodes - first >= 128 && !v128.any_true(v128.not(v128.load(excluded + (first >> 3))));
}

/** A bit for each of 32 nodes from `first` on: set, it counts. */
@inline function countingOf(excluded: usize, first: u32): u32 {
  const left = nodes - first,
    known: u32 = left < 32 ? (1 << left) - 1 : -1;
  if (filteredRowOf == 0) return ~load<u32>(excluded + (first >> 3)) & known;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < min<u32>(left, 32); i++) bits |= (<u32>counts(excluded, first + i)) << i;
  return bits;
}
