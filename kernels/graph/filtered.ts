// Searches among nodes that count alone: walks that admit only those, walks over those, and a look at each of them.
import { keys4, touch } from './codes';
import {
  counts,
  degree,
  enter,
  entryOf,
  filteredRowOf,
  gather,
  header,
  insertEntry,
  isMarked,
  listOf,
  mark,
  nextEpoch,
  NIL,
  nodeOf,
  nodes,
  padIds,
  pool,
  poolMax,
  results,
  scratch,
} from './graph';

/** What an expansion costs beside the nodes that it scores, in nodes. */
export const EXPANSION: i32 = 4;
/** Nodes that a scan scores together, and up to so many more. */
const SCANNED: i32 = 32;

/**
 * Walks the graph as `search` does, but only nodes whose bit in `excluded` is clear are kept, up to ef, in the results. The walk ends
 * when the nearest unexpanded candidate is farther than the worst of ef results.
 * @param budget the most work: a node scored is 1, an expansion EXPANSION more. @param probe expansions after which there have to be
 * `least` results, or the walk is given up; 0: none. @returns how many results; of a walk that did not come to its end -1 - how many
 */
export function searchAdmitting(
  query: usize,
  ef: i32,
  excluded: usize,
  budget: i32,
  probe: i32,
  least: i32,
): i32 {
  if (load<i32>(header, 4) < 0) return 0;
  const entries = pool,
    kept = results,
    // What lies behind so many candidates is never expanded.
    capacity = min(poolMax, budget / EXPANSION + 1),
    keys = scratch,
    ids = scratch + 64,
    length = degree << 1;
  const first = enter(query, 0),
    m = nextEpoch();
  let size = 1,
    found = 0,
    at = 0;
  store<u64>(entries, first);
  mark(nodeOf(first), m);
  if (counts(excluded, nodeOf(first))) {
    store<u64>(kept, first);
    found = 1;
  }
  while (at < size) {
    const place = entries + ((<usize>at) << 3),
      entry = load<u64>(place);
    store<u64>(place, entry | 1);
    if (found == ef && entry > (load<u64>(kept + ((<usize>(ef - 1)) << 3)) | 1)) return found;
    if (budget <= 0 || (probe-- == 1 && found < least)) return -1 - found;
    if (at + 1 < size) load<u8>(listOf(nodeOf(load<u64>(place, 8)), 0));
    const n = gather(listOf(nodeOf(entry), 0), length, ids, m);
    budget -= EXPANSION + n;
    let nearest = at + 1;
    if (n > 0) {
      touch(ids, n);
      padIds(ids, n);
      for (let i = 0; i < n; i += 4) {
        const p = ids + ((<usize>i) << 2);
        keys4(query, load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), load<u32>(p, 12), keys);
        let lanes: u32 = n - i >= 4 ? 15 : (1 << (n - i)) - 1;
        if (found == ef)
          lanes &= i32x4.bitmask(
            i32x4.lt_u(v128.load(keys), i32x4.splat(<u32>(load<u64>(kept + ((<usize>(ef - 1)) << 3)) >> 32))),
          );
        while (lanes != 0) {
          const lane = (<usize>ctz(lanes)) << 2;
          lanes &= lanes - 1;
          const next = entryOf(load<u32>(keys + lane), load<u32>(p + lane));
          const r = insertEntry(entries, size, capacity, next);
          if (r >= 0) {
            size = <i32>r;
            const to = <i32>(r >> 32);
            if (to < nearest) nearest = to;
          }
          if (counts(excluded, nodeOf(next))) {
            const s = insertEntry(kept, found, ef, next);
            if (s >= 0) found = <i32>s;
          }
        }
      }
    }
    at = nearest;
    while (at < size && load<u8>(entries + ((<usize>at) << 3)) & 1) at++;
  }
  return size == capacity ? -1 - found : found;
}

/**
 * Walks only over nodes that count; a neighbour that does not is a bridge to its own neighbours (two hops, as ACORN-1 does, Patel et
 * al. 2024). @param reach the most nodes scored per expansion. @returns how many entries the pool got, all of them nodes that count
 */
