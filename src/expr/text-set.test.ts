import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TextSet } from './text-set.js';

const utf8 = new TextEncoder();
/** Texts of few letters, so that many have the same length and the same bytes at either end. */
const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), maxLength: 6 }),
  fc.string({ maxLength: 3 }),
);

it('has the texts that it was made of and no others, wherever they stand', () => {
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 30 }), fc.array(anyText), (own, asked) => {
      const set = new TextSet(own);
      for (const text of [...own, ...asked]) {
        const bytes = utf8.encode(`#${text}b`);
        expect(set.has(bytes, 1, bytes.length - 1)).toBe(own.includes(text));
      }
    }),
  );
});

it('has them when there are more than its filter is for', () => {
  const own = Array.from({ length: 20_000 }, (_, at) => `text ${at}`);
  const set = new TextSet(own);
  expect(set.size).toBe(own.length);
  for (let at = 0; at < 40_000; at += 7) {
    const bytes = utf8.encode(`text ${at}`);
    expect(set.has(bytes, 0, bytes.length)).toBe(at < own.length);
  }
});
