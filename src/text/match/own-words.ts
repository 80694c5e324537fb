// Whether each place of a phrase has a word of the text to itself. Places of one word, as in "a rose is a rose", stand at the same words of a text,
// and a text that has the word too seldom does not have the phrase, however far its words may be moved.
import { ElanusError } from '#base/errors.js';
import { NumberByWord, type Stands } from './stands.js';

/** Places of the same words: where they are in the phrase, and the words of the text that they may stand at, both ascending. */
interface Group {
  readonly positions: number[];
  readonly ats: Uint32Array;
  /** The first of the words that is not before all that is asked from now on: phrases are asked from begin to begin, ascending. */
  from: number;
}

/**
 * Looks for a word of a place, for one text: nothing can rest meanwhile. A phrase that repeats a word without end, with gaps, over a text that
 * does costs the square otherwise.
 */
const LOOKS_MAX = 2 ** 22;

export class OwnWords {
  readonly #groups: readonly Group[];
  #looks = 0;

  /** Places that share some words and not all, as synonyms may, are not distinguished: they are taken to fit. */
  constructor(stands: Stands, positions: ArrayLike<number>) {
    const ofPlace = wordsOfPlaces(stands, positions.length);
    const isShared = sharedPlaces(stands, positions.length);
    const groups = new Map<number, Group[]>();
    for (const [place, ats] of ofPlace.entries()) {
      if (isShared[place] === 0) continue;
      const position = positions[place] as number;
      const alike = groups.get(hashOf(ats));
      const known = alike?.find((group) => areEqual(group.ats, ats));
      if (known !== undefined) known.positions.push(position);
      else if (alike !== undefined) alike.push({ positions: [position], ats, from: 0 });
      else groups.set(hashOf(ats), [{ positions: [position], ats, from: 0 }]);
    }
    this.#groups = [...groups.values()].flat().filter((group) => group.positions.length > 1);
    for (const group of this.#groups) group.positions.sort((a, b) => a - b);
  }

  /**
   * Whether the places fit where the phrase begins at `begin` or up to `slop` behind it. The words that two places of a group may take are two
   * ranges of one length, so the first free word for each, in their order, is the best choice.
   * @param begin not before the one of the call before
   * @throws invalid_parameter
   */
  fit(begin: number, slop: number): boolean {
    return this.#groups.every((group) => {
      const { positions, ats } = group;
      if (ats.length < positions.length) return false;
      group.from = firstFrom(ats, group.from, begin + (positions[0] as number));
      let free = group.from;
      for (const position of positions) {
        if (++this.#looks > LOOKS_MAX)
          throw new ElanusError(
            'invalid_parameter',
            `phrase_match looks at more than ${LOOKS_MAX} words for the places of a word that the phrase repeats; take a phrase that repeats fewer words: invalid parameter`,
          );
        free = firstFrom(ats, free, begin + position);
        const at = ats[free++];
        if (at === undefined || at > begin + slop + position) return false;
      }
      return true;
    });
  }
}

/** By place, the words of the text that it may stand at, ascending, each once. */
function wordsOfPlaces({ places, ats, count }: Stands, placeCount: number): Uint32Array[] {
  const ends = new Uint32Array(placeCount + 1);
  for (let stand = 0; stand < count; stand++) {
    const place = (places[stand] as number) + 1;
    ends[place] = (ends[place] as number) + 1;
  }
  for (let place = 0; place < placeCount; place++)
    ends[place + 1] = (ends[place + 1] as number) + (ends[place] as number);
  const next = ends.slice();
  const all = new Uint32Array(count);
  for (let stand = 0; stand < count; stand++) {
    const place = places[stand] as number;
    all[next[place] as number] = ats[stand] as number;
    next[place] = (next[place] as number) + 1;
  }
  return Array.from({ length: placeCount }, (_, place) =>
    ascending(all.subarray(ends[place], ends[place + 1])),
  );
}

/** A place with several words may have them in any order, and two of them at one word of the text. */
function ascending(ats: Uint32Array): Uint32Array {
  let isAscending = true;
  for (let at = 1; at < ats.length && isAscending; at++)
    isAscending = (ats[at] as number) > (ats[at - 1] as number);
  return isAscending ? ats : Uint32Array.from(new Set(ats.sort()));
}

/** By place, 1 where another one stands at one of its words. */
function sharedPlaces(stands: Stands, placeCount: number): Uint8Array {
  const { places, ats, count } = stands;
  const isShared = new Uint8Array(placeCount);
  /** The place that was met first, and 1. */
  const placeAt = new NumberByWord(stands);
  for (let stand = 0; stand < count; stand++) {
    const [place, at] = [places[stand] as number, ats[stand] as number];
    const other = placeAt.get(at) - 1;
    if (other < 0) placeAt.set(at, place + 1);
    else if (other !== place) {
      isShared[other] = 1;
      isShared[place] = 1;
    }
  }
  return isShared;
}

function hashOf(ats: Uint32Array): number {
  let hash = ats.length;
  for (const at of ats) hash = Math.imul(hash ^ at, 0x01000193);
  return hash;
}

function areEqual(one: Uint32Array, other: Uint32Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** Index of the first of ascending numbers, from an index on, that is not below the bound. Steps double: mostly it is near. */
function firstFrom(ascendingNumbers: Uint32Array, from: number, bound: number): number {
  const { length } = ascendingNumbers;
  let [low, high] = [from, from];
  for (let step = 1; high < length && (ascendingNumbers[high] as number) < bound; step *= 2) {
    low = high + 1;
    high += step;
  }
  high = Math.min(high, length);
  while (low < high) {
    const half = (low + high) >> 1;
    if ((ascendingNumbers[half] as number) < bound) low = half + 1;
    else high = half;
  }
  return low;
}
