// Whether a walk among nodes that count may end: what it found has not changed for a while, and was met from several sides. Without either it
// goes on, wider, as far as that costs little beside a scan.
import { counts, degree, listOf, NIL, nodeOf, pool, scratch } from './graph';

/** The nearest that are looked at. */
const NEAREST: i32 = 10;
/** Steps in which they have to stay as they are, at most. */
const STEPS: i32 = 12;
/** A walk grows by such a part of its width, in sixteenths. */
const GROWS: i32 = 5;
/** Where few neighbours count, and where little speaks against what was found, it grows to so many times its width at most. */
const TIMES: i32 = 3;
/** So many of the nearest were met from one side alone (or half as many from none): a little, or much speaks against them. */
const FEW_ALONE: i32 = 2;
const MANY_ALONE: i32 = 3;

/** What the walk is to do. */
export const ENDS: i32 = 0;
export const GROWN: i32 = 1;
export const GIVEN_UP: i32 = 2;

let steps: i32 = 0;
let changedAt: i32 = 0;
/** Neighbours that count of the nodes that were expanded, and all that they may have. */
let near: i32 = 0;
let neighbours: i32 = 0;

export function beginSettling(): void {
  steps = 0;
  changedAt = 0;
  near = 0;
  neighbours = 0;
}

@inline export function noteStep(): void {
  steps++;
}

/** A node came to that place among the nearest. */
@inline export function notePlace(place: i32): void {
  if (place < NEAREST) changedAt = steps;
}

/** So many neighbours of a node count. */
@inline export function noteNear(counting: i32): void {
  near += counting;
  neighbours += degree << 1;
}

export function grown(width: i32, ef: i32): i32 {
  return width + max(1, (ef * GROWS) >> 4);
}

/**
 * Asked when the nearest `width` are expanded. @param ef as wide as it began @param isFar it began from a sample
 * @param mayGrow whether the pool has room @param isLong whether it did as much as may be lost
 */
export function whatNext(
  excluded: usize,
  size: i32,
  width: i32,
  ef: i32,
  isFar: bool,
  mayGrow: bool,
  isLong: bool,
): i32 {
  const isStill = steps - changedAt >= min(STEPS, ef >> 1),
    isWide = width >= ef * TIMES;
  // Where few neighbours count most are met over bridges, from one side.
  if (near << 2 < neighbours) return isStill || isWide || !mayGrow ? ENDS : GROWN;
  if (isStill) {
    if (!isFar && width == ef) return ENDS;
    const alone = metAlone(excluded, size);
    if (alone < FEW_ALONE || (alone < MANY_ALONE && isWide)) return ENDS;
  }
  if (isLong) return GIVEN_UP;
  return mayGrow ? GROWN : ENDS;
}

/** Where the nearest are: a byte for each of 256 nodes, then node and count of each. */
const MET_AT: usize = 256;

/**
 * How many of the nearest were met from one expanded node, and twice as many as were met from none. What was met once says how much was not
 * met at all (Good 1953): a walk that knows the surroundings of the query met each of them several times.
 */
function metAlone(excluded: usize, size: i32): i32 {
  const known = scratch,
    met = scratch + MET_AT,
    length = degree << 1;
  let most = 0;
  memory.fill(known, 0, MET_AT);
  for (let i = 0; i < size && most < NEAREST; i++) {
    const node = nodeOf(load<u64>(pool + ((<usize>i) << 3)));
    if (!counts(excluded, node)) continue;
    store<u8>(known + (node & 255), 1);
    store<u64>(met + ((<usize>most) << 3), node);
    most++;
  }
  for (let i = 0; i < size; i++) {
    const entry = load<u64>(pool + ((<usize>i) << 3));
    if (!(entry & 1)) continue;
    const list = listOf(nodeOf(entry), 0);
    for (let j = 0; j < length; j++) {
      const next = load<u32>(list + ((<usize>j) << 2));
      if (next == NIL) break;
      if (load<u8>(known + (next & 255))) noteMet(met, most, next);
    }
  }
  let alone = 0;
  for (let i = 0; i < most; i++) alone += max(0, 2 - load<i32>(met + ((<usize>i) << 3), 4));
  return alone;
}

function noteMet(met: usize, count: i32, node: u32): void {
  for (const end = met + ((<usize>count) << 3); met < end; met += 8) {
    if (load<u32>(met) == node) store<i32>(met, load<i32>(met, 4) + 1, 4);
  }
}
