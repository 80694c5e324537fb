// Where a walk among nodes that count begins: beside the entry, at the nearest of those that the way down the layers passed, and, where
// none of them lies near the entry, at the nearest of a sample.
import { hasUpperCodes, swapCodes } from './code-place';
import { keys4, touch } from './codes';
import {
  counts,
  degree,
  entryOf,
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
  poolMax,
  results,
  scratch,
} from './graph';

/** Seeds that are kept, and where what counts is far: there they have to lie in several clusters. The most there is room for, where they are known. */
const SEEDS: i32 = 10;
const FAR_SEEDS: i32 = 24;
const KNOWN_SEEDS: i32 = 31;
/** Nodes that count which a sample scores, and how many are looked at for each of them at most. */
const SAMPLES: i32 = 512;
const LOOKED_AT: i32 = 8;
/** What it costs to read a list, in nodes that are scored. */
const LISTED: i32 = 3;

/** Where the seeds are, nearest first: behind the results. */
@inline export function seedsAt(): usize {
  return results + ((<usize>poolMax + 8) << 3);
}

export let seedCount: i32 = 0;
let seedsMax: i32 = SEEDS;
/** Work since the way down began, in nodes that are scored. */
export let seedWork: i32 = 0;
let epoch: i32 = 0;
/** Where the last way down ended, and the node by which it left layer 2, or the lowest above it: queries for which it is the same are near to each other. */
export let entered: u64 = 0;
let region: u32 = 0;
const REGION_LAYER: i32 = 2;

/** Scores the `n` nodes in `scratch` and offers those that count. @returns the nearest of them and `best` */
function offer(query: usize, n: i32, excluded: usize, best: u64): u64 {
  const keys = scratch,
    ids = scratch + 64;
  touch(ids, n);
  padIds(ids, n);
  seedWork += n;
  for (let i = 0; i < n; i += 4) {
    const p = ids + ((<usize>i) << 2);
    keys4(query, load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), load<u32>(p, 12), keys);
    const end = <usize>min(4, n - i) << 2;
    for (let lane: usize = 0; lane < end; lane += 4) {
      const next = entryOf(load<u32>(keys + lane), load<u32>(p + lane));
      if (next < best) best = next;
      if (seedCount == seedsMax && next >= load<u64>(seedsAt() + ((<usize>(seedsMax - 1)) << 3))) continue;
      if (counts(excluded, nodeOf(next))) seedCount = <i32>insertEntry(seedsAt(), seedCount, seedsMax, next);
    }
  }
  return best;
}

/** The entry for layer 0, by the way that `enter` goes; the nearest nodes on it that count are the seeds. */
export function enterSeeing(query: usize, excluded: usize): u64 {
  const node = load<u32>(header),
    top = load<i32>(header, 4),
    ids = scratch + 64,
    isApart = top > 0 && hasUpperCodes();
  if (isApart) swapCodes();
  epoch = nextEpoch();
  seedCount = 0;
  seedsMax = SEEDS;
  seedWork = 0;
  mark(node, epoch);
  store<u32>(ids, node);
  let best = offer(query, 1, excluded, -1);
  for (let layer = top; layer > 0; layer--) {
    for (let before: u64 = 0; before != best; ) {
      before = best;
      const n = gather(listOf(nodeOf(best), layer), degree, ids, epoch);
      if (n > 0) best = offer(query, n, excluded, best);
    }
    if (layer >= REGION_LAYER) region = nodeOf(best);
  }
  if (isApart) swapCodes();
  if (top < REGION_LAYER) region = nodeOf(best);
  entered = best;
  return best;
}

/** The way down for a walk that begins there by another call. @returns the region that the query is in, a node */
export function enterCounting(query: usize, excluded: usize): u32 {
  enterSeeing(query, excluded);
  return region;
}

