// Walks over the records of a quantised graph: the table of a query, estimates for all neighbours of a node at once, and searches.
import { mulAdd } from '../lib/keys';
import {
  counts,
  enter,
  entryOf,
  header,
  insertEntry,
  isMarked,
  mark,
  nextEpoch,
  NIL,
  nodeOf,
  pool,
  poolMax,
  results,
  scratch,
} from './graph';
import { addWork, beginWork, workDone, SAMPLED_SHIFT } from './filtered';
import { countingShare, enterSeeing, sampleSeeds, seedCount, seedsAt, seedWork } from './seeds';
import { dims, isInnerProduct, planes, recordOf, slots, recordStride, sum4, table } from './qg-records';

let tableLow: f32 = 0; // what the zeros of all entries stand for
let tableStep: f32 = 0;

// --- Searching -----------------------------------------------------------------------------------------------------------------------
/**
 * Makes the table of a query: `query` is float32, framed; times `scale` it is in the unit of the own codes. Entries have 6 bits, so that
 * four of them add up in a byte, and fewer where the sums of very many dims would not fit 16 bits.
 */
export function makeTable(query: usize, dim: u32, scale: f32): void {
  const groups = dims >> 2,
    copy = scratch;
  let widest: f32 = 0;
  for (let g: usize = 0; g < groups; g++) {
    const p = query + (g << 4);
    let reach: f32 = 0;
    for (let i: usize = 0; i < 4; i++)
      if ((g << 2) + i < <usize>dim) reach += abs<f32>(load<f32>(p + (i << 2)));
    if (reach > widest) widest = reach;
  }
  const most = <f32>min<usize>(63, 65535 / groups),
    step: f32 = widest > 0 ? (widest * 2) / most : 1;
  const inverse = f32x4.splat(1 / step),
    half = f32x4.splat(most * 0.5);
  const signsA = f32x4(-1, 1, -1, 1),
    signsB = f32x4(-1, -1, 1, 1);
  for (let g: usize = 0; g < groups; g++) {
    const left = <i32>dim - <i32>(g << 2);
    let p = query + (g << 4);
    if (left < 4) {
      v128.store(copy, f32x4.splat(0));
      for (let i = 0; i < left; i++) store<f32>(copy + ((<usize>i) << 2), load<f32>(p + ((<usize>i) << 2)));
      p = copy;
    }
    const ab = f32x4.add(
      f32x4.mul(signsA, v128.load_splat<f32>(p)),
      f32x4.mul(signsB, v128.load_splat<f32>(p, 4)),
    );
    const c = v128.load_splat<f32>(p, 8),
      d = v128.load_splat<f32>(p, 12),
      plus = f32x4.add(c, d),
      minus = f32x4.sub(c, d);
    const e0 = level(f32x4.sub(ab, plus), inverse, half),
      e1 = level(f32x4.add(ab, minus), inverse, half);
    const e2 = level(f32x4.sub(ab, minus), inverse, half),
      e3 = level(f32x4.add(ab, plus), inverse, half);
    v128.store(
      table + (g << 4),
      i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(e0, e1), i16x8.narrow_i32x4_s(e2, e3)),
    );
  }
  tableStep = step * scale;
  tableLow = -0.5 * most * tableStep * <f32>groups * (planes == 2 ? 3 : 1);
}

@inline function level(sum: v128, inverse: v128, half: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.add(f32x4.mul(sum, inverse), half)));
}

@inline function lookUp(entries: v128, indexes: v128): v128 {
  if (isDefined(RELAXED)) return i8x16.relaxed_swizzle(entries, indexes);
  return i8x16.swizzle(entries, indexes);
}

