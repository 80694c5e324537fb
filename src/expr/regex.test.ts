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