export function searchTwoHop(query: usize, ef: i32, excluded: usize, reach: i32): i32 {
  if (load<i32>(header, 4) < 0) return 0;
  const entries = pool,
    keys = scratch,
    ids = scratch + 64,
    length = degree << 1;
  const first = enter(query, 0),
    m = nextEpoch(),
    // An entry node that does not count has a place beside those that do: it is often among the nearest, and left out in the end.
    capacity = counts(excluded, nodeOf(first)) ? ef : min(ef + 1, poolMax);
  let size = 1,
    at = 0;
  store<u64>(entries, first);
  mark(nodeOf(first), m);
  while (at < size) {
    const place = entries + ((<usize>at) << 3),
      entry = load<u64>(place);
    store<u64>(place, entry | 1);
    const list = listOf(nodeOf(entry), 0);
    let n = 0;
    for (let i = 0; i < length; i++) {
      const next = load<u32>(list + ((<usize>i) << 2));
      if (next == NIL) break;
      load<u8>(listOf(next, 0));
    }
    for (let i = 0; i < length && n < reach; i++) {
      const next = load<u32>(list + ((<usize>i) << 2));
      if (next == NIL) break;
      const seen = isMarked(next, m);
      if (counts(excluded, next)) {
        if (!seen) {
          mark(next, m);
          store<u32>(ids + ((<usize>n) << 2), next);
          n++;
        }
        continue;
      }
      if (seen) continue;
      mark(next, m);
      const second = listOf(next, 0);
      for (let j = 0; j < length && n < reach; j++) {
        const far = load<u32>(second + ((<usize>j) << 2));
        if (far == NIL) break;
        // The bits of all nodes are fewer bytes than their marks.
        if (counts(excluded, far) && !isMarked(far, m)) {
          mark(far, m);
          store<u32>(ids + ((<usize>n) << 2), far);
          n++;
        }
      }
    }
    let nearest = at + 1;
    if (n > 0) {
      touch(ids, n);
      padIds(ids, n);
      for (let i = 0; i < n; i += 4) {
        const p = ids + ((<usize>i) << 2);
        keys4(query, load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), load<u32>(p, 12), keys);
        let lanes: u32 = n - i >= 4 ? 15 : (1 << (n - i)) - 1;
        while (lanes != 0) {
          const lane = (<usize>ctz(lanes)) << 2;
          lanes &= lanes - 1;
          const r = insertEntry(entries, size, capacity, entryOf(load<u32>(keys + lane), load<u32>(p + lane)));
          if (r >= 0) {
            size = <i32>r;
            const to = <i32>(r >> 32);
            if (to < nearest) nearest = to;
          }
        }
      }
    }
    at = nearest;
    while (at < size && load<u8>(entries + ((<usize>at) << 3)) & 1) at++;
  }
  let kept = 0;
  for (let i = 0; i < size && kept < ef; i++) {
    const entry = load<u64>(entries + ((<usize>i) << 3));
    if (counts(excluded, nodeOf(entry))) {
      store<u64>(entries + ((<usize>kept) << 3), entry);
      kept++;
    }
  }
  return kept;
}

/** Scores every node that counts by its code and keeps the ef nearest in the pool. @returns how many */
export function scanCounting(query: usize, ef: i32, excluded: usize): i32 {
  const ids = scratch + 64;
  let size = 0,
    n = 0;
  for (let first: u32 = 0; first < nodes; first += 32) {
    for (let left = countingOf(excluded, first); left != 0; left &= left - 1) {
      store<u32>(ids + ((<usize>n) << 2), first + ctz(left));
      n++;
    }
    if (n < SCANNED) continue;
    size = offerScored(query, ef, n, size);
    n = 0;
  }
  return n == 0 ? size : offerScored(query, ef, n, size);
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

/** Scores the `n` nodes in `scratch` and puts them into the pool. @returns its new size */
function offerScored(query: usize, ef: i32, n: i32, before: i32): i32 {
  const entries = pool,
    keys = scratch,
    ids = scratch + 64;
  let size = before;
  touch(ids, n);
  padIds(ids, n);
  for (let j = 0; j < n; j += 4) {
    const p = ids + ((<usize>j) << 2);
    keys4(query, load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), load<u32>(p, 12), keys);
    let lanes: u32 = n - j >= 4 ? 15 : (1 << (n - j)) - 1;
    if (size == ef)
      lanes &= i32x4.bitmask(
        i32x4.lt_u(v128.load(keys), i32x4.splat(<u32>(load<u64>(entries + ((<usize>(ef - 1)) << 3)) >> 32))),
      );
    while (lanes != 0) {
      const lane = (<usize>ctz(lanes)) << 2;
      lanes &= lanes - 1;
      const r = insertEntry(entries, size, ef, entryOf(load<u32>(keys + lane), load<u32>(p + lane)));
      if (r >= 0) size = <i32>r;
    }
  }
  return size;
}
