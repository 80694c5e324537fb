// Whether each place of a phrase has a word of the text to itself. Places of one word, as in "a rose is a rose", stand at the same words of a text,
// and a text that has the word too seldom does not have the phrase, however far its words may be moved.
import { ElanusError } from '#base/errors.js';

interface Stand {
  readonly place: number;
  readonly at: number;
  readonly begin: number;
}

/** Places of the same words: where they are in the phrase, and the words of the text that they may stand at, both ascending. */
interface Group {
  readonly positions: readonly number[];
  readonly ats: readonly number[];
}

/** Looks for a word of a place, for one text. A phrase that repeats a word without end over a text that does costs the square otherwise. */
const LOOKS_MAX = 2 ** 26;

export class OwnWords {
  readonly #groups: readonly Group[];
  #looks = 0;

  /** Places that share some words and not all, as synonyms may, are not distinguished: they are taken to fit. */
  constructor(stands: readonly Stand[]) {
    const byPlace = new Map<number, { readonly position: number; readonly ats: number[] }>();
    for (const { place, at, begin } of stands) {
      const known = byPlace.get(place);
      if (known === undefined) byPlace.set(place, { position: at - begin, ats: [at] });
      else known.ats.push(at);
    }
    const groups = new Map<string, { readonly positions: number[]; readonly ats: number[] }>();
    const isShared = sharedWords(stands);
    for (const { position, ats } of byPlace.values()) {
      if (!ats.some((at) => isShared.has(at))) continue;
      const own = [...new Set(ats)].sort((a, b) => a - b);
      const key = own.join();
      const known = groups.get(key);
      if (known === undefined) groups.set(key, { positions: [position], ats: own });
      else known.positions.push(position);
    }
    this.#groups = [...groups.values()]
      .filter(({ positions }) => positions.length > 1)
      .map(({ positions, ats }) => ({ ats, positions: positions.sort((a, b) => a - b) }));
  }

  /**
   * Whether the places fit where the phrase begins at `begin` or up to `slop` behind it. The words that two places of a group may take are two
   * ranges of one length, so the first free word for each, in their order, is the best choice.
   * @throws invalid_parameter
   */
  fit(begin: number, slop: number): boolean {
    return this.#groups.every(({ positions, ats }) => {
      if (ats.length < positions.length) return false;
      let free = 0;
      for (const position of positions) {
        if (++this.#looks > LOOKS_MAX)
          throw new ElanusError(
            'invalid_parameter',
            `phrase_match looks at more than ${LOOKS_MAX} words for the places of a word that the phrase repeats; take a phrase that repeats fewer words: invalid parameter`,
          );
        free = Math.max(free, firstFrom(ats, begin + position));
        const at = ats[free++];
        if (at === undefined || at > begin + slop + position) return false;
      }
      return true;
    });
  }
}

/** Words of the text at which several places stand. */
function sharedWords(stands: readonly Stand[]): ReadonlySet<number> {
  const placeAt = new Map<number, number>();
  const shared = new Set<number>();
  for (const { place, at } of stands) {
    const other = placeAt.get(at);
    if (other === undefined) placeAt.set(at, place);
    else if (other !== place) shared.add(at);
  }
  return shared;
}

/** Index of the first of ascending numbers that is not below the bound. */
function firstFrom(ascending: readonly number[], bound: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const half = (low + high) >> 1;
    if ((ascending[half] as number) < bound) low = half + 1;
    else high = half;
  }
  return low;
}
