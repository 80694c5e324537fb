// The tokenizer of runs, by way of the analyzers over it, against an expression that says the same slowly.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyzerOf } from '#text/analyzer-params.js';
import { termHash } from '#text/term-hash.js';

describe('the standard tokenizer', () => {
  it('finds what an expression finds, in any text, at first sight and later, as words and as numbers', () => {
    const analyzer = analyzerOf('');
    const short = analyzerOf(
      JSON.stringify({ tokenizer: 'standard', filter: [{ type: 'stop', stop_words: ['a', 'é'] }] }),
    );
    const runsOfText = /(?!\p{M})[\p{Alphabetic}\p{N}][\p{Alphabetic}\p{N}\p{M}]*/gu;
    const unit = fc.oneof(
      fc.constantFrom(
        'a',
        'B',
        'é',
        'e\u0301',
        ' ',
        '.',
        '\0',
        '𝒜',
        '\ud835',
        '\udc9c',
        '🇩',
        'ß',
        'İ',
        '٣',
        '中',
        '\u200d',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    );
    const texts = fc.array(
      fc.array(unit, { maxLength: 60 }).map((units) => units.join('')),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(texts, (some) => {
        for (const text of [...some, ...some]) {
          const runs = [...text.matchAll(runsOfText)].map(([run]) => run);
          const small = runs.map((run) => run.toLowerCase()).filter((run) => [...run].length <= 40);
          expect(analyzer.tokens(text).map((token) => token.text)).toEqual(small);
          const found: [string, number][] = [];
          analyzer.terms(text, (term) => found.push([term.text, term.hash]));
          expect(found).toEqual(small.map((run) => [run, termHash(run)]));
          const hashes: number[] = [];
          short.hashes(text, (hash) => hashes.push(hash));
          expect(hashes).toEqual(runs.filter((run) => run !== 'a' && run !== 'é').map(termHash));
        }
      }),
      { numRuns: 500 },
    );
  });
});
