import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOfText } from './byte-strings.js';
import { matchForward, type Piece, RunFinder } from './run-finder.js';

/** `_` is a code point. */
const runOf = (pattern: string): Piece[] =>
  pattern
    .split(/(_)/u)
    .filter((part) => part !== '')
    .map((part) => (part === '_' ? undefined : bytesOfText(part)));

function slowEnd(bytes: Uint8Array, run: readonly Piece[]): number {
  for (let at = 0; at <= bytes.length; at++) {
    const isWithin = ((bytes[at] ?? 0) & 0xc0) === 0x80;
    const behind = isWithin ? -1 : matchForward(bytes, at, bytes.length, run);
    if (behind >= 0) return behind;
  }
  return -1;
}

test('finds what trying each place finds, also in texts that go over to the steady way', () => {
  const letters = fc.constantFrom('a', 'a', 'a', 'b', 'é', '😀');
  const patterns = fc.string({ unit: fc.oneof(letters, fc.constant('_')), minLength: 1, maxLength: 80 });
  const texts = fc.tuple(fc.nat(900), fc.string({ unit: letters, maxLength: 300 }));
  fc.assert(
    fc.property(patterns, texts, (pattern, [repeated, text]) => {
      const bytes = bytesOfText('a'.repeat(repeated) + text);
      const run = runOf(pattern);
      expect(new RunFinder(run).findEnd(bytes, 0, bytes.length)).toBe(slowEnd(bytes, run));
    }),
    { numRuns: 2000 },
  );
});

test('a run that almost matches everywhere takes a few looks at each byte', () => {
  const bytes = bytesOfText('a'.repeat(60_000));
  const finder = new RunFinder(runOf(`${'a_'.repeat(2000)}b`));
  const begun = performance.now();
  for (let round = 0; round < 10; round++) expect(finder.findEnd(bytes, 0, bytes.length)).toBe(-1);
  // Trying each place takes more than a second for each text.
  expect(performance.now() - begun).toBeLessThan(2000);
});
