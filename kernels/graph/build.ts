// Building the graph: insertion by any number of threads at once. A node's list is changed under a lock of its own (one i32 a node);
// readers take none. The distance of every link of layer 0 is kept while building, so that a full list is pruned without computing them.
import { asQuery, keys4, touch } from './codes';
import { codeOf, codeStride, isIp } from './code-place';
import {
  degree,
  descend,
  enter,
  entryOf,
  header,
  insertEntry,
  isMarked,
  listLength,
  listOf,
  mark,
  nextEpoch,
  NIL,
  nodeOf,
  pool,
  scratch,
  searchLayer,
} from './graph';

let levels: usize = 0; // u8 a node
let linkKeys: usize = 0; // u32 for each link of layer 0
let locks: usize = 0; // i32 a node
let efConstruction: i32 = 0;
let queryA: usize = 0; // int16 forms of two codes, 64 KiB and more each
let queryB: usize = 0;
let picks: usize = 0; // three arrays of (2 * degree + 4) u64
export function useBuild(
  levelsAt: usize,
  linkKeysAt: usize,
  locksAt: usize,
  ef: i32,
  queryAt: usize,
  queryBytes: usize,
  picksAt: usize,
): void {
  levels = levelsAt;
  linkKeys = linkKeysAt;
  locks = locksAt;
  efConstruction = ef;
  queryA = queryAt;
  queryB = queryAt + queryBytes;
  picks = picksAt;
}

@inline function lock(at: usize): void {
  while (atomic.cmpxchg<i32>(at, 0, 1) != 0)
    while (atomic.load<i32>(at) != 0) {
      /* another thread holds it */
    }
}

@inline function unlock(at: usize): void {
  atomic.store<i32>(at, 0);
}

@inline function lockOf(node: u32): usize {
  return locks + ((<usize>node) << 2);
}

@inline function keysOf(node: u32): usize {
  return linkKeys + ((<usize>node * <usize>degree) << 3);
}

/** Whether two nodes have the same code. Most differ in the first bytes. */
function areEqual(a: u32, b: u32): bool {
  let p = codeOf(a),
    q = codeOf(b);
  for (const end = p + codeStride(); p < end; p += 16, q += 16)
    if (v128.any_true(v128.xor(v128.load(p), v128.load(q)))) return false;
  return true;
}

/**
 * The heuristic of the paper: a candidate is kept when it is nearer to the node than to every kept one. Nodes equal to `owner` pass that
 * always, and take no more than half of the places: a list of them alone leads nowhere else. @returns how many are kept
 */
function select(candidates: usize, count: i32, most: i32, ids: usize, keys: usize, owner: u32): i32 {
  let n = 0,
    equal = 0;
  const isInner = isIp();
  for (let i = 0; i < count && n < most; i++) {
    const entry = load<u64>(candidates + ((<usize>i) << 3)),
      node = nodeOf(entry),
      key = <u32>(entry >> 32);
    if (node == owner) continue;
    // A distance of 0 has the least key, as an integer or as a float.
    const isEqual = (isInner || (key & 0x7fffffff) == 0) && areEqual(node, owner);
    if (isEqual && equal == most >> 1) continue;
    let isGood = true;
    if (n > 0) {
      const query = asQuery(node, queryB),
        p = ids + ((<usize>n) << 2),
        last = load<u32>(p - 4);
      store<u32>(p, last);
      store<u32>(p, last, 4);
      store<u32>(p, last, 8);
      const bound = i32x4.splat(key);
      for (let j = 0; j < n; j += 4) {
        const o = ids + ((<usize>j) << 2);
        keys4(query, load<u32>(o), load<u32>(o, 4), load<u32>(o, 8), load<u32>(o, 12), scratch);
        if (v128.any_true(i32x4.lt_u(v128.load(scratch), bound))) {
          isGood = false;
          break;
        }
      }
    }
    if (isGood && isEqual) equal++;
    if (isGood) {
      store<u32>(ids + ((<usize>n) << 2), node);
      store<u32>(keys + ((<usize>n) << 2), key);
      n++;
    }
  }
  return n;
}

function connect(node: u32, layer: i32, size: i32): void {
  const most = listLength(layer),
    bytes = (<usize>(degree * 2 + 4)) << 3;
  const ids = picks,
    keys = ids + (bytes >> 1),
    merged = picks + bytes,
    ids2 = merged + bytes,
    keys2 = ids2 + (bytes >> 1);
  const n = select(pool, size, degree, ids, keys, node);
  lock(lockOf(node));
  const own = listOf(node, layer);
  for (let i: usize = 0; i < <usize>n; i++) {
    if (layer == 0) store<u32>(keysOf(node) + (i << 2), load<u32>(keys + (i << 2)));
    store<u32>(own + (i << 2), load<u32>(ids + (i << 2)));
  }
  for (let i = n; i < most; i++) store<u32>(own + ((<usize>i) << 2), NIL);
  unlock(lockOf(node));
  for (let i = 0; i < n; i++) {
    const other = load<u32>(ids + ((<usize>i) << 2)),
      key = load<u32>(keys + ((<usize>i) << 2));
    lock(lockOf(other));
    const list = listOf(other, layer);
    let count = 0;
    while (count < most && load<u32>(list + ((<usize>count) << 2)) != NIL) count++;
    if (count < most) {
      if (layer == 0) store<u32>(keysOf(other) + ((<usize>count) << 2), key);
      store<u32>(list + ((<usize>count) << 2), node);
    } else {
      store<u64>(merged, entryOf(key, node));
      const query = layer == 0 ? 0 : asQuery(other, queryB);
      for (let j = 0; j < count; j++) {
        const old = load<u32>(list + ((<usize>j) << 2));
        let oldKey: u32;
        if (layer == 0) oldKey = load<u32>(keysOf(other) + ((<usize>j) << 2));
        else {
          keys4(query, old, old, old, old, scratch);
          oldKey = load<u32>(scratch);
        }
        const entry = entryOf(oldKey, old);
        let p = merged + ((<usize>(j + 1)) << 3);
        while (p > merged && load<u64>(p - 8) > entry) {
          store<u64>(p, load<u64>(p - 8));
          p -= 8;
        }
        store<u64>(p, entry);
      }
      const kept = select(merged, count + 1, most, ids2, keys2, other);
      for (let j: usize = 0; j < <usize>kept; j++) {
        store<u32>(list + (j << 2), load<u32>(ids2 + (j << 2)));
        if (layer == 0) store<u32>(keysOf(other) + (j << 2), load<u32>(keys2 + (j << 2)));
      }
      for (let j = kept; j < most; j++) store<u32>(list + ((<usize>j) << 2), NIL);
    }
    unlock(lockOf(other));
  }
}

