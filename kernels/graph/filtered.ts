// Walks among nodes that count alone, or among all where next to all near the query do.
import { keys4 } from './codes';
import {
  counts,
  degree,
  entryOf,
  filteredRowOf,
  header,
  insertEntry,
  listOf,
  isMet,
  mark,
  meet,
  MEETINGS,
  nextEpoch,
  NIL,
  nodeOf,
  padIds,
  pool,
  poolMax,
  scratch,
} from './graph';
import { forgetRefused, HOLE, isHole, isHoleAmong, noteRefused, SEEN_FROM } from './holes';
import { offerScored } from './offered';
import { countingShare, entered, enterSeeing, forgetSeeds, offerKnown, sampleSeeds, seedCount, seedsAt, seedWork } from './seeds';
import { beginSettling, ENDS, GIVEN_UP, grown, noteLinks, noteMet, noteStep, whatNext } from './settled';

/** What an expansion costs beside the nodes that it scores, and a bridge, in nodes. */
export const EXPANSION: i32 = 6;
const CROSSING: i32 = 3;

/** Neighbours that count from which on no bridge is crossed: at most, as a part of the length of a list in sixteenths, and at least. */
const ENOUGH_MAX: i32 = 6;
const ENOUGH_SIXTEENTHS: i32 = 3;
/** Bridges that an expansion crosses at most, and where they are: behind the seeds. */
const BRIDGES: i32 = 5;
const BRIDGES_AT: usize = 256;
/** Seeds that are expanded, whether they fit the pool or not, where what counts is far: where a budget is small, and at most. */
const FAR_EXPANDED: i32 = 10;
const FAR_EXPANDED_MAX: i32 = 16;
/** A sample may take one part in `1 << SAMPLED_SHIFT` of a budget, an expanded seed less. */
export const SAMPLED_SHIFT: i32 = 3;
const EXPANDED_SHIFT: i32 = 8;
/** About what each of them does. */
const FAR_WORK: i32 = 32;
/** About what a step does. */
const STEP_WORK: i32 = 16;
/** A walk that does not settle may lose one part of so many of the scan that takes its place (UNSETTLED in walk-plan.ts). */
const INSTEAD: i32 = 3;
/** Nodes that fit into `scratch`, whatever the length of lists is. */
const REACH: i32 = 4096;

/** Seeds that are expanded within that budget. */
@inline function farExpanded(budget: i32): i32 {
  return min(FAR_EXPANDED_MAX, max(FAR_EXPANDED, budget >> EXPANDED_SHIFT));
}

/** Neighbours that count from which on a walk needs no bridges. */
@inline function enoughOf(length: i32): i32 {
  return min(ENOUGH_MAX, (length * ENOUGH_SIXTEENTHS + 15) >> 4);
}

/** From so many of 256 nodes next to the entry that count on a walk goes over all nodes. */
const OPEN: i32 = 218;

/** Work of the last walk among nodes that count, in nodes that are scored. */
let done: i32 = 0;

export function workDone(): i32 {
  return done;
}

/** Whether the last walk began from a sample. */
let wentFar: i32 = 0;
export function hasGoneFar(): i32 {
  return wentFar;
}

export function addWork(nodesOfIt: i32): void {
  done += nodesOfIt;
}

export function beginWork(nodesOfIt: i32): void {
  done = nodesOfIt;
}

/** Neighbours that do not count of the node that was expanded last: how many, and a bit for each of the first 32 of its list. */
let refusedNear: i32 = 0;
let refusedFirst: u32 = 0;
/** How many ids the last `countingIds` came to. */
let idsOfMask: i32 = 0;

/** A bit for each of the at most 32 ids of a list from `p` on, `length` or until it ends: set, the node counts. Nothing can foresee what a filter says, so no branch asks. */
@inline function countingIds(p: usize, length: i32, excluded: usize): u32 {
  const rows = filteredRowOf,
    end = min(length, 32);
  let mask: u32 = 0,
    i = 0;
  for (; i < end; i++) {
    let id = load<u32>(p + ((<usize>i) << 2));
    if (id == NIL) break;
    if (rows) id = load<u32>(rows + ((<usize>id) << 2));
    mask |= (~(load<u32>(excluded + ((id >> 5) << 2)) >> id) & 1) << i;
  }
  idsOfMask = i;
  return mask;
}

