// The layered proximity graph (HNSW, Malkov & Yashunin 2016): where its lists are, the pool of a search, and the searches.
// Lists have a fixed length and end with NIL, so a reader needs no lock: whatever it sees while a list changes are valid ids.
import { hasUpperCodes, swapCodes } from './code-place';
import { keys4, touch, touchCode } from './codes';

export const NIL: u32 = 0xffffffff;
export let nodes: u32 = 0;
export let degree: i32 = 0; // links a node has in the upper layers; layer 0 has twice as many
let base: usize = 0; // layer 0: 2 * degree ids a node
let baseStride: usize = 0; // bytes from the list of a node in layer 0 to that of the next
let upper: usize = 0; // degree ids for each node and layer above 0
let upperOf: usize = 0; // u32 a node: number of its first list in `upper`
/** +0 entry node, +4 top layer or -1, +8 lock, +12 next node to insert */
export let header: usize = 0;
export let rowOf: usize = 0; // u32 a node: its row; 0: nodes are rows

export function useRows(rows: usize): void {
  rowOf = rows;
}

export function useGraph(
  count: u32,
  m: i32,
  base0: usize,
  stride0: usize,
  upperLists: usize,
  upperOffsets: usize,
  head: usize,
): void {
  nodes = count;
  degree = m;
  base = base0;
  baseStride = stride0;
  upper = upperLists;
  upperOf = upperOffsets;
  header = head;
}

// Working memory of this thread.
let visited: usize = 0; // a byte a node: the number of the search that saw it last
let epoch: i32 = 0;
export let pool: usize = 0; // candidates, u64 each, nearest first: key << 32 | node << 1 | already expanded
export let results: usize = 0; // a second pool, of nodes that count, for filtered searches
export let poolMax: i32 = 0;
export let scratch: usize = 0; // keys (64 bytes), then ids

export function useThread(
  visitedBytes: usize,
  poolAt: usize,
  resultsAt: usize,
  entriesMax: i32,
  scratchAt: usize,
  lastEpoch: i32,
): void {
  visited = visitedBytes;
  pool = poolAt;
  results = resultsAt;
  poolMax = entriesMax;
  scratch = scratchAt;
  epoch = lastEpoch;
}

/** The number of the last search; the visited bytes of a thread outlive an instance. */
export function lastEpoch(): i32 {
  return epoch;
}

@inline export function listOf(node: u32, layer: i32): usize {
  return layer == 0
    ? base + <usize>node * baseStride
    : upper + ((<usize>(load<u32>(upperOf + ((<usize>node) << 2)) + layer - 1) * <usize>degree) << 2);
}

@inline export function listLength(layer: i32): i32 {
  return layer == 0 ? degree << 1 : degree;
}

@inline export function entryOf(key: u32, node: u32): u64 {
  return ((<u64>key) << 32) | ((<u64>node) << 1);
}

@inline export function nodeOf(entry: u64): u32 {
  return <u32>entry >> 1;
}

@inline export function mark(node: u32, mark: i32): void {
  store<u8>(visited + node, <u8>mark);
}

@inline export function isMarked(node: u32, mark: i32): bool {
  return load<u8>(visited + node) == <u8>mark;
}

/** A number for the marks of a walk, and behind it as many as say how often it met a node. */
export function nextEpoch(meetings: i32 = 0): i32 {
  let first = epoch + 1;
  epoch += 1 + meetings;
  if (epoch >= 256) {
    memory.fill(visited, 0, nodes);
    first = 1;
    epoch = 1 + meetings;
  }
  return first;
}

/** A walk counts so many meetings of a node, which its mark says: that it was met once, or more often. */
export const MEETINGS: i32 = 2;

/** How often a walk with the mark `mark` met a node that it has seen: by links of so many expanded nodes and bridges, MEETINGS at most. */
@inline export function timesMet(node: u32, mark: i32): i32 {
  return <i32>load<u8>(visited + node) - mark;
}

