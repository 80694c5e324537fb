// The package is held to what is promised of it: RE2's syntax, UTF-8, and work in proportion to the text.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { compileRegex, REGEX_LENGTH_MAX } from './regex.js';

const utf8 = new TextEncoder();
const finds = (source: string, text: string): boolean => {
  const regex = compileRegex(source);
  const found = regex.test(text);
  expect(regex.test(utf8.encode(text))).toBe(found);
  return found;
};

describe('compileRegex', () => {
  it.each([
    ['b', 'abc', true],
    ['^b', 'abc', false],
    ['^a.*c$', 'abbbc', true],
    ['a{2,3}$', 'baa', true],
    ['^a{2,3}$', 'aaaa', false],
    ['(foo|ba[rz])+', 'xbarfoo', true],
    ['\\d+\\s\\w', '12 x', true],
    ['\\bcat\\b', 'a cat!', true],
    ['\\bcat\\b', 'concat', false],
    ['(?i)straße', 'STRASSE Straße', true],
    ['(?i)ABC', 'xabc', true],
    ['^\\pL+$', 'Ωμέγα', true],
    ['^\\p{Greek}+$', 'abc', false],
    ['^.$', '😀', true],
    ['[^a-z]', 'abcé', true],
    ['a.c', 'a\nc', false],
    ['(?s)a.c', 'a\nc', true],
    ['(?m)^b', 'a\nb', true],
    ['x*?y', 'xxy', true],
    ['[[:alpha:]]+', '123a', true],
    ['', '', true],
    ['\\x{1F600}', '😀', true],
  ])('%j in %j: %j', (source, text, expected) => {
    expect(finds(source, text)).toBe(expected);
  });

  it('refuses what RE2 has not, and what is too large', () => {
    const sources = ['(', 'a**', '[z-a]', '(?=a)', '(a)\\1', 'a{1001}', '(a{100}){100}', '\\q', '[[:nope:]]'];
    for (const source of [
      ...sources,
      '(?:abcdefgh){900}',
      '(?:a?){600}(?:a){600}',
      'x'.repeat(REGEX_LENGTH_MAX + 1),
    ]) {
      expect(() => compileRegex(source), source).toThrow(ElanusError);
    }
  });

  it('says how large an expression may be', () => {
    const tooLarge = /^the regular expression has \d+ steps, expected at most 1024; repeat less$/;
    for (const source of [
      '(?:a?){500}(?:a){500}$',
      '(a{0,100}){0,9}b',
      '(?:(?:a?){30}){30}b',
      '\\pL{1000}\\pN{999}',
    ])
      expect(() => compileRegex(source), source).toThrow(tooLarge);
  });

  it('is done with the longest text of a VarChar whatever it asks', () => {
    const same = 'a'.repeat(65_535);
    const mixed = `c${Array.from({ length: 65_534 }, (_, at) => ((at * at * 7) % 11 < 5 ? 'a' : 'b')).join('')}`;
    for (const source of [
      '(?:a?){300}a{300}d',
      '(?:x+x+)+y',
      '(a|aa)+d',
      '(.*)*(.*)*(.*)*z',
      '(?:a|b)*a(?:a|b){20}c',
      'a[ab]{300}a[ab]{300}a[ab]{300}c',
      '\\B(?:a[ab]{400}|b[ab]{400})\\Bc',
      '((a?){10}){10}((a*){10}){8}$b',
    ]) {
      const regex = compileRegex(source);
      for (const text of [same, mixed]) expect(regex.test(utf8.encode(text)), source).toBe(false);
    }
  }, 60_000);

  it('takes time in proportion to the text where going back would take for ever', () => {
    for (const source of [
      '(a+)+$',
      '(a|aa)+$',
      '(a*)*b',
      '(.*)*=',
      '(a|b|ab)*c',
      '^(([a-z])+.)+[A-Z]([a-z])+$',
    ]) {
      // Going back would take 2^30 steps and more; the deadline of the test is what fails then.
      expect(compileRegex(source).test(`${'a'.repeat(60_000)}!`)).toBe(false);
    }
  });
});
