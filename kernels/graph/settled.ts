// Whether a walk among nodes that count may end: what it found has not changed for a while, was met from several sides, and does not lie in a
// pocket of the graph. Without all of these it goes on, wider, or is given up where a scan is less work than a walk that is wide enough.
import { counts, degree, listOf, NIL, nodeOf, pool, poolMax, results, scratch } from './graph';

/** The nearest that have to stay as they are. */
const NEAREST: i32 = 10;
/** Steps in which they have to, at most. */
const STEPS: i32 = 12;
/** The nearest of which it is asked how often they were met: at most, and as fifths of the width. */
const MET: i32 = 20;
const MET_FIFTHS: i32 = 4;
/**
 * One of so many of them may have been met once, and one more for each so many steps without a change: to few nodes no more than one link
 * leads. Where one of so many was, a walk is far from its end.
 */
const FEW_ALONE: i32 = 10;
const STILL_STEPS: i32 = 24;
const MANY_ALONE: i32 = 2;
/** Where one of so many links that count leads to a node that was not met, a walk is in a pocket, unless it met so many nodes for each place. */
const POCKET: i32 = 4;
const NODES_A_PLACE: i32 = 12;
/** A walk grows by one part in so many. */
const GROWS: i32 = 4;
/** Times that nodes are met on average where one in twenty is missed, and the least mean that is estimated. */
const MEAN_WANTED: f32 = 3;
const MEAN_MIN: f32 = 0.75;

/** What the walk is to do. */
export const ENDS: i32 = 0;
export const GROWN: i32 = 1;
export const GIVEN_UP: i32 = 2;

let steps: i32 = 0;
let changedAt: i32 = 0;
/** Nodes that were met, and links of expanded nodes to such as count. */
let met: i32 = 0;
let links: i32 = 0;
/** Bridges that were crossed; which, is where results of other walks are. */
let bridges: i32 = 0;

export function beginSettling(): void {
  steps = 0;
  changedAt = 0;
  met = 0;
  links = 0;
  bridges = 0;
}

@inline export function noteStep(): void {
  steps++;
}

/** An expansion met so many nodes. */
@inline export function noteMet(nodes: i32): void {
  met += nodes;
}

/** A node came to that place among the nearest. */
@inline export function notePlace(place: i32): void {
  if (place < NEAREST) changedAt = steps;
}

/** So many neighbours of a node count. */
@inline export function noteLinks(counting: i32): void {
  links += counting;
}

@inline export function noteBridge(node: u32): void {
  if (bridges >= poolMax) return;
  store<u32>(results + ((<usize>bridges) << 2), node);
  bridges++;
}

export function grown(width: i32): i32 {
  return width + max(1, width / GROWS);
}

/**
 * Asked when the nearest `width` are expanded. @param ef as wide as it began @param mayGrow whether the pool has room
 * @param isLong whether it did as much as may be lost @param done work until now @param instead that of the scan behind a walk that is given up
 */
export function whatNext(
  excluded: usize,
  size: i32,
  ef: i32,
  mayGrow: bool,
  isTight: bool,
  isLong: bool,
  done: i32,
  instead: i32,
): i32 {
  const still = steps - changedAt,
    isPocket = met < ef * NODES_A_PLACE && met * POCKET < links;
  if (still >= min(STEPS, ef >> 1) && (isTight || !isPocket)) {
    const most = min(MET, max(NEAREST, (ef * MET_FIFTHS) / 5)),
      alone = metAlone(excluded, size, most);
    if (alone <= most / FEW_ALONE + still / STILL_STEPS) return ENDS;
    if (alone * MANY_ALONE < most) {
      if (isTight) return ENDS;
    } else if (<f32>done * (timesWider(alone, most) - 1) > <f32>instead) return GIVEN_UP;
  }
  if (isLong) return GIVEN_UP;
  return mayGrow ? GROWN : ENDS;
}

/**
 * How many times as wide a walk would miss next to nothing. Were nodes met by chance, m times on average (Poisson), m / (exp(m) - 1) of
 * those that are met would be met once; the mean that follows is an approximation to a tenth. It grows about as the root of the width does.
 */
function timesWider(alone: i32, most: i32): f32 {
  const often: f32 = 1 - <f32>min(alone, most) / <f32>most,
    mean: f32 = often * (<f32>1.9 + <f32>1.7 * often),
    ratio: f32 = MEAN_WANTED / max(mean, MEAN_MIN);
  return ratio * ratio;
}

/** Where the nearest are: behind a table of 256 places by hash (0: none), node and count of each. */
const MET_AT: usize = 256;

@inline function hashOf(node: u32): usize {
  return <usize>((node * 0x9e3779b1) >> 24);
}

/**
 * How many of the `asked` nearest were met from one expanded node or bridge, and twice as many as were met from none. What was met once says
 * how much was not met at all (Good 1953): a walk that knows the surroundings of the query met each of them several times.
 */
function metAlone(excluded: usize, size: i32, asked: i32): i32 {
  const nearest = scratch + MET_AT;
  let most = 0;
  memory.fill(scratch, 0, MET_AT);
  for (let i = 0; i < size && most < asked; i++) {
    const node = nodeOf(load<u64>(pool + ((<usize>i) << 3)));
    if (!counts(excluded, node)) continue;
    store<u64>(nearest + ((<usize>most) << 3), node);
    most++;
    let at = hashOf(node);
    while (load<u8>(scratch + at) != 0) at = (at + 1) & 255;
    store<u8>(scratch + at, most);
  }
  for (let i = 0; i < size; i++) {
    const entry = load<u64>(pool + ((<usize>i) << 3));
    if (entry & 1) noteList(listOf(nodeOf(entry), 0), nearest);
  }
  for (let i = 0; i < bridges; i++) noteList(listOf(load<u32>(results + ((<usize>i) << 2)), 0), nearest);
  let alone = 0;
  for (let i = 0; i < most; i++) alone += max(0, 2 - load<i32>(nearest + ((<usize>i) << 3), 4));
  return alone;
}

function noteList(list: usize, nearest: usize): void {
  for (const end = list + ((<usize>degree) << 3); list < end; list += 4) {
    const next = load<u32>(list);
    if (next == NIL) break;
    for (let at = hashOf(next); ; at = (at + 1) & 255) {
      const place = <usize>load<u8>(scratch + at);
      if (place == 0) break;
      const p = nearest + ((place - 1) << 3);
      if (load<u32>(p) != next) continue;
      store<i32>(p, load<i32>(p, 4) + 1, 4);
      break;
    }
  }
}
