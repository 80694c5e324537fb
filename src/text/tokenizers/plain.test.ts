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

  it('ends with the text, where that is a part of another that was cut inside a character', () => {
    const analyzer = analyzerOf(JSON.stringify({ tokenizer: 'standard' }));
    // What it does once the engine has made it fast counts.
    for (let round = 0; round < 1000; round++) {
      const text = 'ab\u{e0123}gh\u{1d49c}'.repeat(60).slice(0, 8 * 40 + 3);
      expect(analyzer.tokens(text).at(-1)?.end).toBeLessThanOrEqual(text.length);
    }
  });
});