/** The rest of as many ids. */
@inline function othersOf(mask: u32, count: i32): u32 {
  return ~mask & (count < 32 ? (1 << count) - 1 : -1);
}

/** Meets the ids of a list from `p` on that are set in `mask`; unseen ones go to `ids`. @param once as of `meet` @returns how many are there then, where `n` were before */
@inline function meetIds(p: usize, mask: u32, ids: usize, n: i32, m: i32, once: i32): i32 {
  for (; mask != 0; mask &= mask - 1) {
    const next = load<u32>(p + ((<usize>ctz(mask)) << 2));
    store<u32>(ids + ((<usize>n) << 2), next);
    n += i32(meet(next, m, once));
  }
  return n;
}

/**
 * Puts unseen neighbours that count into `scratch`; where few do, neighbours that do not are bridges to their own (two hops, as ACORN-1
 * does, Patel et al. 2024). @param isSeed whether the node says nothing of how often what it links to was met: none is crossed then @returns how many
 */
function gatherCounting(node: u32, length: i32, excluded: usize, m: i32, isSeed: bool): i32 {
  const list = listOf(node, 0),
    ids = scratch + 64,
    bridges = seedsAt() + BRIDGES_AT,
    enough = isSeed ? 0 : enoughOf(length),
    once = i32(!isSeed);
  let n = 0,
    all = 0,
    near = 0,
    refused = 0;
  for (let from = 0; from < length; from += 32) {
    const p = list + ((<usize>from) << 2),
      mask = countingIds(p, length - from, excluded),
      count = idsOfMask;
    all += count;
    near += popcnt(mask);
    n = meetIds(p, mask, ids, n, m, once);
    let others = othersOf(mask, count);
    if (from == 0) refusedFirst = others;
    if (near < enough) {
      for (; others != 0 && refused < BRIDGES; others &= others - 1) {
        const next = load<u32>(p + ((<usize>ctz(others)) << 2));
        store<u32>(bridges + ((<usize>refused) << 2), next);
        refused += i32(!isMet(next, m));
      }
    }
    if (count < 32) break;
  }
  noteLinks(near);
  refusedNear = all - near;
  if (near >= enough) return n;
  for (let i = 0; i < refused; i++) load<u8>(listOf(load<u32>(bridges + ((<usize>i) << 2)), 0));
  addWork(refused * CROSSING);
  for (let i = 0; i < refused; i++) {
    const next = load<u32>(bridges + ((<usize>i) << 2)),
      second = listOf(next, 0);
    mark(next, m);
    for (let from = 0; from < length && n < REACH - 32; from += 32) {
      const p = second + ((<usize>from) << 2);
      n = meetIds(p, countingIds(p, length - from, excluded), ids, n, m, 1);
      if (idsOfMask < 32) break;
    }
  }
  return n;
}

/** Puts unseen neighbours into `scratch`, whether they count or not. @returns how many */
function gatherAll(node: u32, length: i32, m: i32): i32 {
  const list = listOf(node, 0),
    ids = scratch + 64,
    end = list + ((<usize>length) << 2);
  let n = 0,
    p = list;
  for (; p < end; p += 4) {
    const next = load<u32>(p);
    if (next == NIL) break;
    store<u32>(ids + ((<usize>n) << 2), next);
    n += i32(meet(next, m, 1));
  }
  noteLinks(<i32>((p - list) >> 2));
  return n;
}

/**
 * Walks only over nodes whose bit in `excluded` is clear, with bridges where few neighbours count. Where next to none count at the entry,
 * or the walk ends before a hole, they lie elsewhere: it goes on from a sample of them then, the nearest of which are expanded.
 * @param narrow nodes that are kept where less than half of the nodes next to the entry count, @param wide where more do, @param far where
 * what counts is far. @param farBelow of 256
 * nodes next to it: where fewer count, what counts is far. @param sampled see `sampleSeeds`; 0: such a walk is given up.
 * @param budget the most work. @param settledWithin work of growing after which a walk is given up that has not settled (settled.ts);
 * 0: it ends as wide as it began. @returns how many entries the pool got, all of them nodes that count; -1: the walk was given up
 */
