// Whether a walk among nodes that count may end: what it found has not changed for a while, was met from several sides, and does not lie in a
// pocket of the graph. Without all of these it goes on, wider, or is given up where a scan is less work than a walk that is wide enough.
import { counts, MEETINGS, nodeOf, pool, timesMet } from './graph';

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
const FEW_ALONE: i32 = 20;
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

/** As many more of them may have been met once by a walk that begins at what earlier ones found, and it is not asked whether it is in a pocket. */
const KNOWN_ALONE: i32 = 3;
let alsoAlone: i32 = 0;

export function beginSettling(isKnown: bool): void {
  alsoAlone = isKnown ? KNOWN_ALONE : 0;
  steps = 0;
  changedAt = 0;
  met = 0;
  links = 0;
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

export function grown(width: i32): i32 {
  return width + max(1, width / GROWS);
}

/**
 * Asked when the nearest `width` are expanded. @param m the mark of the walk @param ef as wide as it began @param mayGrow whether the pool has room
 * @param isLong whether it did as much as may be lost @param done work until now @param instead that of the scan behind a walk that is given up
 */
export function whatNext(
  excluded: usize,
  m: i32,
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
  if (still >= min(STEPS, ef >> 1) && (isTight || alsoAlone > 0 || !isPocket)) {
    const most = min(MET, max(NEAREST, (ef * MET_FIFTHS) / 5)),
      alone = metAlone(excluded, m, size, most);
    if (alone <= most / FEW_ALONE + still / STILL_STEPS + alsoAlone) return ENDS;
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

/**
 * How many of the `asked` nearest were met from one expanded node or bridge, and twice as many as were met from none. What was met once says
 * how much was not met at all (Good 1953): a walk that knows the surroundings of the query met each of them several times.
 */
function metAlone(excluded: usize, m: i32, size: i32, asked: i32): i32 {
  let most = 0,
    alone = 0;
  for (let i = 0; i < size && most < asked; i++) {
    const node = nodeOf(load<u64>(pool + ((<usize>i) << 3)));
    if (!counts(excluded, node)) continue;
    most++;
    alone += MEETINGS - timesMet(node, m);
  }
  return alone;
}
