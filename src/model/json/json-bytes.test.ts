// The walkers over bytes take what the walkers over text take, and cut it at the same places.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  jsonBytesOf,
  jsonBytesOfText,
  plainStringEnd,
  spaceEnd,
  valueEnd,
  walkElements,
  walkMembers,
} from './json-bytes.js';
import { forEachElement, forEachMember, parseJsonString } from './json-members.js';

const utf8 = new TextEncoder();

type Found = readonly (readonly [string, string])[] | undefined;

function membersOfText(text: string): Found {
  const found: [string, string][] = [];
  try {
    forEachMember(text, (key, raw) => void found.push([key, raw]));
    return found;
  } catch {
    return undefined;
  }
}

function membersOfBytes(text: string): Found {
  const source = jsonBytesOfText(text);
  const found: [string, string][] = [];
  const end = walkMembers(source.bytes, 0, (keyBegin, keyEnd, begin) => {
    const key = parseJsonString(source.text(keyBegin, keyEnd));
    const valueAt = valueEnd(source.bytes, begin);
    if (key === undefined || valueAt < 0) return -1;
    found.push([key, source.text(begin, valueAt)]);
    return valueAt;
  });
  return end < 0 || spaceEnd(source.bytes, end) < source.bytes.length ? undefined : found;
}

function elementsOf(text: string): readonly [Found, Found] {
  const [ofText, ofBytes]: [string, string][][] = [[], []];
  let isList = false;
  try {
    isList = forEachElement(text, (raw) => void ofText?.push(['', raw]));
  } catch {
    isList = false; // No JSON at all: the walker over bytes has to find the same.
  }
  const source = jsonBytesOfText(text);
  const end = walkElements(source.bytes, 0, (begin) => {
    const valueAt = valueEnd(source.bytes, begin);
    if (valueAt >= 0) ofBytes?.push(['', source.text(begin, valueAt)]);
    return valueAt;
  });
  const isEnd = end >= 0 && spaceEnd(source.bytes, end) === source.bytes.length;
  return [isList ? ofText : undefined, isEnd ? ofBytes : undefined];
}

const objects = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 3 }));
const damage = fc.array(fc.tuple(fc.nat(200), fc.constantFrom(...'{}[]",:\\ 01nt\u0001é'.split(''))), {
  maxLength: 3,
});
const damagedText = (text: string, places: readonly (readonly [number, string])[]): string =>
  places
    .reduce(
      (now, [at, sign]) => now.slice(0, at % now.length) + sign + now.slice((at % now.length) + 1),
      text,
    )
    // Half of a pair is nothing that bytes of UTF-8 can say.
    .replaceAll(/\p{Surrogate}/gu, '?');

describe('walkers over bytes', () => {
  it('find the members that walkers over text find', () => {
    fc.assert(
      fc.property(objects, fc.constantFrom(0, 1), damage, (object, indent, places) => {
        const text = damagedText(JSON.stringify(object, undefined, indent), places);
        expect(membersOfBytes(text), text).toEqual(membersOfText(text));
      }),
      { numRuns: 3000 },
    );
  });

  it('find the elements that walkers over text find', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 3 })), damage, (list, places) => {
        const text = damagedText(JSON.stringify(list), places);
        const [ofText, ofBytes] = elementsOf(text);
        expect(ofBytes, text).toEqual(ofText);
      }),
      { numRuns: 3000 },
    );
  });

  it('end long lists where they end, wherever they begin and whatever is in them', () => {
    // Far more between two signs than is looked at byte by byte, so that words are read; and words that are no numbers.
    const long = fc.integer({ min: 20, max: 70 });
    const part = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      long.map((count) => Array.from({ length: count }, (_, at) => at * 7).join(', ')),
      fc.constantFrom('true', 'null', '1e-7', '"a"', '"]"', '"\\""', '[]', '{"a":[1]}', '{}', '"é"'),
    );
    const lists = fc.array(part, { minLength: 1, maxLength: 12 }).map((parts) => `[${parts.join(',')}]`);
    fc.assert(
      fc.property(
        lists,
        fc.nat(9),
        fc.constantFrom('', ']', ',1', ' '.repeat(40)),
        (list, before, behind) => {
          const bytes = utf8.encode(`${' '.repeat(before)}${list}${behind}`).subarray(before);
          const end = utf8.encode(list).length;
          expect(valueEnd(bytes, 0), list).toBe(end);
          expect(valueEnd(bytes.subarray(0, end), 0), list).toBe(end);
          expect(valueEnd(bytes.subarray(0, end - 1), 0), list).toBe(-1);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('end no value that is nested too deep, nor one without an end', () => {
    const deep = (levels: number) => utf8.encode(`${'['.repeat(levels)}${']'.repeat(levels)}`);
    expect(valueEnd(deep(512), 0)).toBe(1024);
    for (const bytes of [
      deep(513),
      ...['[', '"', '"\\', '{"a":"', '', ',', ']'].map((text) => utf8.encode(text)),
    ])
      expect(valueEnd(bytes, 0)).toBe(-1);
  });

  it('know text that is what it stands for', () => {
    const ends = ['"aé"', '""', '"a\\n"', '"a\n"', '"a'].map((text) => plainStringEnd(utf8.encode(text), 0));
    expect(ends).toEqual([4, 1, -1, -1, -1]);
  });
});

describe('bytes as text', () => {
  it('is the same at every border of pieces', () => {
    for (const shift of [0, 1, 2, 3]) {
      const text = `${'a'.repeat(shift)}${'\u{1f600}'.repeat(40_000)}`;
      expect(jsonBytesOf(utf8.encode(text)).text()).toBe(text);
    }
  });

  it.each([100, 65_535, 65_536, 131_072, 200_000])('is refused with a byte that is none at %i', (at) => {
    const bytes = new Uint8Array(200_001).fill(0x61);
    bytes[at] = 0xff;
    expect(() => jsonBytesOf(bytes)).toThrow(TypeError);
    bytes[at] = 0x80;
    expect(() => jsonBytesOf(bytes)).toThrow(TypeError);
  });
});