export function searchCounting(
  query: usize,
  narrow: i32,
  wide: i32,
  far: i32,
  excluded: usize,
  farBelow: i32,
  sampled: u32,
  budget: i32,
  settledWithin: i32,
): i32 {
  if (load<i32>(header, 4) < 0) return 0;
  enterSeeing(query, excluded);
  return walkEntered(query, narrow, wide, far, excluded, farBelow, sampled, budget, settledWithin);
}

/** `searchCounting` after its way down. */
export function walkEntered(
  query: usize,
  narrow: i32,
  wide: i32,
  far: i32,
  excluded: usize,
  farBelow: i32,
  sampled: u32,
  budget: i32,
  settledWithin: i32,
): i32 {
  const length = degree << 1,
    first = entered,
    share = countingShare(listOf(0, 0), listOf(1, 0) - listOf(0, 0), length, nodeOf(first), excluded),
    isFar = share < farBelow;
  beginWork(seedWork);
  wentFar = 0;
  if (!isFar) {
    const ef = share < 128 ? narrow : wide,
      isOpen = share >= OPEN && settledWithin > 0,
      looksForHole = !isOpen && farBelow >= SEEN_FROM,
      found = walkFrom(query, first, ef, excluded, false, isOpen, looksForHole, budget, settledWithin, false);
    if (found != HOLE) return found;
    if (done + (budget >> SAMPLED_SHIFT) + farExpanded(budget) * FAR_WORK > budget) return -1;
    forgetSeeds();
  }
  if (sampled == 0) return -1;
  wentFar = 1;
  const before = seedWork;
  sampleSeeds(query, excluded, sampled, budget >> SAMPLED_SHIFT, true);
  addWork(seedWork - before);
  return walkFrom(query, first, far, excluded, true, false, false, budget, settledWithin, false);
}

/** After a way down: a walk from the best of `count` nodes at `known`, u32 each. */
export function walkKnown(query: usize, ef: i32, excluded: usize, known: usize, count: i32, budget: i32, settledWithin: i32): i32 {
  offerKnown(query, excluded, known, count);
  beginWork(seedWork);
  return walkFrom(query, entered, ef, excluded, false, false, false, budget, settledWithin, true);
}

/**
 * From the entry and the seeds over nodes that count.
 * @param isOpen whether it goes over all nodes, and leaves out in the end what does not count: each such node that it expands has a place beside
 * @param looksForHole whether neighbours that do not count are looked at @returns as `searchCounting`, or HOLE
 */
