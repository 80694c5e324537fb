// Reading a filter takes steps in proportion to its length, whatever the text is; steps are counted, so that a busy machine changes nothing.
import { describe, expect, it } from 'vitest';
import { Lexer, NUMBER_LENGTH_MAX, STRING_LENGTH_MAX, WORD_LENGTH_MAX } from './lexer.js';
import { DEPTH_MAX, Parser } from './parser.js';
import { FilterSyntaxError } from './syntax-error.js';
import { TOKENS_MAX } from './token-reader.js';

interface Reading {
  readonly steps: number;
  readonly refusal: string | undefined;
}
function reading(text: string, read: (lexer: Lexer) => void): Reading {
  const lexer = new Lexer(text);
  try {
    read(lexer);
    return { steps: lexer.steps, refusal: undefined };
  } catch (error) {
    if (!(error instanceof FilterSyntaxError)) throw error;
    return { steps: lexer.steps, refusal: error.message };
  }
}
/** Takes every token, each after a look at it. */
const drain = (text: string): Reading =>
  reading(text, (lexer) => {
    while (lexer.peek().kind !== 'end') lexer.next();
  });
const check = (text: string): Reading => reading(text, (lexer) => new Parser(lexer).parse());

const families: readonly [what: string, textOf: (size: number) => string][] = [
  ['string keys', (size) => `id in [${'"0123-aaaa",'.repeat(size)}"z"]`],
  ['string keys with a backslash at the end', (size) => `id in [${'"0123-aaaa",'.repeat(size)}"\\\\"]`],
  ['string keys in both quotes', (size) => `id in [${`"it's",'say "x"',`.repeat(size)}"z"]`],
  ['one string of escapes', (size) => `id == "${'\\"'.repeat(size)}"`],
  ['one raw string of backslashes', (size) => `id == r"${'\\x'.repeat(size)}"`],
  ['a string without an end', (size) => `id == "${'\\"a'.repeat(size)}`],
  [
    'a quote of the other kind without an end',
    (size) => `id in [${'"a",'.repeat(size)}'${'"a",'.repeat(size)}`,
  ],
  ['and', (size) => 'a and '.repeat(size)],
  ['not', (size) => 'not '.repeat(size)],
  ['parentheses', (size) => '('.repeat(size)],
  ['digits', (size) => '9'.repeat(size)],
  ['digits with a point', (size) => `${'9'.repeat(size)}.${'9'.repeat(size)}e${'9'.repeat(size)}`],
  ['hexadecimal digits', (size) => `0x${'f'.repeat(size)}`],
  ['a long name', (size) => 'a'.repeat(size)],
  ['a template of spaces', (size) => `{${' '.repeat(size)}`],
  ['a template without an end', (size) => `{${'a'.repeat(size)}${' '.repeat(size)}`],
  ['white space', (size) => ' '.repeat(size)],
  ['operators', (size) => '+-'.repeat(size)],
  ['lists that turn out not to be plain', (size) => `a in [${'["a",1],'.repeat(size)}]`],
  [
    'lists of strings with a backslash that turn out not to be plain',
    (size) => `a in [${'["a\\n","b",1],'.repeat(size)}]`,
  ],
  ['a long list that ends in another type', (size) => `a in [${'"a",'.repeat(size)}1]`],
];

describe('Lexer', () => {
  it.each(families)('reads %s in steps of the length', (_what, textOf) => {
    for (const size of [2_000, 20_000]) {
      const text = textOf(size);
      expect(drain(text).steps).toBeLessThanOrEqual(text.length * 4 + 16);
      // A list that turns out not to be plain is read twice.
      expect(check(text).steps).toBeLessThanOrEqual(text.length * 8 + 16);
    }
  });
  it('bounds what one literal may be', () => {
    expect(drain('9'.repeat(NUMBER_LENGTH_MAX)).refusal).toBeUndefined();
    expect(drain('9'.repeat(3_000_000)).refusal).toBe(
      `the number has 3000000 characters, expected at most ${NUMBER_LENGTH_MAX}`,
    );
    expect(drain(`"${'a'.repeat(STRING_LENGTH_MAX)}"`).refusal).toBeUndefined();
    expect(drain(`"${'\\n'.repeat(STRING_LENGTH_MAX)}"`).refusal).toContain('the string has more than');
    expect(drain('a'.repeat(WORD_LENGTH_MAX)).refusal).toBeUndefined();
    expect(drain('a'.repeat(24_000_000)).refusal).toContain('the name has 24000000 characters');
  });
  it('bounds what all of it may be', () => {
    expect(check(`${'('.repeat(DEPTH_MAX)}a == 1${')'.repeat(DEPTH_MAX)}`).refusal).toBeUndefined();
    for (const opening of [
      '(',
      '[',
      'f(',
      'not ',
      '-',
      '~',
      'not(',
      'exists (',
      'a in [',
      '1 + (',
      'a == 1 and (',
      'f(x=',
    ]) {
      expect(check(`${opening.repeat(100_000)}a`).refusal).toBe(
        `the expression is nested deeper than ${DEPTH_MAX} levels, expected at most so many`,
      );
    }
    expect(check(`${'a == 1 and '.repeat(TOKENS_MAX / 4 - 1)}a == 1`).refusal).toBeUndefined();
    expect(check(`${'a and '.repeat(4_000_000)}a`).refusal).toContain(
      `more than ${TOKENS_MAX} words and signs`,
    );
  });
  it('reads a token once, however often it is looked at', () => {
    const lexer = new Lexer('"a\\n" "b\\t"');
    expect([lexer.peek(), lexer.peek(), lexer.next(), lexer.peek(), lexer.next(), lexer.next()]).toEqual([
      ...[1, 2, 3].map(() => ({ kind: 'string', value: 'a\n', begin: 0, end: 5 })),
      ...[1, 2].map(() => ({ kind: 'string', value: 'b\t', begin: 6, end: 11 })),
      { kind: 'end', begin: 11, end: 11 },
    ]);
  });
});
