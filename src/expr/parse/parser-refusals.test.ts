// What the parser refuses, with which words and at which place, and how much nesting it takes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEPTH_MAX, parseFilter } from './parser.js';
import { FilterSyntaxError, placedMessage } from './syntax-error.js';

function refusal(text: string): string {
  try {
    parseFilter(text);
  } catch (error) {
    if (error instanceof FilterSyntaxError) return placedMessage(text, error);
    throw error;
  }
  throw new Error(`accepted ${text}`);
}

const bad: readonly (readonly [text: string, message: string])[] = [
  ['', "unexpected end of the expression, expected a value, a field or '(' at line 1, column 1: ▶"],
  ['a ==', "unexpected end of the expression, expected a value, a field or '(' at line 1, column 5: a ==▶"],
  ['a == )', "unexpected ')', expected a value, a field or '(' at line 1, column 6: a == ▶)"],
  [
    '(a == 1',
    'unexpected end of the expression, expected an operator or the closing bracket at line 1, column 8: (a == 1▶',
  ],
  ['a == 1)', "unexpected ')', expected an operator or the end at line 1, column 7: a == 1▶)"],
  ['a b', "unexpected 'b', expected an operator or the end at line 1, column 3: a ▶b"],
  [
    'a == 1\nand\n  == 2',
    "unexpected '==', expected a value, a field or '(' at line 3, column 3: a == 1 and   ▶== 2",
  ],
  ['and a', "unexpected 'and'"],
  ['a and', 'unexpected end of the expression'],
  ['a and or b', "unexpected 'or'"],
  ['a And b', "unexpected 'And', expected an operator or the end"],
  ['in [1]', "unexpected 'in'"],
  ['a in', 'unexpected end of the expression'],
  ['a not [1]', "unexpected '[', expected 'in'"],
  ['a not like "x"', "unexpected 'like', expected 'in'"],
  ['a in [1', "unexpected end of the expression, expected ',' or the closing bracket of the list"],
  ['a in [1 2]', "unexpected '2', expected ',' or the closing bracket of the list"],
  ['a in [,]', "unexpected ',', expected a value"],
  ['a in [1,,2]', "unexpected ','"],
  ['a in (1, 2)', "unexpected ',', expected an operator or the closing bracket"],
  ['a in ["x"', "expected ',' or the closing bracket of the list"],
  ['a in ["x" "y"]', "unexpected 'y', expected ',' or the closing bracket of the list"],
  ['a is', "unexpected end of the expression, expected 'null' or 'not null'"],
  ['a is 1', "unexpected '1', expected 'null' or 'not null'"],
  ['a is not', "expected 'null'"],
  ['1 is null', "unexpected 'is', expected an operator or the end"],
  ['(a) is null', "unexpected 'is'"],
  ['a[', 'unexpected end of the expression, expected a key in quotes, an index or the name of a field'],
  ['a[]', "unexpected ']', expected a key in quotes"],
  ['a["k"', 'unexpected end of the expression, expected the closing bracket'],
  ['a[-1]', "unexpected '-', expected a key in quotes"],
  ['a[1.5]', "unexpected '1.5', expected a key in quotes"],
  ['a[4294967296]', 'the index 4294967296 is too large'],
  ['a["x", "y"]', "unexpected ',', expected the closing bracket"],
  ['$[1]', "unexpected '1', expected the name of a field of the struct"],
  [
    '1 < a > 3',
    "'>' does not continue '<', expected a range like 1 < a <= 9 at line 1, column 7: 1 < a ▶> 3",
  ],
  ['a < ', 'unexpected end'],
  ['a = 1', "unexpected '=', expected an operator or the end"],
  ['a === 1', "unexpected '='"],
  ['a <> 1', "unexpected '>', expected a value"],
  ['a ! b', "unexpected '!', expected an operator or the end"],
  ['!', 'unexpected end'],
  ['!!', 'unexpected end'],
  ['+', 'unexpected end'],
  ['*', "unexpected '*'"],
  ['"abc', 'the string has no closing " at line 1, column 1: ▶"abc'],
  ["a == 'x", "the string has no closing '"],
  ['a == "\\q"', "invalid escape '\\q', expected one of a string"],
  ['a == "\\u12"', "invalid escape '\\u'"],
  ['a == "\\U00110000"', "invalid escape '\\U'"],
  ['a =~ "\\d+"', 'write r"…" to leave backslashes alone'],
  ['a == 1x', 'invalid number at line 1, column 6'],
  ['a == 0x', 'invalid number'],
  ['a == 0b2', 'invalid number'],
  ['a == 1e', 'invalid number'],
  ['a == 0x1.8', 'invalid number'],
  ['a == 1..2', "unexpected '0.2'"],
  ['a.b == 1', "unexpected '.', expected an operator or the end"],
  ['a == #', "unexpected character '#' at line 1, column 6"],
  ['a == 1; drop', "unexpected character ';'"],
  ['a == 1 --', 'unexpected end'],
  ['a == 1 /* x */', "unexpected '*'"],
  ['a == @b', "unexpected character '@'"],
  ['😀', "unexpected character '😀'"],
  ['ä == 1', "unexpected character 'ä'"],
  ['a == "x\u0000', 'the string has no closing'],
  ['a == \u0000', "unexpected character '\u0000'"],
  ['{', "unexpected '{', expected a template variable like {name}"],
  ['a == {}', "unexpected '{'"],
  ['a == {1x}', "unexpected '{'"],
  ['a == {x', "unexpected '{'"],
  ['a == {$x}', "unexpected '{'"],
  ['a == {x y}', "unexpected '{'"],
  ['}', "unexpected character '}'"],
  ['f(', 'unexpected end'],
  ['f(1', "expected ',' or the closing bracket of the call"],
  ['f(1 2)', "unexpected '2', expected ',' or the closing bracket of the call"],
  ['f(,)', "unexpected ',', expected a value"],
  ['f(x=)', "unexpected ')', expected a value"],
  ['f(x=1, 2)', 'an argument without a name comes after one with a name'],
  ['f(1=2)', "unexpected '=', expected ',' or the closing bracket of the call"],
  ['f(a["k"]=2)', "unexpected '='"],
  ['f)(', "unexpected ')'"],
  [')', "unexpected ')'"],
  [']', "unexpected ']'"],
  ['[', 'unexpected end'],
  ['[1,', 'unexpected end'],
  ['([)]', "unexpected ')'"],
  ['a == (1', 'expected an operator or the closing bracket'],
  ['a like', 'unexpected end'],
  ['like "x"', "unexpected 'like'"],
  ['a like like', "unexpected 'like'"],
  ['a =~', 'unexpected end'],
  ['a ~ "x"', "unexpected '~', expected an operator or the end"],
  ['exists', 'exists'],
  ['exists(', 'unexpected end'],
  ['not', 'unexpected end'],
  ['NOT', 'unexpected end'],
  ['iso "x" "y"', "unexpected 'y'"],
  ['a == 1 and and b == 2', "unexpected 'and'"],
  ['a == "x" "y"', "unexpected 'y', expected an operator or the end"],
  ['a == 1, b == 2', "unexpected ',', expected an operator or the end"],
  ["' or 1 == 1", "the string has no closing '"],
  ["a == 'x' or '1' == '1", "the string has no closing '"],
  ['a == 1 ** ', 'unexpected end'],
  ['a << << 2', "unexpected '<<'"],
  [`${'a'.repeat(30)} == ) ${'b'.repeat(40)}`, `: …${'a'.repeat(20)} == ▶) ${'b'.repeat(22)}…`],
  [`a == ${'x'.repeat(30)} ${'y'.repeat(100)}`, `unexpected '${'y'.repeat(64)}…'`],
];

