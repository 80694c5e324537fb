// Holes in what counts: where the nodes next to the query are refused by a filter and the walk began beside them. What counts on the other
// side is not met from this one, however many nodes the walk keeps; that it began there shows in refused nodes that are nearer than what counts.
import { counts, insertEntry, nodeOf, pool } from './graph';
import { seedsAt } from './seeds';

/**
 * A hole: so many refused nodes are nearer to the query than all but so many that count. By chance that is one walk in thousands, where a
 * filter lets four rows in five pass.
 */
const HOLE_NODES: i32 = 8;
const HOLE_BEHIND: i32 = 3;
/** What a walk returns that met one. */
export const HOLE: i32 = -2;
/** Where fewer than so many of 256 neighbours are a sign of what is far, four rows in five count: refused ones are few, and scored, too. */
export const SEEN_FROM: i32 = 102;
/** Where the nearest refused nodes are: behind seeds and bridges. */
const REFUSED_AT: usize = 288;
let refusedCount: i32 = 0;

export function forgetRefused(): void {
  refusedCount = 0;
}

@inline export function noteRefused(entry: u64): void {
  const r = insertEntry(seedsAt() + REFUSED_AT, refusedCount, HOLE_NODES, entry);
  if (r >= 0) refusedCount = <i32>r;
}

/** Whether the nodes that were met are on the far side of one. @param entries what counts, nearest first */
@inline export function isHole(entries: usize, size: i32): bool {
  if (refusedCount < HOLE_NODES || size <= HOLE_BEHIND) return false;
  return load<u64>(seedsAt() + REFUSED_AT, (HOLE_NODES - 1) << 3) < load<u64>(entries, HOLE_BEHIND << 3);
}

/** As `isHole`, of a pool that has what does not count, too. */
export function isHoleAmong(excluded: usize, size: i32): bool {
  let refused = 0;
  for (let i = 0; i < size; i++) {
    if (!counts(excluded, nodeOf(load<u64>(pool + ((<usize>i) << 3))))) refused++;
    else if (i - refused == HOLE_BEHIND) return refused >= HOLE_NODES;
  }
  return false;
}
