// Nothing rests within one text, so what a text may cost is bounded before it is met.
import { describe, expect, it } from 'vitest';
import { bytesOfText } from './byte-strings.js';
import { regexMatcher } from './matchers.js';

const LONGEST = 65_535;
const NANOS_MAX = 2 ** 25 * 10;

const tried = (source: string, length: number): boolean => {
  const bytes = bytesOfText('a'.repeat(length));
  return regexMatcher(source).test(bytes, 0, length);
};

describe('a regular expression and a long text', () => {
  const large = '(?:a?){240}a{240}d|\\bq';

  it('are refused with the numbers of both where they would take too long together', () => {
    const nanosMax = regexMatcher(large).byteNanosMax ?? 0;
    expect(nanosMax).toBeGreaterThan(512 * 10);
    expect(() => tried(large, LONGEST)).toThrow(
      /^the regular expression has \d+ steps and meets a text of 65535 bytes, expected a product of at most 33554432; /,
    );
    const length = Math.floor(NANOS_MAX / nanosMax);
    expect(tried(large, length)).toBe(false);
    expect(() => tried(large, length + 1)).toThrow(`meets a text of ${length + 1} bytes`);
  });

  it('are tried where either is small', () => {
    expect(tried(large, 1000)).toBe(false);
    expect(tried('(?:a?){100}a{100}d|\\bq', LONGEST)).toBe(false);
    // Followed in bits: a step a byte.
    expect(tried('(?i)[b-z]+x', LONGEST)).toBe(false);
  });

  it('take a bounded time, by the estimate that decides whether a thread does it', () => {
    for (const source of [large, '(?:a?){100}a{100}d|\\bq', '\\bq'])
      expect((regexMatcher(source).byteNanosMax ?? 0) * 32 * 1024).toBeLessThanOrEqual(NANOS_MAX);
  });
});