describe('parseFilter', () => {
  it.each(bad.filter(([text]) => text !== 'exists'))('refuses %j', (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  it('has a hundred texts that it refuses', () => expect(bad.length).toBeGreaterThanOrEqual(100));

  it('throws nothing but its own error', () => {
    const piece = fc.constantFrom(
      ...['a', 'and', 'or', 'not', 'in', 'is', 'null', 'like', 'exists', 'true', 'iso', 'f(', '$', '$['],
      ...[
        '(',
        ')',
        '[',
        ']',
        ',',
        '==',
        '<',
        '<=',
        '>',
        '+',
        '-',
        '*',
        '**',
        '&',
        '|',
        '=',
        '!',
        '!~',
        '=~',
        '~',
        '.',
      ],
      ...['1', '2.5', '1e', '0x', '"a"', "'", '"', 'r"', '\\', '{x}', '{', '}', ' ', '\n', '\u0000', '😀'],
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(piece).map((pieces) => pieces.join(' ')),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (text) => {
          try {
            parseFilter(text);
          } catch (error) {
            expect(error).toBeInstanceOf(FilterSyntaxError);
            expect(placedMessage(text, error as FilterSyntaxError).length).toBeLessThan(500);
          }
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it('takes nesting up to its bound and refuses more, without using up the stack', () => {
    const nested: readonly (readonly [open: string, inside: string, close: string, levels: number])[] = [
      ...([
        ['(', 'a', ')', 1],
        ['not ', 'a', '', 1],
        ['-', 'a', '', 1],
        ['[', '', ']', 1],
        ['f(', '1', ')', 1],
      ] as const),
      ...([
        ['a == 1 and (', 'a', ')', 1],
        ['f(x=', '1', ')', 2],
        ['a in [', '1', ']', 2],
        ['exists (', 'a', ')', 2],
      ] as const),
    ];
    for (const [open, inside, close, levels] of nested) {
      const count = Math.floor(DEPTH_MAX / levels);
      const most = open.repeat(count) + inside + close.repeat(count);
      expect(() => parseFilter(most)).not.toThrow();
      // As iterators go on behind a page.
      for (const text of [`(${most}) and pk > 1`, `pk > 1 and (${most})`, `pk > 1 and (${most}) and pk < 9`])
        expect(() => parseFilter(text)).not.toThrow();
      expect(refusal(open.repeat(90_000))).toBe(
        `the expression is nested deeper than ${DEPTH_MAX} levels, expected at most so many`,
      );
    }
    const most = `${'('.repeat(DEPTH_MAX)}a${')'.repeat(DEPTH_MAX)}`;
    for (const text of [`((${most}))`, `pk > 1 or (${most})`, `((${most}) and pk > 1)`, `not (${most})`])
      expect(refusal(text), text.slice(0, 20)).toContain('nested deeper than');
    for (const run of [' + a', ' == a', ' like a', ' | a', ' in a', ' ** a', ' < a']) {
      expect(() => parseFilter(`a${run.repeat(DEPTH_MAX)}`)).not.toThrow();
      expect(refusal(`a${run.repeat(40_000)}`)).toContain('nested deeper than');
    }
    // Every operator of the table once more at every level.
    const ladder = '1 or 1 and 1 | 1 ^ 1 & 1 == 1 < 1 in 1 << 1 + 1 * 1 ** (';
    expect(refusal(`${ladder.repeat(200)}1${')'.repeat(200)}`)).toContain('nested deeper than');
    expect(refusal(ladder.repeat(2000))).toContain('nested deeper than');
    expect(() => parseFilter(`${'a == 1 and '.repeat(20_000)}a == 1`)).not.toThrow();
  });
});