/** Offers the `count` nodes at `known`, u32 each, to the seeds. */
export function offerKnown(query: usize, excluded: usize, known: usize, count: i32): void {
  seedsMax = KNOWN_SEEDS;
  const ids = scratch + 64;
  let n = 0;
  for (let i = 0; i < count; i++) {
    const node = load<u32>(known + ((<usize>i) << 2));
    if (isMarked(node, epoch) || !counts(excluded, node)) continue;
    mark(node, epoch);
    store<u32>(ids + ((<usize>n) << 2), node);
    n++;
  }
  if (n > 0) offer(query, n, excluded, -1);
}

/** As after a way down that saw nothing. */
export function forgetSeeds(): void {
  epoch = nextEpoch();
  seedCount = 0;
  seedWork = 0;
}

/**
 * Offers some nodes that count, wherever they are, to the seeds.
 * @param sampled the first nodes of which the sample is drawn: those of upper layers, where these come first
 * @param work the most nodes that it scores
 * @param isWalked whether to go on from them over layer 1
 */
export function sampleSeeds(query: usize, excluded: usize, sampled: u32, work: i32, isWalked: bool): void {
  const most = min(SAMPLES, work),
    ids = scratch + 64,
    isApart = load<i32>(header, 4) > 0 && hasUpperCodes();
  if (isApart) swapCodes();
  seedsMax = FAR_SEEDS;
  let n = 0;
  for (let i: u32 = 0; i < <u32>(most * LOOKED_AT) && n < most; i++) {
    // Steps of the golden section: wherever it ends, what it passed is spread evenly.
    const node = <u32>((<u64>(i * 0x9e3779b1) * <u64>sampled) >> 32);
    if (!counts(excluded, node) || isMarked(node, epoch)) continue;
    mark(node, epoch);
    store<u32>(ids + ((<usize>n) << 2), node);
    n++;
  }
  if (n > 0) offer(query, n, excluded, -1);
  // Where nodes of upper layers do not come first, some of the sample have no list there.
  if (isWalked && sampled < nodes) walkSeeds(query, excluded);
  if (isApart) swapCodes();
}

/**
 * Goes on from the seeds over links of layer 1, among nodes that count, until the neighbours of all seeds are known. A cluster has few nodes
 * there, so that links lead to others, and the seeds lie in several.
 */
function walkSeeds(query: usize, excluded: usize): void {
  const ids = scratch + 64;
  for (let at = 0; at < seedCount; ) {
    const place = seedsAt() + ((<usize>at) << 3),
      seed = load<u64>(place);
    at++;
    if (seed & 1) continue;
    store<u64>(place, seed | 1);
    seedWork += LISTED;
    const list = listOf(nodeOf(seed), 1);
    let n = 0;
    for (let i = 0; i < degree; i++) {
      const next = load<u32>(list + ((<usize>i) << 2));
      if (next == NIL) break;
      if (isMarked(next, epoch) || !counts(excluded, next)) continue;
      mark(next, epoch);
      store<u32>(ids + ((<usize>n) << 2), next);
      n++;
    }
    if (n == 0) continue;
    // Those that are nearer took places before it.
    if (offer(query, n, excluded, -1) < seed) at = 0;
  }
}

/** Neighbours of a node whose neighbours are counted, too: those of one node are too few to say much of a small share. */
const COUNTED_LISTS: i32 = 3;

/**
 * How many of 256 nodes next to one count: of its neighbours, and of theirs.
 * @param lists where the list of node 0 is, @param stride bytes from there to the next, @param length ids in it
 */
export function countingShare(lists: usize, stride: usize, length: i32, node: u32, excluded: usize): i32 {
  const list = lists + <usize>node * stride;
  let all = 0,
    counting = 0;
  for (let at = -1; at < min(COUNTED_LISTS, length); at++) {
    const near = at < 0 ? node : load<u32>(list + ((<usize>at) << 2));
    if (near == NIL) break;
    let p = lists + <usize>near * stride;
    for (const end = p + ((<usize>length) << 2); p < end; p += 4) {
      const next = load<u32>(p);
      if (next == NIL) break;
      all++;
      counting += i32(counts(excluded, next));
    }
  }
  return all == 0 ? 0 : (counting << 8) / all;
}
