import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StringArray } from '#proto/milvus/schema.js';
import { encodeTexts } from './text-list.js';
import { LIST_TEXTS_MAX, textSpans, textsIn } from './text-spans.js';

const lists = fc.array(
  fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.constantFrom('', 'a'.repeat(127), 'a'.repeat(128), 'ü'.repeat(64), 'ab'.repeat(9000), '😀'.repeat(40)),
  ),
  { maxLength: 40 },
);

describe('a list of texts', () => {
  it('has the bytes of the message, both ways', () => {
    fc.assert(
      fc.property(lists, (texts) => {
        const bytes = encodeTexts(texts);
        expect(bytes).toEqual(StringArray.encode({ data: texts }).finish());
        expect([...textsIn(textSpans(bytes))]).toEqual(texts);
      }),
      { numRuns: 200 },
    );
  });

  it('has at most 2^23 texts', () => {
    const bytes = new Uint8Array((LIST_TEXTS_MAX + 1) * 2);
    for (let at = 0; at < bytes.length; at += 2) bytes[at] = 10;
    expect(() => textSpans(bytes)).toThrow('has more than 8388608 texts');
  });

  it('is refused where its bytes are no such message, or no UTF-8', () => {
    const bytes = encodeTexts(['abc', 'ü', 'x'.repeat(200)]);
    for (let end = 1; end < bytes.length; end++) {
      if (end === 5 || end === 9) continue;
      expect(() => textSpans(bytes.subarray(0, end)), `${end} bytes`).toThrow('is damaged');
    }
    expect(() => textSpans(Uint8Array.of(18, 1, 65))).toThrow('is damaged');
    expect(() => textSpans(Uint8Array.of(10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))).toThrow('is damaged');
    expect(() => textSpans(Uint8Array.of(10, 1, 0x80))).toThrow('is not valid UTF-8');
    expect(() => textSpans(Uint8Array.of(10, 1, 0xc3, 10, 1, 0xbc))).toThrow('is not valid UTF-8');
  });
});
