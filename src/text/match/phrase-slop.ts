// The least slop with which `phrase_match` finds a phrase in a text: what ComputePhraseMatchSlop answers. It asks the same question as the
// filter, of the same stands, so that the filter passes with this slop and with none below it.
import { ElanusError } from '#base/errors.js';
import { analyzerOf } from '#text/analyzer-params.js';
import { isPhraseIn } from './phrase.js';
import { Stands } from './stands.js';

/**
 * Stands of one phrase in one text: where both are the same word again and again there would be the product of their lengths. They are asked
 * twenty times in one go, on the thread that serves everyone.
 */
const STANDS_MAX = 262_144;
/** As many as a filter looks for. */
const WORDS_MAX = 16_384;

export class PhraseSlop {
  readonly #analyzer: ReturnType<typeof analyzerOf>;
  /** By word, its places in the phrase, and where each of them is. */
  readonly #placesOf = new Map<string, number[]>();
  readonly #positions: number[] = [];

  /** @throws invalid_parameter for parameters that are no analyzer, and for a phrase of too many words */
  constructor(analyzerParams: string, phrase: string) {
    this.#analyzer = analyzerOf(analyzerParams);
    const places = new Map<number, number>();
    this.#analyzer.words(phrase, (word, _begin, _end, position) => {
      // Words of one position, as synonyms are, are one place.
      const place = places.get(position) ?? this.#positions.push(position) - 1;
      places.set(position, place);
      if (this.#positions.length > WORDS_MAX)
        throw new ElanusError(
          'invalid_parameter',
          `compute phrase match slop: the phrase has more than ${WORDS_MAX} words, expected at most so many; take a shorter one: invalid parameter`,
        );
      // Places come in their order. A list that is copied or looked through for each word would cost the square of a phrase of one word.
      const known = this.#placesOf.get(word);
      if (known === undefined) this.#placesOf.set(word, [place]);
      else if (known.at(-1) !== place) known.push(place);
    });
  }

  /** @returns undefined: no slop is enough, a word is missing. A phrase without words is in any text. @throws invalid_parameter */
  leastIn(text: string): number | undefined {
    if (this.#positions.length === 0) return 0;
    const stands = this.#standsIn(text);
    let [first, last] = [Infinity, -Infinity];
    for (let stand = 0; stand < stands.count; stand++) {
      const begin =
        (stands.ats[stand] as number) - (this.#positions[stands.places[stand] as number] as number);
      if (begin < first) first = begin;
      if (begin > last) last = begin;
    }
    let most = Math.max(0, last - first);
    if (!isPhraseIn(stands, this.#positions, most)) return undefined;
    let least = 0;
    while (least < most) {
      const half = Math.floor((least + most) / 2);
      if (isPhraseIn(stands, this.#positions, half)) most = half;
      else least = half + 1;
    }
    return least;
  }

  #standsIn(text: string): Stands {
    const stands = new Stands();
    this.#analyzer.terms(text, ({ text: word }, at) => {
      for (const place of this.#placesOf.get(word) ?? []) stands.add(place, at);
      if (stands.count > STANDS_MAX)
        throw new ElanusError(
          'invalid_parameter',
          `compute phrase match slop: a text has more than ${STANDS_MAX} places for the words of the phrase; take a phrase that repeats fewer words: invalid parameter`,
        );
    });
    return stands;
  }
}
