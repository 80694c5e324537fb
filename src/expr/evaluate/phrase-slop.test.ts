// The least slop of a phrase in a text: with it the filter passes, with one less it does not; and what is known of Milvus's answers.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFilter } from '#expr/filter.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { PhraseSlop } from '#text/match/phrase-slop.js';
import { wordsMatcher } from './text/word-matchers.js';

const schema = CollectionSchema.fromPartial({
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    {
      ...{ fieldID: 101n, name: 'text', dataType: DataType.VarChar },
      typeParams: [
        { key: 'enable_analyzer', value: 'true' },
        { key: 'enable_match', value: 'true' },
      ],
    },
  ],
});

function passes(phrase: string, text: string, slop: number): boolean {
  const checked = checkFilter(schema, { text: `phrase_match(text, "${phrase}", ${slop})` });
  if (checked.kind !== 'predicate' || checked.predicate.kind !== 'words') throw new Error('no words');
  const bytes = new TextEncoder().encode(text);
  return wordsMatcher(checked.predicate.analyzer, checked.predicate.words).test(bytes, 0, bytes.length);
}

describe('the least slop', () => {
  it.each<[phrase: string, text: string, slop: number | undefined]>([
    ['hello world', 'hello world', 0],
    ['hello world', 'hello there', undefined],
    ['', 'some data', 0],
    ['!?', '', 0],
    ['a b', 'a c d e b f g a b', 0],
    ['a b a', 'a b a', 0],
    ['a c', 'a b c', 1],
    ['b a', 'a b', 2],
    ['a', '', undefined],
    [
      'I like swimming and skiing',
      `${'x '.repeat(10)}Skiing and swimming are sports that I like the most.`,
      10,
    ],
  ])('of %j in %j is %s', (phrase, text, slop) => {
    expect(new PhraseSlop('', phrase).leastIn(text)).toBe(slop);
  });

  it('is where the filter begins to pass', () => {
    const words = (minLength: number) =>
      fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength, maxLength: 8 }).map((all) => all.join(' '));
    fc.assert(
      fc.property(words(1), words(0), (phrase, text) => {
        const slop = new PhraseSlop('', phrase).leastIn(text);
        if (slop === undefined) return !passes(phrase, text, 100);
        return passes(phrase, text, slop) && (slop === 0 || !passes(phrase, text, slop - 1));
      }),
      { numRuns: 500 },
    );
  });

  it('is what all ways to choose words say', () => {
    const words = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 });
    const leastOf = (phrase: readonly string[], text: readonly string[]): number | undefined => {
      let least: number | undefined;
      const choose = (taken: readonly number[]): void => {
        const place = taken.length;
        if (place < phrase.length) {
          for (const [at, word] of text.entries())
            if (word === phrase[place] && !taken.includes(at)) choose([...taken, at]);
          return;
        }
        const begins = taken.map((at, of) => at - of);
        const slop = Math.max(...begins) - Math.min(...begins);
        least = Math.min(least ?? slop, slop);
      };
      choose([]);
      return least;
    };
    fc.assert(
      fc.property(words, words, (phrase, text) => {
        expect(new PhraseSlop('', phrase.join(' ')).leastIn(text.join(' '))).toBe(leastOf(phrase, text));
      }),
      { numRuns: 1000 },
    );
  });

  it('of words that repeat beyond all bounds is refused', () => {
    const phrase = new PhraseSlop('', 'a '.repeat(2000));
    expect(() => phrase.leastIn('a '.repeat(2000))).toThrow('take a phrase that repeats fewer words');
  });

  it('of a phrase has as many words as a filter looks for, and of one word again and again costs no square', () => {
    expect(new PhraseSlop('', 'a '.repeat(16_384)).leastIn('a')).toBe(undefined);
    expect(() => new PhraseSlop('', 'a '.repeat(30_000))).toThrow('expected at most so many');
  });

  it('is asked of no more places in a text than are looked through at once', () => {
    const phrase = new PhraseSlop('', 'a '.repeat(600));
    expect(() => phrase.leastIn('a '.repeat(600))).toThrow('take a phrase that repeats fewer words');
  });
});