/** Whether it has seen it. */
@inline export function isMet(node: u32, mark: i32): bool {
  return <u32>timesMet(node, mark) <= <u32>MEETINGS;
}

/** Marks a node as met once more, where `once` is 1, or as seen. @returns whether it was not seen before; no branch asks */
@inline export function meet(node: u32, mark: i32, once: i32): bool {
  const times = timesMet(node, mark),
    isSeen = <u32>times <= <u32>MEETINGS;
  store<u8>(visited + node, <u8>(mark + once + i32(isSeen & (times > 0))));
  return !isSeen;
}

/** Keys come in fours: repeats the last id behind the list. */
@inline export function padIds(ids: usize, count: i32): void {
  const p = ids + ((<usize>count) << 2),
    last = load<u32>(p - 4);
  store<u32>(p, last);
  store<u32>(p, last, 4);
  store<u32>(p, last, 8);
}

/** Inserts in order. @returns place << 32 | new size, or -1 when the pool is full of nearer ones. */
@inline export function insertEntry(at: usize, size: i32, capacity: i32, entry: u64): i64 {
  if (size == capacity) {
    if (entry >= load<u64>(at + ((<usize>(size - 1)) << 3))) return -1;
    size--;
  }
  // Without branches: which half an entry belongs to cannot be predicted.
  let low = 0,
    span = size;
  while (span > 1) {
    const half = span >> 1;
    low = select(low + half, low, load<u64>(at + ((<usize>(low + half - 1)) << 3)) < entry);
    span -= half;
  }
  if (span == 1 && load<u64>(at + ((<usize>low) << 3)) < entry) low++;
  let p = at + ((<usize>size) << 3);
  const stop = at + ((<usize>low) << 3);
  while (p >= stop + 32) {
    const v = v128.load(p - 16),
      w = v128.load(p - 32);
    v128.store(p - 8, v);
    v128.store(p - 24, w);
    p -= 32;
  }
  while (p > stop) {
    store<u64>(p, load<u64>(p - 8));
    p -= 8;
  }
  store<u64>(stop, entry);
  return ((<i64>low) << 32) | <i64>(size + 1);
}

/** The id at a place of a list that ends at `end`, or another where there is none. */
@inline function or(at: usize, end: usize, other: u32): u32 {
  const id = at < end ? load<u32>(at) : NIL;
  return id == NIL ? other : id;
}

/** The nearest node of one upper layer by steps to ever nearer neighbours, from one that has that key. @returns an entry */
export function descend(query: usize, layer: i32, from: u64): u64 {
  const keys = scratch;
  let node = nodeOf(from),
    key = <u32>(from >> 32),
    before = NIL;
  while (node != before) {
    before = node;
    const list = listOf(node, layer),
      end = list + ((<usize>degree) << 2);
    for (let p = list; p < end; p += 4) {
      const next = load<u32>(p);
      if (next == NIL) break;
      touchCode(next);
    }
    for (let p = list; p < end; p += 16) {
      const first = load<u32>(p);
      if (first == NIL) break;
      // Fewer than four: the first again.
      const second = or(p + 4, end, first),
        third = or(p + 8, end, first),
        fourth = or(p + 12, end, first);
      keys4(query, first, second, third, fourth, keys);
      if (!v128.any_true(i32x4.lt_u(v128.load(keys), i32x4.splat(key)))) continue;
      let k = load<u32>(keys);
      if (k < key) {
        key = k;
        node = first;
      }
      k = load<u32>(keys, 4);
      if (k < key) {
        key = k;
        node = second;
      }
      k = load<u32>(keys, 8);
      if (k < key) {
        key = k;
        node = third;
      }
      k = load<u32>(keys, 12);
      if (k < key) {
        key = k;
        node = fourth;
      }
    }
  }
  return entryOf(key, node);
}

