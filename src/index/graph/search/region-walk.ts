// A walk among rows that count, which begins where earlier ones for queries of the same region ended, if they had to begin far from them.
import { FOUND_MAX, KnownEntries } from '#index/graph/nodes/known-entries.js';
import type { CountingWalk, RegionWalks } from './graph-walks.js';

/** Places in the memory of the index. */
interface Room {
  readonly words: Uint32Array;
  /** Where walks leave what they found. */
  readonly pool: number;
  /** Where entries have room. */
  readonly entries: number;
}

/** @param known words of `KnownEntries` @returns as `walkCounting` */
export function walkByRegion(walks: RegionWalks, walk: CountingWalk, known: Uint32Array, room: Room): number {
  const region = new KnownEntries(known, walks.enter(walk.excluded));
  const entries = region.take();
  if (entries === undefined) {
    const count = walks.walk(walk);
    if (count > 0 && walks.hasGoneFar()) region.noteFar(nearest(room, count));
    return count;
  }
  room.words.set(entries, room.entries >>> 2);
  return walks.walkKnown(walk, room.entries, entries.length);
}

/** Nodes of the nearest of `count` that a walk found. */
function nearest({ words, pool }: Room, count: number): Uint32Array {
  const nodes = new Uint32Array(Math.min(count, FOUND_MAX));
  for (let at = 0; at < nodes.length; at++) nodes[at] = (words[(pool >>> 2) + at * 2] as number) >>> 1;
  return nodes;
}
