import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { OwnWords } from './own-words.js';
import { type PhrasePlace, PhraseSearch } from './phrase.js';
import { Stands } from './stands.js';

interface TextWord {
  readonly word: string;
  readonly at: number;
}

function isFound(places: readonly PhrasePlace[], slop: number, text: readonly TextWord[]): boolean {
  const search = new PhraseSearch(places, slop);
  search.begin(text.length * 2);
  for (const { word, at } of text) search.add(word, at);
  return search.isFound();
}

/** Tries every word for every place. */
function byTrying(places: readonly PhrasePlace[], slop: number, text: readonly TextWord[]): boolean {
  const tryFrom = (place: number, taken: readonly number[], begins: readonly number[]): boolean => {
    if (Math.max(...begins) - Math.min(...begins) > slop) return false;
    const wanted = places[place];
    if (wanted === undefined) return true;
    return text.some(
      ({ word, at }) =>
        wanted.words.includes(word) &&
        !taken.includes(at) &&
        tryFrom(place + 1, [...taken, at], [...begins, at - wanted.position]),
    );
  };
  return tryFrom(0, [], []);
}

const word = fc.constantFrom('a', 'b', 'c');
const gaps = fc.constantFrom(1, 1, 1, 2, 3, 5000);
/** Where each is, by the gaps before them. */
const standing = (all: readonly (readonly [string, number])[]): TextWord[] => {
  let at = 0;
  return all.map(([one, gap]) => {
    at += gap;
    return { word: one, at };
  });
};
const phrase = fc
  .array(fc.tuple(word, gaps), { minLength: 1, maxLength: 5 })
  .map((all) => standing(all).map(({ word: one, at }): PhrasePlace => ({ position: at, words: [one] })));
const text = fc.array(fc.tuple(word, gaps), { maxLength: 9 }).map(standing);

describe('a phrase in a text', () => {
  it('is found as by trying every word for every place, with gaps and words that repeat', () => {
    fc.assert(
      fc.property(phrase, fc.constantFrom(0, 1, 2, 4, 5000), text, (places, slop, words) => {
        expect(isFound(places, slop, words)).toBe(byTrying(places, slop, words));
      }),
      { numRuns: 1500 },
    );
  });

  it('makes nothing of texts that have too few of its words, however often it repeats them', () => {
    const add = vi.spyOn(Stands.prototype, 'add');
    const words = ['a', 'b', 'c'];
    const places = Array.from(
      { length: 10_000 },
      (_, at): PhrasePlace => ({ position: at, words: [words[at % 3] as string] }),
    );
    // Once too few words in all, and once enough of two of them alone.
    const short = Array.from({ length: 900 }, (_, at) => ({ word: words[at % 3] as string, at }));
    const lacking = Array.from({ length: 12_000 }, (_, at) => ({
      word: at < 100 ? 'c' : (words[at % 2] as string),
      at,
    }));
    for (const text of [short, lacking]) {
      add.mockClear();
      expect(isFound(places, 5, text)).toBe(false);
      expect(add.mock.calls.length).toBe(text.length);
    }
    add.mockRestore();
  });

  it('of one word again and again is tried once for each beginning', () => {
    const fits = vi.spyOn(OwnWords.prototype, 'fit');
    // Three parts that stand a third of a period apart: wherever the phrase begins, one of them lacks words, and the others have more than they need.
    const places = Array.from(
      { length: 66 },
      (_, at): PhrasePlace => ({
        ...{ position: (at % 22) + Math.floor(at / 22) * 100, words: ['a'] },
      }),
    );
    const words = Array.from({ length: 4000 }, (_, at) => ({
      word: at % 150 < 94 || at % 3 === 0 ? 'a' : 'b',
      at,
    }));
    expect(isFound(places, 10, words)).toBe(false);
    expect(fits.mock.calls.length).toBeGreaterThan(500);
    expect(fits.mock.calls.length).toBeLessThan(4200);
    fits.mockRestore();
  });
});