function insert(node: u32): void {
  const level = <i32>load<u8>(levels + node);
  let isTop = false;
  if (level > atomic.load<i32>(header, 4)) {
    lock(header + 8);
    isTop = true;
  }
  const top = atomic.load<i32>(header, 4);
  if (top < 0) {
    atomic.store<u32>(header, node);
    atomic.store<i32>(header, level, 4);
    unlock(header + 8);
    return;
  }
  if (isTop && level <= top) {
    unlock(header + 8);
    isTop = false;
  }
  const query = asQuery(node, queryA),
    start = atomic.load<u32>(header);
  keys4(query, start, start, start, start, scratch);
  let entry = entryOf(load<u32>(scratch), start);
  const startLevel = <i32>load<u8>(levels + start);
  for (let l = startLevel; l > level; l--) entry = descend(query, l, entry);
  store<u64>(pool, entry);
  let size = 1;
  for (let l = min(level, startLevel); l >= 0; l--) {
    const m = nextEpoch();
    for (let i = 0; i < size; i++) {
      const p = pool + ((<usize>i) << 3),
        e = load<u64>(p) & ~1;
      store<u64>(p, e);
      mark(nodeOf(e), m);
    }
    mark(node, m);
    size = searchLayer(query, l, efConstruction, efConstruction, size, m);
    connect(node, l, size);
  }
  if (isTop) {
    atomic.store<u32>(header, node);
    atomic.store<i32>(header, level, 4);
    unlock(header + 8);
  }
}

/** Inserts the next nodes below `end`, at most `most` of them; threads share the counter. @returns how many, 0 when none is left */
export function insertNext(end: u32, most: u32): u32 {
  let done: u32 = 0;
  while (done < most) {
    const node = atomic.add<u32>(header, 1, 12);
    if (node >= end) {
      atomic.sub<u32>(header, 1, 12);
      break;
    }
    insert(node);
    done++;
  }
  return done;
}

/** Nodes scored for the free places of one list. */
const FILL_NODES: i32 = 1024;
/**
 * Fills the free places of layer-0 lists with the nearest neighbours of neighbours: the heuristic leaves many of them free. Lists are
 * read as insertion left them and written, relabelled, at `out`, so that threads and ranges do not matter.
 * @param order new number to node @param inverse node to new number
 */
export function fillLists(from: u32, to: u32, order: usize, inverse: usize, out: usize): void {
  const length = degree << 1,
    keys = scratch,
    ids = scratch + 64;
  for (let i = from; i < to; i++) {
    const node = load<u32>(order + ((<usize>i) << 2)),
      list = listOf(node, 0),
      m = nextEpoch();
    mark(node, m);
    let count = 0;
    for (; count < length; count++) {
      const next = load<u32>(list + ((<usize>count) << 2));
      if (next == NIL) break;
      mark(next, m);
    }
    const free = length - count;
    if (free == 0) continue;
    let n = 0;
    for (let j = 0; j < count; j++) load<u8>(listOf(load<u32>(list + ((<usize>j) << 2)), 0));
    for (let j = 0; j < count && n < FILL_NODES; j++) {
      const second = listOf(load<u32>(list + ((<usize>j) << 2)), 0);
      for (let k = 0; k < length && n < FILL_NODES; k++) {
        const far = load<u32>(second + ((<usize>k) << 2));
        if (far == NIL) break;
        if (!isMarked(far, m)) {
          mark(far, m);
          store<u32>(ids + ((<usize>n) << 2), far);
          n++;
        }
      }
    }
    if (n == 0) continue;
    const end = ids + ((<usize>n) << 2),
      last = load<u32>(end - 4),
      query = asQuery(node, queryA);
    store<u32>(end, last);
    store<u32>(end, last, 4);
    store<u32>(end, last, 8);
    let size = 0;
    for (let j = 0; j < n; j += 4) {
      const p = ids + ((<usize>j) << 2);
      if ((j & 15) == 0) touch(p, min(16, n - j));
      keys4(query, load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), load<u32>(p, 12), keys);
      for (let k = 0; k < 4 && j + k < n; k++) {
        const r = insertEntry(
          pool,
          size,
          free,
          entryOf(load<u32>(keys + ((<usize>k) << 2)), load<u32>(p + ((<usize>k) << 2))),
        );
        if (r >= 0) size = <i32>r;
      }
    }
    const to0 = out + ((<usize>i * <usize>length + <usize>count) << 2);
    for (let j: usize = 0; j < <usize>size; j++)
      store<u32>(to0 + (j << 2), load<u32>(inverse + ((<usize>nodeOf(load<u64>(pool + (j << 3)))) << 2)));
  }
}