function walkFrom(
  query: usize,
  first: u64,
  ef: i32,
  excluded: usize,
  isFar: bool,
  isOpen: bool,
  looksForHole: bool,
  budget: i32,
  settledWithin: i32,
  isKnown: bool,
): i32 {
  const entries = pool,
    length = degree << 1,
    m = nextEpoch(MEETINGS);
  // An entry node that does not count has a place beside those that do: it is often among the nearest, and left out in the end.
  let own = isOpen || counts(excluded, nodeOf(first)) ? 0 : 1,
    width = ef,
    capacity = capacityOf(width, own, settledWithin),
    size = 1,
    at = 0,
    asked = -1,
    left = farExpanded(budget);
  forgetRefused();
  beginSettling(isKnown);
  store<u64>(entries, first);
  mark(nodeOf(first), m);
  for (let i = 0; i < seedCount && left > 0; i++) {
    const seed = load<u64>(seedsAt() + ((<usize>i) << 3));
    // One that was met by way of a nearer one lies in the same cluster.
    if (isMet(nodeOf(seed), m)) continue;
    mark(nodeOf(seed), m);
    // Far ones are expanded even where others leave them no place: the best of what counts may lie near to several of them.
    const r = insertEntry(entries, size, capacity, isFar ? seed | 1 : seed);
    if (r >= 0) size = <i32>r;
    if (!isFar) continue;
    left--;
    const n = gatherCounting(nodeOf(seed), length, excluded, m, true);
    addWork(EXPANSION + n);
    noteMet(n);
    if (n > 0) size = <i32>offerScored(query, capacity, n, size, 0);
    if (done > budget) return -1;
  }
  while (at < size && load<u8>(entries + ((<usize>at) << 3)) & 1) at++;
  while (at < size) {
    if (at >= width + own) {
      if (settledWithin == 0) break;
      if (asked < 0) asked = done;
      const isLong = done - asked >= settledWithin,
        isTight = done + (grown(width) - width) * STEP_WORK > budget,
        next = whatNext(excluded, m, size, ef, width < poolMax - 1, isTight, isLong, done, settledWithin * INSTEAD);
      if (next == GIVEN_UP) return -1;
      if (next == ENDS) break;
      width = min(grown(width), poolMax - 1);
      capacity = capacityOf(width, own, settledWithin);
      continue;
    }
    const place = entries + ((<usize>at) << 3),
      entry = load<u64>(place);
    store<u64>(place, entry | 1);
    if (done > budget) return -1;
    if (at + 1 < size) load<u8>(listOf(nodeOf(load<u64>(place, 8)), 0));
    if (isOpen && !counts(excluded, nodeOf(entry))) {
      if (++own > ef || isHoleAmong(excluded, size)) return HOLE;
      capacity = capacityOf(width, own, settledWithin);
    }
    const n = isOpen
      ? gatherAll(nodeOf(entry), length, m)
      : gatherCounting(nodeOf(entry), length, excluded, m, false);
    addWork(EXPANSION + n);
    noteMet(n);
    noteStep();
    let nearest = at + 1;
    if (n > 0) {
      const r = offerScored(query, capacity, n, size, nearest);
      size = <i32>r;
      nearest = <i32>(r >> 32);
    }
    if (looksForHole) {
      if (refusedNear > 0) seeRefused(query, nodeOf(entry), length, excluded, m);
      if (isHole(entries, size)) return HOLE;
    }
    at = nearest;
    while (at < size && load<u8>(entries + ((<usize>at) << 3)) & 1) at++;
  }
  return keepCounting(excluded, size, width);
}

/** Entries that the pool keeps: those that the walk may come to when it has grown, too. */
@inline function capacityOf(width: i32, own: i32, settledWithin: i32): i32 {
  return min((settledWithin > 0 ? grown(width) : width) + own, poolMax);
}

/** Scores unseen neighbours that do not count, of the node that was expanded last, and notes them. */
function seeRefused(query: usize, node: u32, length: i32, excluded: usize, m: i32): void {
  const list = listOf(node, 0),
    keys = scratch,
    ids = scratch + 64;
  let n = 0;
  for (let from = 0, left = refusedNear; left > 0; from += 32) {
    const p = list + ((<usize>from) << 2);
    let others = refusedFirst;
    if (from > 0) {
      const mask = countingIds(p, length - from, excluded);
      others = othersOf(mask, idsOfMask);
    }
    for (left -= popcnt(others); others != 0; others &= others - 1) {
      const next = load<u32>(p + ((<usize>ctz(others)) << 2));
      if (isMet(next, m)) continue;
      mark(next, m);
      store<u32>(ids + ((<usize>n) << 2), next);
      n++;
    }
  }
  if (n == 0) return;
  padIds(ids, n);
  addWork(n);
  for (let j = 0; j < n; j += 4) {
    const p = ids + ((<usize>j) << 2);
    keys4(query, load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), load<u32>(p, 12), keys);
    const end = <usize>min(4, n - j) << 2;
    for (let lane: usize = 0; lane < end; lane += 4) {
      noteRefused(entryOf(load<u32>(keys + lane), load<u32>(p + lane)));
    }
  }
}

/** Leaves out entries of the pool that do not count, and more than `ef`. @returns how many are left */
function keepCounting(excluded: usize, size: i32, ef: i32): i32 {
  let kept = 0;
  for (let i = 0; i < size && kept < ef; i++) {
    const entry = load<u64>(pool + ((<usize>i) << 3));
    if (!counts(excluded, nodeOf(entry))) continue;
    store<u64>(pool + ((<usize>kept) << 3), entry);
    kept++;
  }
  return kept;
}