/** Sums of table entries of 32 neighbours in one plane, as u16 to `out` in four vectors: ids 0-7, 8-15, 16-23, 24-31. */
@inline function planeSums(plane: usize, out: usize): void {
  const nibble = i8x16.splat(15);
  // The low bytes of a lane count ids of even number plus 256 times those of odd number; the others only those of odd number.
  let even0 = i16x8.splat(0),
    odd0 = even0,
    even1 = even0,
    odd1 = even0;
  let entries = table;
  for (const end = plane + (dims << 2); plane < end; plane += 64, entries += 64) {
    let code = v128.load(plane),
      entry = v128.load(entries);
    let low = lookUp(entry, v128.and(code, nibble)),
      high = lookUp(entry, v128.and(i16x8.shr_u(code, 4), nibble));
    code = v128.load(plane, 16);
    entry = v128.load(entries, 16);
    low = i8x16.add(low, lookUp(entry, v128.and(code, nibble)));
    high = i8x16.add(high, lookUp(entry, v128.and(i16x8.shr_u(code, 4), nibble)));
    code = v128.load(plane, 32);
    entry = v128.load(entries, 32);
    low = i8x16.add(low, lookUp(entry, v128.and(code, nibble)));
    high = i8x16.add(high, lookUp(entry, v128.and(i16x8.shr_u(code, 4), nibble)));
    code = v128.load(plane, 48);
    entry = v128.load(entries, 48);
    low = i8x16.add(low, lookUp(entry, v128.and(code, nibble)));
    high = i8x16.add(high, lookUp(entry, v128.and(i16x8.shr_u(code, 4), nibble)));
    even0 = i16x8.add(even0, low);
    odd0 = i16x8.add(odd0, i16x8.shr_u(low, 8));
    even1 = i16x8.add(even1, high);
    odd1 = i16x8.add(odd1, i16x8.shr_u(high, 8));
  }
  even0 = i16x8.sub(even0, i16x8.shl(odd0, 8));
  even1 = i16x8.sub(even1, i16x8.shl(odd1, 8));
  v128.store(out, v128.shuffle<i16>(even0, odd0, 0, 8, 1, 9, 2, 10, 3, 11));
  v128.store(out, v128.shuffle<i16>(even0, odd0, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  v128.store(out, v128.shuffle<i16>(even1, odd1, 0, 8, 1, 9, 2, 10, 3, 11), 32);
  v128.store(out, v128.shuffle<i16>(even1, odd1, 4, 12, 5, 13, 6, 14, 7, 15), 48);
}

/** Estimates of the distances of 32 neighbours to `out`, from the node's own. @returns bit i: neighbour i is nearer than `below` */
function estimate(distance: f32, plane: usize, factors: usize, below: f32, out: usize): u32 {
  const sums = out + 128;
  planeSums(plane, sums);
  const two = planes == 2;
  if (two) planeSums(plane + (dims << 2), sums + 64);
  const base = f32x4.splat(distance),
    low = f32x4.splat(tableLow),
    step = f32x4.splat(tableStep),
    limit = f32x4.splat(below);
  const upper = i32x4.splat(0xffff0000);
  let near: u32 = 0;
  for (let i: usize = 0; i < 32; i += 4) {
    let sum = v128.load_ext<u16>(sums + (i << 1));
    if (two) sum = i32x4.add(i32x4.shl(sum, 1), v128.load_ext<u16>(sums + (i << 1), 64));
    const factor = v128.load(factors + (i << 2));
    const product = mulAdd(f32x4.convert_i32x4_s(sum), step, low);
    const value = f32x4.add(base, mulAdd(i32x4.shl(factor, 16), product, v128.and(factor, upper)));
    v128.store(out + (i << 2), value);
    near |= (<u32>i32x4.bitmask(f32x4.lt(value, limit))) << (<u32>i);
  }
  return near;
}

/** Distance of the query (int16, as for 8-bit codes) to the node of a record, by its own code. */
@inline function ownDistance(query: usize, record: usize): f32 {
  let s = i32x4.splat(0),
    t = s;
  const end = record + dims;
  if (isInnerProduct) {
    for (; record < end; record += 16, query += 32) {
      s = i32x4.add(s, i32x4.dot_i16x8_s(v128.load_ext<i8>(record), v128.load(query)));
      t = i32x4.add(t, i32x4.dot_i16x8_s(v128.load_ext<i8>(record, 8), v128.load(query, 16)));
    }
    return -(<f32>sum4(i32x4.add(s, t)));
  }
  for (; record < end; record += 16, query += 32) {
    const a = i16x8.sub(v128.load_ext<i8>(record), v128.load(query)),
      b = i16x8.sub(v128.load_ext<i8>(record, 8), v128.load(query, 16));
    s = i32x4.add(s, i32x4.dot_i16x8_s(a, a));
    t = i32x4.add(t, i32x4.dot_i16x8_s(b, b));
  }
  return <f32>sum4(i32x4.add(s, t));
}

@inline function keyOf(value: f32): u32 {
  const bits = reinterpret<u32>(value);
  return bits ^ (<u32>(<i32>bits >> 31) | 0x80000000);
}

@inline function valueOf(key: u32): f32 {
  return reinterpret<f32>(key & 0x80000000 ? key ^ 0x80000000 : ~key);
}

/** The lines of a record that is about to be read, and the first of the one that is likely next. */
@inline function touchRecord(node: u32, next: u64): void {
  for (let p = recordOf(node), end = p + recordStride; p < end; p += 64) load<u8>(p);
  load<u8>(recordOf(nodeOf(next)));
}

/**
 * Walks layer 0 by estimates with a pool of ef; every expanded node gets its distance by its own code, and the `most` nearest of those
 * are the results. @returns how many
 */
export function searchRecords(query: usize, ef: i32, most: i32): i32 {
  if (load<i32>(header, 4) < 0) return 0;
  const entries = pool,
    kept = results,
    values = scratch;
  const first = nodeOf(enter(query, 0)),
    m = nextEpoch();
  store<u64>(entries, entryOf(0, first));
  mark(first, m);
  let size = 1,
    found = 0,
    at = 0;
  while (at < size) {
    const place = entries + ((<usize>at) << 3),
      entry = load<u64>(place),
      node = nodeOf(entry);
    store<u64>(place, entry | 1);
    const record = recordOf(node),
      ids = record + dims;
    touchRecord(node, at + 1 < size ? load<u64>(place, 8) : entry);
    const distance = ownDistance(query, record),
      r = insertEntry(kept, found, most, entryOf(keyOf(distance), node));
    if (r >= 0) found = <i32>r;
    let nearest = at + 1,
      plane = ids + (slots << 3);
    for (let batch: usize = 0; batch < slots; batch += 32, plane += (dims << 2) * planes) {
      const below: f32 =
        size == ef ? valueOf(<u32>(load<u64>(entries + ((<usize>(ef - 1)) << 3)) >> 32)) : Infinity;
      let near = estimate(distance, plane, ids + ((slots + batch) << 2), below, values);
      while (near != 0) {
        const i = <usize>ctz(near);
        near &= near - 1;
        const id = load<u32>(ids + ((batch + i) << 2));
        if (id == NIL || isMarked(id, m)) continue;
        const s = insertEntry(entries, size, ef, entryOf(keyOf(load<f32>(values + (i << 2))), id));
        if (s >= 0) {
          size = <i32>s;
          const to = <i32>(s >> 32);
          if (to < nearest) nearest = to;
          mark(id, m);
        }
      }
    }
    at = nearest;
    while (at < size && load<u8>(entries + ((<usize>at) << 3)) & 1) at++;
  }
  return found;
}

/** The size of the pool, and the place in it of the nearest of what an expansion put there. */
let poolSize: i32 = 0;
let nearestPlace: i32 = 0;

/**
 * Reads the record of a node and puts those of its neighbours that count into the pool, as far as they are nearer than its last. Estimates
 * of all of them stay in `scratch`. @returns the distance of the node by its own code
 */
function expandCounting(query: usize, node: u32, ef: i32, excluded: usize, m: i32): f32 {
  const entries = pool,
    record = recordOf(node),
    ids = record + dims,
    distance = ownDistance(query, record);
  let size = poolSize,
    nearest = nearestPlace,
    plane = ids + (slots << 3);
  for (let batch: usize = 0; batch < slots; batch += 32, plane += (dims << 2) * planes) {
    const values = scratch + (batch << 2),
      below: f32 =
        size == ef ? valueOf(<u32>(load<u64>(entries + ((<usize>(ef - 1)) << 3)) >> 32)) : Infinity;
    let near = estimate(distance, plane, ids + ((slots + batch) << 2), below, values);
    while (near != 0) {
      const i = <usize>ctz(near);
      near &= near - 1;
      const id = load<u32>(ids + ((batch + i) << 2));
      if (id == NIL || !counts(excluded, id) || isMarked(id, m)) continue;
      const s = insertEntry(entries, size, ef, entryOf(keyOf(load<f32>(values + (i << 2))), id));
      if (s < 0) continue;
      size = <i32>s;
      if (<i32>(s >> 32) < nearest) nearest = <i32>(s >> 32);
      mark(id, m);
    }
  }
  poolSize = size;
  nearestPlace = nearest;
  addWork(RECORD);
  return distance;
}

/** Where few neighbours of the node that was expanded last count, the nearest unseen one that does not is a bridge; NIL: none is needed. */
function bridgeFrom(node: u32, excluded: usize, m: i32): u32 {
  const ids = recordOf(node) + dims;
  let counting = 0;
  for (let i: usize = 0; i < slots; i++) {
    const id = load<u32>(ids + (i << 2));
    if (id == NIL) break;
    if (counts(excluded, id) && ++counting >= ENOUGH) return NIL;
  }
  let bridge = NIL,
    nearest: f32 = Infinity;
  for (let i: usize = 0; i < slots; i++) {
    const id = load<u32>(ids + (i << 2));
    if (id == NIL) break;
    const value = load<f32>(scratch + (i << 2));
    if (value >= nearest || counts(excluded, id) || isMarked(id, m)) continue;
    bridge = id;
    nearest = value;
  }
  return bridge;
}

/** Neighbours that count from which on a walk over records crosses no bridge: each would cost as much as a step. */
const ENOUGH: i32 = 3;
/** Seeds that are expanded where what counts is far. */
const FAR_SEEDS: i32 = 5;
/** What a record costs, in nodes that are scored. */
const RECORD: i32 = 20;

/**
 * Walks only over nodes whose bit in `excluded` is clear, as `searchCounting` does; its arguments are the same, and what it returns.
 * Of neighbours that do not count the nearest is a bridge where few do.
 */
export function searchRecordsCounting(
  query: usize,
  narrow: i32,
  wide: i32,
  far: i32,
  excluded: usize,
  farBelow: i32,
  sampled: u32,
  budget: i32,
): i32 {
  if (load<i32>(header, 4) < 0) return 0;
  const entries = pool,
    kept = results,
    length = <i32>slots,
    first = nodeOf(enterSeeing(query, excluded)),
    share = countingShare(recordOf(0) + dims, recordStride, length, first, excluded),
    isFar = share < farBelow;
  if (isFar && sampled > 0) sampleSeeds(query, excluded, sampled, budget >> SAMPLED_SHIFT, false);
  beginWork(seedWork);
  if (isFar && sampled == 0) return -1;
  const m = nextEpoch(),
    ef = isFar ? far : share < 128 ? narrow : wide,
    seeds = min(seedCount, isFar ? FAR_SEEDS : 1);
  let found = 0,
    at = 0;
  poolSize = 0;
  mark(first, m);
  for (let i = -1; i < seeds; i++) {
    const node = i < 0 ? first : nodeOf(load<u64>(seedsAt() + ((<usize>i) << 3)));
    if (i >= 0 && isMarked(node, m)) continue;
    mark(node, m);
    const distance = expandCounting(query, node, ef, excluded, m);
    if (!counts(excluded, node)) continue;
    const r = insertEntry(kept, found, ef, entryOf(keyOf(distance), node));
    if (r >= 0) found = <i32>r;
  }
  while (at < poolSize) {
    const place = entries + ((<usize>at) << 3),
      entry = load<u64>(place),
      node = nodeOf(entry);
    store<u64>(place, entry | 1);
    if (workDone() > budget) return -1;
    touchRecord(node, at + 1 < poolSize ? load<u64>(place, 8) : entry);
    nearestPlace = at + 1;
    const distance = expandCounting(query, node, ef, excluded, m);
    if (counts(excluded, node)) {
      const r = insertEntry(kept, found, ef, entryOf(keyOf(distance), node));
      if (r >= 0) found = <i32>r;
    }
    const bridge = bridgeFrom(node, excluded, m);
    if (bridge != NIL) {
      mark(bridge, m);
      expandCounting(query, bridge, ef, excluded, m);
    }
    at = nearestPlace;
    while (at < poolSize && load<u8>(entries + ((<usize>at) << 3)) & 1) at++;
  }
  return found;
}
