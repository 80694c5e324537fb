// Expressions followed in bits against the package that has all of RE2: whatever is taken here is found in the same texts.
import { describe, expect, it } from 'vitest';
import { nextBelow, type Random, seededRandom } from '#base/random.js';
import { compileRegex } from '#expr/regex.js';
import { BitRegex } from './regex-bits.js';

const utf8 = new TextEncoder();
const finds = (regex: BitRegex, text: string): boolean => {
  // Not at the beginning of the bytes, and with bytes behind: none of them counts.
  const bytes = utf8.encode(`a\n${text}b\n`);
  return regex.test(bytes, 2, bytes.length - 2);
};

const pick = <T>(random: Random, list: readonly [T, ...T[]]): T =>
  list[nextBelow(random, list.length)] ?? list[0];
const characters = [
  'a',
  'b',
  'c',
  'k',
  'S',
  '1',
  '_',
  ' ',
  '-',
  '.',
  '\n',
  'é',
  'ſ',
  '\u212a',
  '😀',
] as const;
const textOf = (random: Random): string =>
  Array.from({ length: nextBelow(random, 9) }, () => pick(random, characters)).join('');

function atomOf(random: Random, depth: number): string {
  switch (nextBelow(random, depth > 0 ? 8 : 6)) {
    case 0:
      return '.';
    case 1:
      return pick(random, ['\\d', '\\w', '\\s', '\\D', '\\W', '\\S', '\\.', '\\-', '\\n']);
    case 2:
      return pick(random, ['[ab]', '[^ab]', '[a-c1]', '[^\\d]', '[\\w-]', '[.\\]]', '[_a-]']);
    case 3:
    case 4:
    case 5:
      return pick(random, ['a', 'b', 'c', 'k', 'S', '1', '_', 'é', '😀']);
    default:
      return `${pick(random, ['(', '(?:'])}${expressionOf(random, depth - 1)})`;
  }
}

function expressionOf(random: Random, depth: number): string {
  const concat = () =>
    Array.from(
      { length: nextBelow(random, 4) },
      () => atomOf(random, depth) + pick(random, ['', '', '', '*', '+', '?', '{2}', '{1,}', '{0,2}', '*?']),
    ).join('');
  return Array.from({ length: 1 + Number(nextBelow(random, 4) === 0) }, concat).join('|');
}

describe('a regular expression in bits', () => {
  it('finds what RE2 finds, in thousands of random expressions and texts', () => {
    const random = seededRandom(20);
    let taken = 0;
    let found = 0;
    for (let round = 0; round < 6000; round++) {
      const flags = pick(random, ['', '', '', '(?i)', '(?s)', '(?is)']);
      const source = `${flags}${pick(random, ['', '', '^'])}${expressionOf(random, 2)}${pick(random, ['', '', '$'])}`;
      const bits = BitRegex.of(source);
      if (bits === undefined) continue;
      taken++;
      const whole = compileRegex(source);
      for (let one = 0; one < 8; one++) {
        const text = textOf(random);
        const expected = whole.test(utf8.encode(text));
        found += Number(expected);
        expect(finds(bits, text), `${JSON.stringify(source)} in ${JSON.stringify(text)}`).toBe(expected);
      }
    }
    // Not all are found and not all are missed, and most are taken.
    expect(taken).toBeGreaterThan(3000);
    expect(found).toBeGreaterThan(4000);
    expect(taken * 8 - found).toBeGreaterThan(4000);
  });

  it.each([
    '\\bcat\\b',
    '(?m)^a',
    '(?i)[a-z]',
    '(?i)é',
    '(?P<name>a)',
    '\\pL',
    '[[:alpha:]]',
    '[é]',
    '[]a]',
    '\\x41',
    '\\Qa.b\\E',
    'a^b',
    'a$b',
    '^a|b',
    'a|b$',
    'a{',
    '(a(?i)b)',
    'a{33}',
    '(ab){20}',
    '^*',
  ])('leaves %j to the package that has all of RE2', (source) => expect(BitRegex.of(source)).toBeUndefined());

  it('takes time in proportion to the text where going back would take for ever', () => {
    const bytes = utf8.encode(`${'a'.repeat(200_000)}!`);
    // The deadline of the test is what fails otherwise.
    for (const source of ['(a+)+$', '(a|aa)+$', '(a*)*b', '(a?){10}a{10}b', '.*.*.*=x'])
      expect(BitRegex.of(source)?.test(bytes, 0, bytes.length), source).toBe(false);
  });
});
