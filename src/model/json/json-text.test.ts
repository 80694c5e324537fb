import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonObject, isJsonText, JSON_DEPTH_MAX } from './json-text.js';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('isJsonText', () => {
  it('agrees with JSON.parse on values and on texts near them', () => {
    fc.assert(fc.property(fc.json(), (text) => isJsonText(bytesOf(text))));
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '\\',
      '\\u12',
      '0',
      '-',
      '1.5',
      'e+3',
      'true',
      'null',
      ' ',
      '\n',
      'é',
      '\\n',
      '.',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 9 }),
        (pieces) => isJsonText(bytesOf(pieces.join(''))) === parses(pieces.join('')),
      ),
      { numRuns: 20_000 },
    );
  });
  it('refuses broken UTF-8, deep nesting and empty input', () => {
    expect(isJsonText(Uint8Array.of(0x22, 0xff, 0x22))).toBe(false);
    expect(isJsonText(new Uint8Array())).toBe(false);
    const nested = (depth: number) => bytesOf('['.repeat(depth) + ']'.repeat(depth));
    expect(isJsonText(nested(JSON_DEPTH_MAX))).toBe(true);
    expect(isJsonText(nested(JSON_DEPTH_MAX + 1))).toBe(false);
  });
  it('knows objects', () => {
    expect(['{}', ' {"a":1}', '[]', '1', '{'].map((text) => isJsonObject(bytesOf(text)))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