/** The entry for layer `layer`, from the top. */
export function enter(query: usize, layer: i32): u64 {
  const node = load<u32>(header),
    top = load<i32>(header, 4),
    isApart = top > 0 && hasUpperCodes();
  if (isApart) swapCodes();
  keys4(query, node, node, node, node, scratch);
  let entry = entryOf(load<u32>(scratch), node);
  for (let l = top; l > layer; l--) entry = descend(query, l, entry);
  if (isApart) swapCodes();
  return entry;
}

/** Nodes of a list that this search has not seen, to `ids`. */
@inline export function gather(list: usize, length: i32, ids: usize, mark: i32): i32 {
  let n = 0;
  for (const end = list + ((<usize>length) << 2); list < end; list += 4) {
    const node = load<u32>(list);
    if (node == NIL) break;
    if (!isMarked(node, mark)) {
      store<u8>(visited + node, <u8>mark);
      store<u32>(ids + ((<usize>n) << 2), node);
      n++;
    }
  }
  return n;
}

/**
 * Best-first search of a layer; the pool holds `size` marked entries to begin with. The nearest `ef` lead on; as many more are kept as make up
 * `kept`, since the nearest by their codes may not be the nearest. @returns its new size, at most `kept`
 */
export function searchLayer(query: usize, layer: i32, ef: i32, kept: i32, size: i32, mark: i32): i32 {
  const entries = pool,
    keys = scratch,
    ids = scratch + 64,
    length = listLength(layer);
  let at = 0;
  while (at < size && at < ef) {
    const place = entries + ((<usize>at) << 3),
      entry = load<u64>(place);
    store<u64>(place, entry | 1);
    if (at + 1 < size) load<u8>(listOf(nodeOf(load<u64>(place, 8)), layer));
    const n = gather(listOf(nodeOf(entry), layer), length, ids, mark);
    let nearest = at + 1;
    if (n > 0) {
      touch(ids, n);
      padIds(ids, n);
      for (let i = 0; i < n; i += 4) {
        const p = ids + ((<usize>i) << 2);
        keys4(query, load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), load<u32>(p, 12), keys);
        let lanes: u32 = n - i >= 4 ? 15 : (1 << (n - i)) - 1;
        if (size == kept)
          lanes &= i32x4.bitmask(
            i32x4.lt_u(
              v128.load(keys),
              i32x4.splat(<u32>(load<u64>(entries + ((<usize>(kept - 1)) << 3)) >> 32)),
            ),
          );
        while (lanes != 0) {
          const lane = (<usize>ctz(lanes)) << 2;
          lanes &= lanes - 1;
          const r = insertEntry(entries, size, kept, entryOf(load<u32>(keys + lane), load<u32>(p + lane)));
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
  return size;
}

/** @returns how many entries the pool got, nearest first */
export function search(query: usize, ef: i32): i32 {
  return searchKeeping(query, ef, ef);
}

/** The same, of which `kept` stay, at least `ef`. */
export function searchKeeping(query: usize, ef: i32, kept: i32): i32 {
  if (load<i32>(header, 4) < 0) return 0;
  const entry = enter(query, 0),
    m = nextEpoch();
  store<u64>(pool, entry);
  mark(nodeOf(entry), m);
  return searchLayer(query, 0, ef, kept, 1, m);
}

/** Rows of the nodes as `rowOf` has them, where filters have a bit for each row; 0: they have one for each node. */
export let filteredRowOf: usize = 0;

/** Whether the bits of filters are by node, until the next call. */
export function useNodeBits(areByNode: i32): void {
  filteredRowOf = areByNode ? 0 : rowOf;
}

/** Whether a node counts; `excluded` has a bit for each row, or each node, set: it does not. */
@inline export function counts(excluded: usize, node: u32): bool {
  const row = filteredRowOf ? load<u32>(filteredRowOf + ((<usize>node) << 2)) : node;
  return (load<u8>(excluded + (row >> 3)) & (1 << (row & 7))) == 0;
}
